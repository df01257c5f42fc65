"""Areas equal scikit-learn's, DeLong's variance a plain double loop, and intervals cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.metrics import roc_auc_score, roc_curve

from core.evaluation.comparisons import p_value
from core.evaluation.components import crossed
from core.evaluation.operating import bootstrapped, partial_auc, specificity_at
from core.evaluation.roc import auc, auc_difference, auc_table, placements, roc_points
from core.evaluation.verdicts import superior


def draw(random, m, n, gap=1.0, seeds=1, digits=1):
    """Scores with ties: positives are shifted by gap; all seeds see the same images."""
    labels = random.permutation(np.arange(m + n) < m)
    image = random.normal(size=m + n) + gap * labels
    return np.round(image + 0.5 * random.normal(size=(seeds, m + n)), digits), labels


def psi(x, y):
    return 1.0 if x > y else 0.5 if x == y else 0.0


def slow(scores, labels):
    """DeLong's structural components for K score vectors, by their definition."""
    positives, negatives = np.flatnonzero(labels), np.flatnonzero(~labels)
    v10 = [[np.mean([psi(s[i], s[j]) for j in negatives]) for i in positives] for s in scores]
    v01 = [[np.mean([psi(s[i], s[j]) for i in positives]) for j in negatives] for s in scores]
    covariance = np.atleast_2d(np.cov(v10)) / len(positives)
    return np.mean(v10, axis=1), covariance + np.atleast_2d(np.cov(v01)) / len(negatives), v10, v01


@pytest.fixture
def two():
    return draw(np.random.default_rng(0), 13, 29, seeds=2)


def test_areas_and_points_equal_sklearn(two):
    scores, labels = two
    for row, table in zip(scores, auc_table(scores, labels), strict=True):
        assert table.mean() == pytest.approx(roc_auc_score(labels, row), abs=1e-12)
        assert auc(row, labels).value == pytest.approx(roc_auc_score(labels, row), abs=1e-12)
        for ours, theirs in zip(
            roc_points(row, labels), roc_curve(labels, row, drop_intermediate=False), strict=True
        ):
            assert np.array_equal(ours, theirs)


def test_delong_equals_the_plain_loop(two):
    scores, labels = two
    areas, covariance, v10, v01 = slow(scores, labels)
    placed = placements(scores, labels)
    assert np.allclose(placed[0], v10, atol=1e-12)
    assert np.allclose(placed[1], v01, atol=1e-12)
    for row, area, variance in zip(scores, areas, np.diag(covariance), strict=True):
        one = auc(row, labels)
        assert one.value == pytest.approx(area)
        assert one.se**2 == pytest.approx(variance)
        assert 0 < one.low < one.value < one.high < 1
    gap = auc_difference(*scores, labels)
    assert gap.value == pytest.approx(areas[0] - areas[1])
    assert gap.se**2 == pytest.approx(np.array([1, -1]) @ covariance @ [1, -1])


def test_with_many_images_the_tests_are_delongs():
    scores, labels = draw(np.random.default_rng(8), 2000, 3000, seeds=2, digits=9)
    one, gap = auc(scores[0], labels), auc_difference(*scores, labels)
    z = 1.959964
    assert (one.low, one.high) == pytest.approx(
        (one.value - z * one.se, one.value + z * one.se), abs=5e-4
    )
    assert p_value(gap) == pytest.approx(2 * stats.norm.sf(abs(gap.value) / gap.se), rel=0.01)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=30).filter(
        lambda rows: 2 <= sum(label for _, label in rows) <= len(rows) - 2
    )
)
def test_turning_the_scores_over_turns_the_area_over(rows):
    scores, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    one, other = auc(scores, labels), auc(-scores, labels)
    assert one.value == pytest.approx(roc_auc_score(labels, scores))
    assert other.value == pytest.approx(1 - one.value)
    assert other.low == pytest.approx(1 - one.high)
    assert auc(scores, ~labels).value == pytest.approx(other.value)
    assert 0 <= one.low <= one.value <= one.high <= 1
    whole = partial_auc(scores, labels, sensitivity=0)
    assert whole.value == pytest.approx(one.value)


