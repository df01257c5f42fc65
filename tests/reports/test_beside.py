"""Settings side by side: what sets them apart, and the numbers of each below its heading."""

import copy

import pytest

from core.store import Store
from reports.arms import boards
from reports.beside import beside, headings
from reports.studies import Study, collect


@pytest.fixture
def pair(study_store):
    """Return a stored study, and one like it without dropout, with an arm and a claim less."""
    (study,) = collect(Store()).studies
    trials = study.trials.drop_sel(arm="zeros")
    trials.attrs = copy.deepcopy(study.trials.attrs)
    trials.attrs["facts"]["settings"] |= {"dropout": 0.0}
    return study, Study(study.run, trials)


def test_a_heading_says_what_differs_and_nothing_else(pair):
    first, second = pair
    assert headings([first, second]) == ["dropout 0.2", "dropout 0.0"]
    second.trials.attrs["card"]["name"] = "mnist"
    second.trials.attrs["facts"]["settings"]["train"]["epochs"] = 30
    second.trials.attrs["facts"]["settings"]["device"] = {"device": "cuda"}  # changes no number
    assert headings([first, second])[1] == "mnist, dropout 0.0, epochs 30"
    assert headings([first, first]) == [first.run.name] * 2


def test_arms_and_claims_stand_in_the_column_of_their_study(pair):
    (found,) = beside(pair)
    assert found.metric == "test/accuracy"
    first = next(boards(pair[0]))
    assert found.arms == list(first.rows)
    one, other = found.columns
    assert one.arm("zeros, course") == first.shown("zeros, course") != ""
    assert other.arm("zeros, course") == ""
    assert one.arm("uniform-rule, course") == other.arm("uniform-rule, course")
    assert found.claims
    for name in found.claims:
        tested = [bool(each.study.entries[name].decision) for each in found.columns]
        assert [each.entry(name) is not None for each in found.columns] == tested
    assert beside(pair[:1]) == []
