"""Intervals equal the textbook's where it has one, and cover as promised where it has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.components import Components, crossed
from core.evaluation.intervals import mean, wilson
from core.evaluation.laws import Student
from core.evaluation.verdicts import superior

PROMISED = (0.93, 0.99)  # on the safe side where seeds and images share the variance
DOMINATED_BY = {  # variances of seed, image and residual, for n images
    "seeds": lambda n: (1.0, 0.02 * n, 0.1),
    "images": lambda n: (0.05 / n, 1.0, 0.1),
    "residual": lambda n: (0.0, 0.0, 1.0),
    "all": lambda n: (3 / n, 1.0, 1.0),
}


def draw(random, n_seeds, n_images, seed, image, residual):
    return (
        random.normal(0, seed**0.5, (n_seeds, 1))
        + random.normal(0, image**0.5, (1, n_images))
        + random.normal(0, residual**0.5, (n_seeds, n_images))
    )


def covers(estimate, truth):
    return estimate.low <= truth <= estimate.high


@pytest.mark.parametrize("case", DOMINATED_BY)
@pytest.mark.parametrize(
    ("n_seeds", "n_images"), [(3, 100), (3, 2000), (5, 100), (10, 100), (10, 400), (20, 100)]
)
def test_new_seeds_and_images_are_covered(case, n_seeds, n_images):
    random = np.random.default_rng(n_seeds)
    variances = DOMINATED_BY[case](n_images)
    repeats = 1500
    hits = sum(covers(mean(draw(random, n_seeds, n_images, *variances)), 0) for _ in range(repeats))
    assert PROMISED[0] <= hits / repeats <= PROMISED[1]


@pytest.mark.parametrize(("bias", "seed", "image"), [(2, 0.1, 2), (2, 0.3, 0.05), (0, 0.02, 3)])
def test_accuracy_is_covered(bias, seed, image):
    random, repeats = np.random.default_rng(0), 4000  # 1500 leave an error of 0.6 %
    normal = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    truth = stats.logistic.cdf(bias + np.hypot(seed, image) * normal).mean()

    def scores():
        chance = stats.logistic.cdf(bias + draw(random, 5, 200, seed**2, image**2, 0))
        return random.random((5, 200)) < chance

    hits = sum(covers(mean(scores()), truth) for _ in range(repeats))
    assert PROMISED[0] <= hits / repeats <= PROMISED[1]


def test_standard_error_is_unbiased_and_moves_with_the_size():
    random, variances = np.random.default_rng(1), (0.02, 1.0, 4.0)
    tables = [crossed(draw(random, 5, 50, *variances)) for _ in range(4000)]
    expected = 0.02 / 5 + 1 / 50 + 4 / 250
    assert np.mean([parts.se**2 for parts in tables]) == pytest.approx(expected, rel=0.03)
    planned = Components(0.02 + 4 / 50, 1.0, 4.0, 5, 50).resized(20, 400)
    assert planned.se**2 == pytest.approx(0.02 / 20 + 1 / 400 + 4 / 8000)


def test_another_size_shrinks_no_more_than_there_is_and_keeps_what_folds_share():
    folds = Components(0.01, 1.0, 4.0, 5, 50, overlap=0.25).resized(10, 100)
    assert folds.seeds == pytest.approx(0.01 / 2)  # less than the residual's 4 / 50: all of it is
    assert folds.se**2 == pytest.approx(0.005 * (1 / 10 + 0.25) + 1 / 100)


@pytest.mark.parametrize(("successes", "n"), [(0, 20), (7, 20), (20, 20), (104, 836)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_equals_scipy(successes, n, confidence):
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    estimate = wilson(successes, n).at(confidence)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_one_number_a_seed_is_the_t_interval():
    values = np.random.default_rng(3).normal(size=(7, 1))
    expected = stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.9)
    estimate = mean(values).at(0.9)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected))
    assert (estimate.n_seeds, estimate.n_images, estimate.method) == (7, 1, "t over seeds")
    assert mean([[0], [1], [1]]).method == "t over seeds"  # one number a seed is no hit


def test_one_seed_of_floats_is_the_t_interval_over_images():
    half = np.random.default_rng(4).normal(size=(1, 15))
    values = np.hstack([half, 1 - half])  # without a longer tail
    expected = stats.ttest_1samp(values[0], 0).confidence_interval()
    estimate = mean(values)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected))
    assert "one seed" in estimate.method


def test_a_long_tail_moves_the_limit_on_its_side():
    scores = np.random.default_rng(6).exponential(size=(3, 40))
    estimate, turned = mean(scores), mean(-scores)
    n, columns = 40, scores.mean(0)
    third = stats.skew(columns, bias=False) * columns.std(ddof=1) / n
    t = stats.t.ppf(0.975, n - 1)
    plain = Student(estimate.value, estimate.components.parts).limits(0.025)
    assert estimate.low == pytest.approx(plain[0])
    assert estimate.high == pytest.approx(plain[1] + third * (1 + t**2) / 2)
    assert (turned.low, turned.high) == pytest.approx((-estimate.high, -estimate.low))
    gap = paired(scores, np.zeros_like(scores))
    assert (gap.low, gap.high) == pytest.approx((estimate.low, estimate.high))
    two = mean(np.array([[0.5, 9.5]] * 2))
    assert two.high - two.value == pytest.approx(two.value - two.low)  # two have no tail


def test_identical_seeds_leave_the_image_effect():
    half = np.random.default_rng(5).normal(size=30)
    values = np.tile(np.append(half, 1 - half), (4, 1))
    estimate = mean(values)
    assert estimate.se == pytest.approx(stats.sem(values[0]))
    assert estimate.components.seeds == pytest.approx(0, abs=1e-20)
    expected = stats.ttest_1samp(values[0], 0).confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("successes", "n"), [(0, 20), (7, 20), (20, 20), (104, 836)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_one_seed_of_hits_is_the_exact_binomial_interval(successes, n, confidence):
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
    ours = wilson(successes, n)
    judged = superior(ours).estimate  # a verdict takes the strict one
    for estimate in (mean(np.arange(n)[None] < successes), ours.strict(), judged):
        estimate = estimate.at(confidence)
        assert (estimate.low, estimate.high) == pytest.approx(tuple(expected), abs=1e-9)
        assert "Clopper-Pearson" in estimate.method


@pytest.mark.parametrize("hit", [False, True])
def test_all_right_or_all_wrong_is_no_certainty(hit):
    estimate = mean(np.full((5, 50), hit))
    assert estimate.value == hit
    assert (estimate.low == 0.0) is not hit
    assert (estimate.high == 1.0) is hit
    limit = 0.025 ** (1 / 50)  # the exact binomial's: 50 alike have a chance of 2.5 %
    assert (1 - estimate.high if not hit else estimate.low) == pytest.approx(limit)


def test_seeds_that_agree_by_chance_keep_a_width():
    estimate = mean(np.array([[1, 0], [0, 1]]))  # rows and columns have no variance at all
    assert estimate.low < 0.2 < 0.8 < estimate.high


tables = st.tuples(st.integers(2, 5), st.integers(2, 9), st.integers(0, 99)).map(
    lambda drawn: np.random.default_rng(drawn[2]).normal(size=drawn[:2])
)


@given(tables, st.integers(0, 99))
def test_order_of_seeds_and_images_is_irrelevant(values, seed):
    random = np.random.default_rng(seed)
    shuffled = values[random.permutation(len(values))][:, random.permutation(values.shape[1])]
    first, second = mean(values).as_dict(), mean(shuffled).as_dict()
    assert first["method"] == second["method"]
    assert first["components"] == pytest.approx(second["components"])
    for name in ("value", "low", "high", "se"):
        assert first[name] == pytest.approx(second[name], rel=1e-7, abs=1e-9)


@given(tables, st.floats(0.01, 100), st.floats(-100, 100))
def test_interval_follows_unit_and_origin(values, unit, origin):
    estimate, moved = mean(values), mean(values * unit + origin)
    assert moved.low == pytest.approx(estimate.low * unit + origin, rel=1e-6, abs=1e-6)
    assert moved.high == pytest.approx(estimate.high * unit + origin, rel=1e-6, abs=1e-6)


def test_bounds_clip_the_interval():
    near_one = np.array([[0.98, 0.99, 1.0], [0.9, 1.0, 1.0]])
    assert mean(near_one, bounds=(0, 1)).high == 1.0 < mean(near_one).high
    assert mean(1 - near_one, bounds=(0, 1)).low == 0.0 > mean(1 - near_one).low
    assert mean(near_one, bounds=(0, 1)).low == mean(near_one).low


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.1, 0.2], "shape"),
        ([[0.1]], "shape"),
        (np.zeros((0, 4)), "shape"),
        ([[0.1, np.nan]], "not finite"),
    ],
)
def test_what_is_no_table_is_refused(values, reason):
    with pytest.raises(ValueError, match=reason):
        mean(values)


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="successes"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="successes"):
        wilson(0, 0)
    with pytest.raises(ValueError, match="confidence"):
        mean([[0.1, 0.2]]).at(95)


def test_seeds_with_one_mean_that_differ_by_image_are_not_alike():
    a, b = np.zeros((2, 3, 60))
    for seed, (first, second) in enumerate(((0, 30), (9, 44), (21, 3))):
        a[seed, first : first + 4], b[seed, second : second + 5] = 1, 1
    gap = paired(a, b)  # each seed has 4 hits against 5
    left = crossed(a - b)
    assert left.images == 0
    assert left.seeds == pytest.approx(left.residual / 60)
    assert gap.se == pytest.approx(np.sqrt(left.residual / 180))
    assert superior(gap).verdict == "undecided"


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_a_rounding_error_is_no_variance(scale):
    rows = scale * (0.1 + np.arange(7) / 3)[None].repeat(3, 0)
    found = crossed(rows)
    assert (found.seeds, found.residual) == (0, 0)
    assert found.images == pytest.approx(rows[0].var(ddof=1))
    assert crossed(np.full((3, 7), scale / 3)).se == 0


def test_counts_that_happen_to_be_0_and_1_are_no_proportion():
    counts = np.array([[0.0, 1.0, 1.0, 0.0, 1.0]])
    assert mean(counts).high <= 1
    assert mean(counts, bounds=(0, 1)).method == mean(counts).method
    could_be_more = mean(counts, bounds=(0, np.inf))
    assert could_be_more.value == 0.6
    assert could_be_more.high == pytest.approx(
        mean(counts + 1e-12, bounds=(0, np.inf)).high, rel=1e-6
    )