@pytest.mark.parametrize(("m", "n", "gap"), [(30, 70, 2.33), (60, 240, 1.0), (15, 60, 1.5)])
def test_one_seeds_interval_covers(m, n, gap):
    random = np.random.default_rng(m)
    truth = stats.norm.cdf(gap / np.sqrt(2 * 1.25))
    repeats = 1500
    seen = [auc(*draw(random, m, n, gap, digits=9)) for _ in range(repeats)]
    assert 0.935 <= np.mean([each.low <= truth <= each.high for each in seen]) <= 0.98


def test_several_seeds_widen_by_their_own_variance():
    random, labels = np.random.default_rng(1), np.arange(300) < 100
    image = random.normal(size=300) + labels
    alike = np.stack([image + 0.01 * random.normal(size=300) for _ in range(4)])
    apart = np.stack([image + quality * labels for quality in (-0.8, -0.2, 0.2, 0.8)])
    assert auc(alike, labels).se == pytest.approx(auc(image, labels).se, rel=0.02)
    per_seed = [roc_auc_score(labels, row) for row in apart]
    estimate = auc(apart, labels)
    assert estimate.value == pytest.approx(np.mean(per_seed))
    assert estimate.n_seeds == 4
    assert estimate.se > np.std(per_seed, ddof=1) / 2
    assert "seeds and images" in estimate.method


def test_limits_are_the_logits_around_a_moved_centre():
    scores, labels = draw(np.random.default_rng(9), 12, 30, digits=9)
    one, z = auc(scores[0], labels), stats.norm.ppf(0.975)
    area, unit = one.value, one.value * (1 - one.value)
    reach = 0.0
    for n, placed in zip((12, 30), placements(scores[0], labels), strict=True):
        share, seen = placed.var(ddof=1) / unit, n * min(area, 1 - area)
        reach += z**2 * max(share, (seen * share + 0.03) / (seen + 0.03)) / n
    centre = (12 * area + 0.1) / 12.2
    half = np.sqrt(reach * unit) / (centre * (1 - centre))
    expected = special.expit(special.logit(centre) + half * np.array([-1, 1]))
    assert (one.low, one.high) == pytest.approx(tuple(expected))


def squared(parts):
    """The half-width squared of (variance, degrees of freedom)."""
    return sum(stats.t.ppf(0.975, df) ** 2 * variance for variance, df in parts)


def test_strict_limits_take_one_misplaced_image_a_class_and_the_seeds_tail():
    scores, labels = draw(np.random.default_rng(9), 12, 30, seeds=3, digits=9)
    one = auc(scores, labels)
    area, unit, t = one.value, one.value * (1 - one.value), stats.t.ppf(0.975, 2)
    seeds = one.components.seeds / 3 / unit
    parts = [(seeds, 2)]
    for n, placed in zip((12, 30), placements(scores, labels), strict=True):
        share, seen = crossed(placed).images / unit, n * min(area, 1 - area)
        parts.append((max(share, (seen * share + 1) / (seen + 1)) / n, n - 1))
    n = stats.norm.ppf(0.975) ** 2 / squared(parts)
    low = stats.beta.ppf(0.025, area * n, (1 - area) * n + 1)
    high = stats.beta.ppf(0.975, area * n + 1, (1 - area) * n)
    tail = 1.5 * (2 * area - 1) * (1 + t**2) * seeds / 2  # towards 1/2
    strict = one.strict()
    assert area > 0.5
    assert (strict.low, strict.high) == pytest.approx((low - tail, high))


def test_a_gap_knows_seeds_and_either_class_apart_and_a_quarter_of_an_image_unseen():
    random = np.random.default_rng(9)
    scores, labels = draw(random, 12, 30, seeds=6, digits=9)
    a, b = scores[:3], scores[3:] + random.normal(size=42)  # arms that see images differently
    gap = auc_difference(a, b, labels)
    sides = [x - y for x, y in zip(placements(a, labels), placements(b, labels), strict=True)]
    parts = [(crossed(side).images / side.shape[1], side.shape[1] - 1) for side in sides]
    assert min(variance for variance, _ in parts) > 0
    parts += [(gap.components.seeds / 3, 2), (0.25 / 12**2, np.inf)]
    half = np.sqrt(squared(parts))
    assert (gap.low, gap.high) == pytest.approx((gap.value - half, gap.value + half))
    assert gap.fewest == 12


