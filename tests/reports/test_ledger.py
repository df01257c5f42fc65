"""The ledger takes the strongest evidence, by a rule that no result enters; claims are complete."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.evaluation.decisions import withhold
from core.evaluation.intervals import mean
from core.evaluation.verdicts import superior
from core.store import Run
from reports import ledger
from reports.judge import Entry
from reports.lessons import NO_DATA, claims, lessons
from reports.studies import Study

DECISION = superior(mean(np.array([[0.5], [0.6], [0.7]])))


@dataclass(frozen=True)
class Stored(Study):
    """A study whose entries are given."""

    entries: dict = None


def study(name, data, started=1, claim="W3", *, tested=True, synthetic=False, seeds=3, **entry):
    known = claims()[claim]
    made = Entry(
        claim=known,
        decision=replace(DECISION, **entry) if tested else None,
        lacking="" if tested else "No arm.",
        same_data=known.data == data,
        departures=(),
    )
    trials = SimpleNamespace(
        attrs={"study": "init_schemes", "card": {"name": data, "synthetic": synthetic}},
        sizes={"seed": seeds},
    )
    run = Run(name, "FINISHED", {"study": "init_schemes"}, started, "")
    return Stored(run, trials, entries={claim: made})


def lines(*studies):
    return {line.claim.name: line for line in ledger.build(studies)}


def ids(line):
    return [evidence.study.run.id for evidence in line.evidence]


def test_every_claim_has_a_line_and_says_what_runs_it():
    found = lines()
    assert list(found) == list(claims())
    assert {line.verdict for line in found.values()} == {"not tested"}
    assert all(line.claim.command.startswith("python experiments/") for line in found.values())


def test_more_seeds_outrank_a_later_run():
    few, many = study("few", "digits", 9, seeds=2), study("many", "digits", 1, seeds=10)
    assert ids(lines(few, many)["W3"]) == ["many", "few"]
    assert ids(lines(many, few)["W3"]) == ["many", "few"]
    assert ids(lines(study("old", "digits", 1), study("new", "digits", 2))["W3"]) == ["new", "old"]


def test_what_is_too_small_for_a_verdict_gives_way():
    small = study("small", "fashion-mnist", 9, seeds=3, withheld="no look")
    part = study("part", "fashion-mnist", 8, seeds=3, parts={"a": withhold(DECISION, "few seeds")})
    enough = study("enough", "digits", seeds=10)
    assert ids(lines(small, part, enough)["W3"]) == ["enough", "small", "part"]


def test_what_was_not_tested_gives_way():
    lacks = study("lacks", "fashion-mnist", 9, tested=False)
    assert lines(lacks)["W3"].verdict == "not tested"
    assert lines(lacks)["W3"].lacking == "No arm."
    assert ids(lines(lacks, study("has", "digits"))["W3"]) == ["has"]


def test_published_data_and_protocol_come_first_then_photographs_and_drawings_last():
    made = [
        study("drawn", "lesions", 9, synthetic=True, seeds=90),
        study("toy", "digits", 5, seeds=50),
        study("folder", "folder:clothes", 5, seeds=40),
        study("other-protocol", "fashion-mnist", 5, seeds=30),
        study("published", "fashion-mnist", 1, seeds=2),
    ]
    made[3].entries["W3"] = replace(made[3].entries["W3"], departures=("15 of 2 epochs",))
    found = lines(*made)["W3"]
    assert ids(found) == ["published", "other-protocol", "folder", "toy", "drawn"]
    assert found.as_published
    assert found.evidence[1].caveats == ["15 of 2 epochs"]
    assert found.evidence[4].caveats == ["synthetic", "not the published data"]


def test_the_headline_counts_what_was_trained_as_published_apart():
    made = (("a", "fashion-mnist", "W3"), ("b", "digits", "W4"), ("c", "none", "T2a"))
    found = list(lines(*(study(name, data, claim=claim) for name, data, claim in made)).values())
    published, elsewhere, without = ledger.counts(found).values()
    assert sum(published.values()) == 1
    assert [each[DECISION.verdict] for each in (published, elsewhere, without)] == [1, 1, 1]
    n_without = sum(claim.data == NO_DATA for claim in claims().values())
    assert n_without == 5  # T2a to T2d, T5
    assert without["not tested"] == n_without - 1
    assert elsewhere["not tested"] == len(claims()) - n_without - 2


def test_the_headline_says_what_the_verdicts_rest_on():
    found = list(lines(study("toys", "none", claim="T2a")).values())
    counted = ", ".join(
        f"{int(name == DECISION.verdict)} {name}" for name in ledger.VERDICTS if "not" not in name
    )
    rest = f"Not tested: {len(claims()) - 1}."
    assert ledger.standing(found) == f"Of claims published without data: {counted}. {rest}"


def test_claims_are_complete():
    assert sum(len(lesson.claims) for lesson in lessons()) == len(claims())
    for name, claim in claims().items():
        assert claim.statement.endswith("."), name
        assert claim.margin >= 0, name
        assert claim.decided_by, name
        assert not claim.decided_by.endswith("."), name  # the page ends the sentence
        assert claim.published, name
        with pytest.raises(AttributeError):
            claim.margin = 1
