"""Ranks, regret and shares of a gain on scores whose order is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.laws import Part
from core.evaluation.ranking import Ratio, ranks, share_of_gain


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
    assert (frame["rank_low"] == 1).all()
    assert (frame["rank_high"] == 4).all()
    assert (frame["regret_low"] < 0).all()
    assert (frame["regret_high"] > 0).all()


def test_two_arms_regret_their_paired_difference():
    tables = {"a": hits(0.8), "b": hits(0.7, start=1)}
    frame, gap = ranks(tables).set_index("arm"), paired(tables["a"], tables["b"])
    assert tuple(frame.loc["b", ["regret", "regret_low", "regret_high"]]) == pytest.approx(
        (gap.value, gap.low, gap.high)
    )


def test_equal_arms_tie_and_may_still_differ_on_other_images():
    same = hits(0.5)
    frame = ranks({"a": same, "b": same, "c": 0 * same})
    assert frame["rank"].tolist() == [1.5, 1.5, 3]
    assert frame["regret"].tolist() == pytest.approx([0, 0, same.mean()])
    assert (frame["regret_low"] < frame["regret"]).all()
    assert (frame["regret_high"] > frame["regret"]).all()


def test_ranks_and_the_least_regret_share_the_error_among_the_others():
    """b leads a by 2.5 standard errors over 9 seeds: enough for one comparison, not for two."""
    z = stats.zscore(np.arange(9.0) ** 2, ddof=1)
    arms = {"a": np.zeros(9), "b": z + 2.5 / 3, "c": -10 + 0.01 * z}
    frame = ranks({name: own[:, None] for name, own in arms.items()}).set_index("arm")
    assert frame["rank_low"].to_dict() == {"a": 1, "b": 1, "c": 3}
    assert frame["rank_high"].to_dict() == {"a": 2, "b": 2, "c": 3}
    strict, single = stats.t.ppf([1 - 0.025 / 2, 0.975], 8) / 3
    limits = tuple(frame.loc["a", ["regret", "regret_low", "regret_high"]])
    assert limits == pytest.approx((2.5 / 3, 2.5 / 3 - strict, 2.5 / 3 + single))


@given(st.lists(st.integers(0, 5), min_size=2, max_size=6))
def test_ranks_are_scipys(values):
    scores = {str(i): np.arange(5) < np.full((2, 1), v) for i, v in enumerate(values)}
    frame = ranks(scores)
    assert frame["rank"].tolist() == stats.rankdata([-v for v in values]).tolist()


def test_one_arm_has_no_rank():
    with pytest.raises(ValueError, match="1 arms, wanted 2"):
        ranks({"a": hits(0.5)})


@pytest.mark.parametrize(("n_seeds", "share"), [(3, 0.5), (5, 0.5), (5, 0.0), (10, 1.0)])
def test_the_share_of_a_gain_is_covered(n_seeds, share):
    random, repeats, missed = np.random.default_rng(n_seeds), 300, np.zeros(2)
    for _ in range(repeats):
        sizes = ((3, n_seeds, 1), (3, 1, 60), (3, n_seeds, 60))
        noise = sum(
            random.normal(0, s, size) for s, size in zip((0.01, 0.3, 0.3), sizes, strict=True)
        )
        a, b, third = noise
        estimate = share_of_gain(0.2 * share + a - third, 0.2 + b - third)
        missed += (share < estimate.low, share > estimate.high)
    assert (missed / repeats <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / repeats)).all()


def test_the_share_of_a_gain_is_fiellers():
    a, b = np.random.default_rng(1).normal((0.5, 1.0), 0.3, (12, 2)).T[:, :, None]
    estimate = share_of_gain(a, b)
    assert estimate.value == pytest.approx(a.mean() / b.mean())
    for limit in (estimate.low, estimate.high):  # where the paired t-test of a - r b has p = .05
        assert stats.ttest_1samp((a - limit * b)[:, 0], 0).pvalue == pytest.approx(0.05)


def test_without_a_gain_there_is_no_share_of_it():
    random = np.random.default_rng(2)
    estimate = share_of_gain(*random.normal(0, 1, (2, 5, 30)))
    assert (estimate.low, estimate.high) == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="part, whole: shapes"):
        share_of_gain(np.zeros((2, 3)), np.zeros((2, 4)))


def test_images_that_would_narrow_a_share_beyond_what_the_seeds_leave_do_not():
    """Their covariance outweighs their variances: one by chance."""
    seeds = tuple(Part(variance, 4) for variance in (0.01, 0.01, 0.02))
    images = tuple(Part(variance, 99) for variance in (0.001, 0.001, 0.02))
    both = Ratio(0.5, 0.5, 1.0, tuple(zip(seeds, images, strict=True)))
    alone = Ratio(0.5, 0.5, 1.0, tuple((part,) for part in seeds))
    assert both.limits(0.025) == pytest.approx(alone.limits(0.025))
    low, high = both._roots(0.025, slice(None))
    assert alone.limits(0.025)[0] < low < high < alone.limits(0.025)[1]