def test_a_perfect_ranking_is_not_certain():
    labels = np.arange(40) < 10
    perfect = auc(labels.astype(float), labels)
    assert perfect.value == perfect.high == 1
    # Of a share f of positives that are told by coin, 10 of 10 show none with a chance of 2.5 %.
    assert perfect.low == pytest.approx(1 - (1 - 0.025**0.1) / 2)
    worst = auc(1.0 - labels, labels)
    assert (worst.low, worst.high) == pytest.approx((0, 1 - perfect.low))
    strict = superior(perfect, 0.5).estimate
    assert strict.low == pytest.approx(0.535, abs=0.001)
    assert superior(perfect, strict.low + 0.001).verdict == "undecided"
    assert superior(perfect, strict.low - 0.001).verdict == "supported"
    same = auc_difference(labels * 1.0, labels * 2.0, labels)
    assert same.value == 0
    assert same.low < 0 < same.high


def test_specificity_at_a_sensitivity_is_the_points_own():
    random = np.random.default_rng(2)
    scores, labels = draw(random, 50, 90, digits=9)
    false_alarms, sensitivity, _ = roc_points(scores[0], labels)
    for wanted in (0.02, 0.5, 0.82, 1.0):
        expected = 1 - false_alarms[np.flatnonzero(sensitivity >= wanted - 1e-12)[0]]
        estimate = specificity_at(scores, labels, wanted)
        assert estimate.value == pytest.approx(expected)
        assert estimate.low <= estimate.value <= estimate.high


@given(st.integers(0, 999), st.integers(0, 2), st.sampled_from([0.5, 0.8, 0.95]))
def test_partial_area_is_scikit_learns_turned_over(seed, digits, sensitivity):
    random = np.random.default_rng(seed)
    labels = np.arange(50) < random.integers(2, 48)
    scores = np.round(random.normal(size=50) + labels, digits)
    share = 1 - sensitivity
    least, raw = share**2 / 2, partial_auc(scores, labels, sensitivity).value * share
    expected = roc_auc_score(~labels, -scores, max_fpr=share)  # standardised by McClish
    assert (1 + (raw - least) / (share - least)) / 2 == pytest.approx(expected)


def test_scores_that_are_all_equal_say_nothing():
    labels = np.arange(40) < 10
    same = np.zeros(40)
    assert specificity_at(same, labels, 0.95).value == 0  # all images are called
    assert partial_auc(same, labels).value == pytest.approx(0.025)  # chance
    area = auc(same, labels)
    assert area.value == 0.5
    assert area.low < 0.45 < 0.55 < area.high


def test_few_positives_say_little_of_a_high_sensitivity():
    labels = np.arange(220) < 20
    scores = np.random.default_rng(0).normal(size=220) + 3 * labels
    estimate = specificity_at(scores, labels, 0.95)
    assert estimate.low < 0.2  # the 5 % quantile may lie below all 20 positives
    assert specificity_at(scores, labels, 0.5).low > 0.85


def test_partial_area_is_the_integral_of_the_curve():
    random = np.random.default_rng(3)
    scores, labels = draw(random, 60, 80, digits=9)
    false_alarms, sensitivity, _ = roc_points(scores[0], labels)
    grid = (np.arange(0, 100_000) + 0.5) / 100_000 * 0.05 + 0.95
    first = np.searchsorted(sensitivity, grid)
    expected = np.mean(1 - false_alarms[first])
    assert partial_auc(scores, labels).value == pytest.approx(expected, abs=1e-4)
    chance = partial_auc(random.normal(size=4000), np.arange(4000) < 2000)
    assert chance.value == pytest.approx(0.025, abs=0.01)


def test_bootstrap_agrees_with_delong_on_the_whole_area():
    random = np.random.default_rng(4)
    scores, labels = draw(random, 60, 140, digits=9)
    (ours,) = bootstrapped(scores, labels, lambda placed: placed.mean(-1, keepdims=True))
    assert ours.value == pytest.approx(auc(scores, labels).value)
    assert ours.se == pytest.approx(auc(scores, labels).se, rel=0.08)


@pytest.mark.parametrize(
    ("scores", "labels", "wanted"),
    [
        ([0.1, 0.2], [1, 1], "positive and negative"),
        ([0.1, np.nan], [1, 0], "not finite"),
        ([0.1, 0.2], [1, 2], "0 and 1"),
        ([0.1, 0.2, 0.3], [1, 0], "shapes"),
        ([0.1, 0.2, 0.3], [1, 0, 0], "2 or more"),
    ],
)
def test_what_has_no_area_is_refused(scores, labels, wanted):
    with pytest.raises(ValueError, match=wanted):
        auc(scores, labels)
