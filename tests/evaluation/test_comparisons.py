"""Paired comparisons equal the paired t-test, and a family of them stays honest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.evaluation.comparisons import compare_all, holm, mcnemar, p_value, paired, unpaired
from core.evaluation.intervals import mean, wilson


def test_one_number_a_seed_is_the_paired_t_test():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 8, 1))
    reference = stats.ttest_rel(a[:, 0], b[:, 0])
    estimate, expected = paired(a, b), reference.confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert p_value(estimate) == pytest.approx(reference.pvalue)
    for side in ("greater", "less"):
        one = stats.ttest_rel(a[:, 0], b[:, 0], alternative=side)
        assert estimate.p(0, side) == pytest.approx(one.pvalue)


def test_arms_that_share_nothing_have_welchs_error_and_each_its_own_freedom():
    random = np.random.default_rng(6)
    a, b = random.normal(1, 2, 3), random.normal(0, 1, 10)
    found, shares = unpaired(a[:, None], b[:, None]), [a.var(ddof=1) / 3, b.var(ddof=1) / 10]
    half = np.sqrt(stats.t.ppf(0.975, [2, 9]) ** 2 @ shares)
    assert (found.value, found.se) == pytest.approx((a.mean() - b.mean(), np.sqrt(sum(shares))))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert found.n_seeds == 3  # the fewer of the two


def test_pairing_removes_what_the_arms_share():
    random = np.random.default_rng(1)
    shared = random.normal(0, 5, (4, 1)) + random.normal(0, 5, (1, 100))
    a, b = shared + random.normal(size=(2, 4, 100))
    assert paired(a, b).se < mean(a).se / 10


@pytest.mark.parametrize(
    ("image", "interaction", "seed"), [(2, 0, 0), (2, 0.5, 0.3), (6, 0, 0), (30, 2, 0)]
)
def test_no_difference_is_covered(image, interaction, seed):
    random, repeats = np.random.default_rng(2), 1200

    def arm(difficulty):
        own = random.normal(0, interaction, (1, 400)) + random.normal(0, seed, (5, 1))
        return random.random((5, 400)) < stats.logistic.cdf(1 + difficulty + own)

    hits = 0
    for _ in range(repeats):
        difficulty = random.normal(0, image, (1, 400))
        estimate = paired(arm(difficulty), arm(difficulty))
        hits += estimate.low <= 0 <= estimate.high
    assert 0.945 <= hits / repeats <= 0.99  # on the safe side with five seeds


def test_single_runs_and_mismatches_are_refused():
    with pytest.raises(ValueError, match="1 seed, wanted 2"):
        paired(np.zeros((1, 9)), np.ones((1, 9)))
    with pytest.raises(ValueError, match="shapes"):
        paired(np.zeros((2, 9)), np.zeros((2, 8)))
    with pytest.raises(ValueError, match="a: 1 values not finite"):
        paired([[0.0], [np.nan]], [[0.0], [0.0]])
    haar, mtcnn = np.random.default_rng(3).random((2, 1, 90)) < 0.8
    assert paired(haar, mtcnn, deterministic=True).n_seeds == 1


def test_agreement_on_n_images_is_not_agreement_on_all():
    right = np.random.default_rng(4).random((5, 40)) < 0.9
    estimate = paired(right, right)
    assert estimate.value == 0
    assert estimate.low == pytest.approx(-estimate.high)
    z = stats.norm.ppf(0.975)  # the score test, as Wilson's for 0 of 40
    assert estimate.high == pytest.approx(z**2 / (40 + z**2))


@given(
    st.integers(2, 6),
    st.integers(1, 20),
    st.integers(0, 999),
    st.floats(-2, 2),
    st.sampled_from(["scores", "hits"]),
)
def test_p_is_below_5_percent_exactly_outside_the_interval(n_seeds, n_images, seed, null, kind):
    values = np.random.default_rng(seed).normal(0.3, 1, (n_seeds, n_images))
    if kind == "hits" and n_images > 1:
        values, null = values > 0, (null + 2) / 4.001
    estimate = mean(values)
    outside = not estimate.low <= null <= estimate.high
    assert (p_value(estimate, null) < 0.05) is outside
    if abs(null - estimate.value) > 1e-9:
        one_sided = estimate.p(null, "greater" if null < estimate.value else "less")
        assert p_value(estimate, null) == pytest.approx(2 * one_sided)


def test_p_of_a_proportion_is_the_score_test():
    z = (30 / 100 - 0.2) / np.sqrt(0.2 * 0.8 / 100)
    assert wilson(30, 100).p(0.2, "greater") == pytest.approx(stats.norm.sf(z))
    assert p_value(wilson(30, 100), 1.0) == 0.0


def test_no_spread_says_only_how_many_were_alike():
    same = paired(np.full((5, 1), 0.3), np.full((5, 1), 0.1))
    assert (same.low, same.high) == (-np.inf, np.inf)
    assert p_value(same) == 1
    share = mean(np.full((5, 1), 0.3), bounds=(0, 1))  # five alike: 1 - .025^(1/5) may differ
    assert (share.low, share.high) == pytest.approx((0.3 * 0.025**0.2, 1 - 0.7 * 0.025**0.2))
    assert share.p(0.2, "greater") == pytest.approx((2 / 3) ** 5)
    assert share.p(0.1, "greater") == pytest.approx((1 / 3) ** 5)


def test_holm_equals_the_worked_example():
    # Sorted .005 .01 .03 .04 times 4 3 2 1 is .02 .03 .06 .04; the last is lifted to .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).size == 0


@pytest.mark.parametrize("p", [[0.1, np.nan], [1.1], [-0.1], [[0.1]]])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="p_values"):
        holm(p)


def test_all_pairs_agree_with_one_pair():
    random = np.random.default_rng(5)
    arms = {
        name: random.random((4, 60)) < share
        for name, share in zip("xyz", (0.5, 0.6, 0.9), strict=True)
    }
    table = compare_all(arms)
    assert list(table[["a", "b"]].itertuples(index=False, name=None)) == [
        ("x", "y"),
        ("x", "z"),
        ("y", "z"),
    ]
    one = paired(arms["x"], arms["z"])
    row = table.iloc[1]
    assert (row.difference, row.low, row.high) == (one.value, one.low, one.high)
    assert (row.n_seeds, row.n_images, row.p) == (4, 60, p_value(one))
    assert table.p_holm.tolist() == holm(table.p).tolist()
    assert len(compare_all({"x": arms["x"]})) == 0


def test_mcnemar_is_the_exact_binomial_test():
    a = np.array([True] * 6 + [False] * 94)
    b = np.zeros(100, bool)
    assert mcnemar(a, b) == pytest.approx(2 * 0.5**6)  # FACTS D4: 6 one way, p = .031
    assert mcnemar(a[1:], b[1:]) == pytest.approx(0.0625)
    assert mcnemar(a, a) == 1.0
    assert mcnemar(a, np.roll(a, 50)) == 1.0
    with pytest.raises(ValueError, match="shapes"):
        mcnemar(a, b[1:])


def test_mcnemar_one_sided_is_the_binomial_tail():
    a, b = np.array([1, 1, 1, 1, 0, 1], bool), np.array([0, 0, 0, 0, 1, 1], bool)
    assert mcnemar(a, b, "greater") == pytest.approx(stats.binom.sf(3, 5, 0.5))
    assert mcnemar(a, b, "less") == pytest.approx(stats.binom.cdf(4, 5, 0.5))
    assert mcnemar(a, b) == pytest.approx(2 * stats.binom.sf(3, 5, 0.5))
    assert mcnemar(a, a, "greater") == mcnemar(a, a, "less") == 1.0
