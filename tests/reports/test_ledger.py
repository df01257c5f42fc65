"""The ledger takes the newest study that can say something, one a data set."""

from dataclasses import replace

import pytest

from core.results import Run
from reports import ledger
from reports.studies import Shelf, Study
from reports.verdicts import claims

PART = {"name": "rule - other", "unit": "points", "value": 0.02, "low": 0.01, "high": 0.03}


def study(name, data, started, claim="W3", parts=(PART,), synthetic=False, verdict="supported"):
    row = {
        "claim": claim,
        "verdict": verdict,
        "needed": "",
        "comment": "",
        "same_data": claims()[claim].data == data,
        "parts": list(parts),
    }
    page = {
        "study": "init_schemes",
        "verdicts": [row],
        "data": {"name": data, "synthetic": synthetic},
    }
    return Study(Run(name, "FINISHED", {"study": "init_schemes"}, started), page)


def lines(*studies):
    newest_first = sorted(studies, key=lambda each: -each.run.started)
    return {line.name: line for line in ledger.build(newest_first)}


def test_every_claim_has_a_line_and_says_what_runs_it():
    found = lines()
    assert list(found) == list(claims())
    assert {line.verdict for line in found.values()} == {"not run"}
    assert all(line.claim.command.startswith("python experiments/") for line in found.values())


def test_the_newest_study_of_a_data_set_speaks():
    found = lines(study("old", "digits", 1, verdict="refuted"), study("new", "digits", 2))
    assert [entry.study.run.id for entry in found["W3"].entries] == ["new"]
    assert found["W3"].verdict == "supported"
    assert found["W1"].entries == []


def test_a_study_that_left_the_arms_out_gives_way_to_an_older_one():
    partial = study("new", "digits", 2, parts=(), verdict="undecided")
    assert lines(partial)["W3"].verdict == "undecided"
    assert lines(partial, study("old", "digits", 1))["W3"].verdict == "supported"


def test_what_was_not_measured_is_shown_only_where_nothing_was():
    empty = [study(name, name, 1, parts=(), verdict="undecided") for name in ("digits", "mnist")]
    (entry,) = lines(*empty)["W3"].entries
    assert entry.row["verdict"] == "undecided"
    found = lines(*empty, study("c", "cifar10", 1))["W3"].entries
    assert [each.study.data for each in found] == ["cifar10"]


def test_published_data_comes_first_and_synthetic_last():
    made = study("a", "lesions", 9, synthetic=True)
    found = lines(made, study("b", "digits", 5), study("c", "fashion-mnist", 1))
    assert [entry.study.data for entry in found["W3"].entries] == [
        "fashion-mnist",
        "digits",
        "lesions",
    ]


def test_a_shelf_shows_the_newest_of_each_experiment_and_data_set():
    old, new, other = (
        study("old", "digits", 1),
        study("new", "digits", 2),
        study("x", "mnist", 1),
    )
    shelf = Shelf([new, old, other], {})
    assert [each.run.id for each in shelf.newest()] == ["new", "x"]


def test_claims_are_complete():
    for name, claim in claims().items():
        assert claim.statement.endswith("."), name
        assert claim.margin >= 0, name
        assert not claim.test.endswith("."), name  # the page ends the sentence
        with pytest.raises(AttributeError):
            claim.margin = 1  # type: ignore[misc]
    assert replace(claims()["W1"], margin=0.5).margin == 0.5
