"""Ranks and regret on scores whose order is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.evaluation.ranking import ranks


def hits(share, seeds=5, images=400, start=0):
    random = np.random.default_rng(start)
    return (random.random((seeds, images)) < share).astype(float)


def test_a_clear_order_is_certain():
    frame = ranks({"b": hits(0.6), "a": hits(0.9, start=1), "c": hits(0.3, start=2)})
    frame = frame.set_index("arm")
    assert frame["rank"].to_dict() == {"a": 1, "b": 2, "c": 3}
    assert (frame["rank_low"] == frame["rank_high"]).all()
    lead = frame.loc["a", "score"] - frame.loc["b", "score"]
    assert frame.loc["a", "regret"] == pytest.approx(-lead)
    assert frame.loc["b", "regret"] == pytest.approx(lead)
    assert frame.loc["a", "regret_high"] < 0 < frame.loc["b", "regret_low"]


def test_arms_that_differ_by_chance_share_their_ranks():
    frame = ranks({name: hits(0.8, start=i) for i, name in enumerate("abcd")})
    assert (frame["rank_low"] < frame["rank_high"]).all()
    assert (frame["regret_low"] < 0).all()
    assert (frame["regret_high"] > 0).all()


def test_equal_arms_tie_and_regret_nothing():
    same = hits(0.5)
    frame = ranks({"a": same, "b": same, "c": same - 1})
    assert frame["rank"].tolist() == [1.5, 1.5, 3]
    assert frame["regret"].tolist() == pytest.approx([0, 0, 1])
    assert frame["regret_low"].tolist() == pytest.approx([0, 0, 1])


@given(st.lists(st.integers(0, 5), min_size=2, max_size=6))
def test_ranks_are_scipys(values):
    scores = {str(i): np.full((2, 3), v) for i, v in enumerate(values)}
    frame = ranks(scores, resamples=10)
    assert frame["rank"].tolist() == stats.rankdata([-v for v in values]).tolist()


def test_one_arm_has_no_rank():
    with pytest.raises(ValueError, match="1 arms, wanted 2"):
        ranks({"a": hits(0.5)})
