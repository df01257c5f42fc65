"""What one run prints: within the spread of single runs, or not."""

import numpy as np
import pytest
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.components import Components, crossed
from core.evaluation.laws import Part
from core.evaluation.prediction import one_run, predicted, shown_by_one_run


def hits(share, seeds=10, images=2000, spread=0.01, start=0):
    random = np.random.default_rng(start)
    return random.random((seeds, images)) < share + random.normal(0, spread, (seeds, 1))


def test_a_published_run_among_ours_is_supported_and_one_far_off_refuted():
    ours = hits(0.75, seeds=40, images=20_000)
    near, far = predicted(ours, 403, 540), predicted(ours, 470, 540)
    assert near.verdict == "supported"
    assert far.verdict == "refuted"
    assert near.estimate.low < 403 / 540 < near.estimate.high
    assert far.estimate.high < 470 / 540
    assert near.target == pytest.approx(403 / 540)
    # Far off on either side: of 2.5 % each has half, and so has the interval beside the verdict.
    assert (near.estimate.confidence, far.estimate.confidence) == pytest.approx((0.95, 0.975))


def test_a_few_seeds_on_a_few_images_know_neither():
    few = predicted(hits(0.75, seeds=3, images=60, spread=0.05), 403, 540)
    assert few.verdict == "undecided"
    assert few.estimate.confidence == pytest.approx(0.975)  # the wider: it denies no number yet


def test_the_very_same_images_leave_only_the_seeds():
    random = np.random.default_rng(1)
    image = random.random((1, 500)) < 0.8  # most images are easy for all seeds, the others for none
    ours = image ^ (random.random((20, 500)) < 0.02)
    new, same = (predicted(ours, 390, 500, same_images=it) for it in (False, True))
    assert same.estimate.high - same.estimate.low < (new.estimate.high - new.estimate.low) / 2
    means = ours.mean(1)
    assert same.margin == pytest.approx(1.959964 * means.std(ddof=1))


@pytest.mark.parametrize(("n_seeds", "off"), [(3, 0.7127), (5, 0.9232), (10, 1.1632)])
def test_what_is_granted_is_exact_for_seeds_alone(n_seeds, off):
    """Of a mean so many deviations off, seen on so few seeds; 1.96 in the end.

    The published number is moved and not the mean, as both are known in whole images only.
    """
    image = np.arange(1000)
    spread = np.linspace(-1, 1, n_seeds)
    counts = np.round(500 + 100 * spread / spread.std(ddof=1)).astype(int)
    ours = image < counts[:, None]
    deviation, middle = counts.std(ddof=1), counts.mean()
    for way in (-1, 1):
        near, beyond = (
            predicted(ours, round(middle + way * (off * deviation + more)), 1000, same_images=True)
            for more in (-1.5, 1.5)
        )
        assert near.verdict == "supported"
        assert beyond.verdict == "undecided"
        gap = abs(beyond.target - middle / 1000)
        denied = 2 * stats.t.sf(gap / (deviation / 1000 * np.sqrt(1 + 1 / n_seeds)), n_seeds - 1)
        assert beyond.p_refuted == pytest.approx(denied)


def test_equal_runs_know_no_spread():
    for n_seeds, published in ((5, 50), (5, 55), (1, 55)):
        hits = np.tile([[True, False]], (n_seeds, 50))
        same = predicted(hits, published, 100, same_images=True)
        assert (same.verdict, same.p_supported, same.p_refuted) == ("undecided", 1, 1)


def test_one_run_shows_a_large_effect_and_tosses_a_coin_on_none():
    random = np.random.default_rng(2)
    a, b = random.normal(0, 1, (2, 200, 1))
    assert shown_by_one_run(paired(a - a.mean(), b - b.mean())) == pytest.approx(0.5)
    half = paired(np.sqrt(2) * (a - a.mean()) / a.std() + 1, 0 * a)
    assert shown_by_one_run(half) == pytest.approx(0.76, abs=0.005)  # normal law at 1 / sqrt(2)
    with pytest.raises(ValueError, match="successes"):
        predicted(hits(0.5), 5, 4)


def test_one_run_on_fewer_images_has_more_of_what_is_left_and_of_theirs():
    parts = Components(0.01, 0.2, 1.0, 5, 100)  # all of the seeds' variance is the residual's
    assert one_run(parts, 25) == (Part(pytest.approx(0.04), 4), Part(pytest.approx(0.2 / 25), 99))
    assert one_run(parts, 25, same_images=True) == (Part(0.01, 4),)


def test_what_is_granted_over_seeds_and_images_has_satterthwaites_freedom():
    ours = hits(0.75, seeds=4, images=300, spread=0.05)
    found, parts = predicted(ours, 400, 540), crossed(ours.astype(float))
    run, around = one_run(parts, 540), parts.parts
    variance = sum(part.variance for part in run)
    df = variance**2 / (run[0].variance ** 2 / 3 + run[1].variance ** 2 / 299)
    se, gap = np.sqrt(sum(part.variance for part in around)), abs(400 / 540 - ours.mean())
    deviation = 1.959964 * np.sqrt(variance)
    assert found.margin == pytest.approx(deviation)
    assert found.p_supported == pytest.approx(stats.nct.cdf(gap / se, df, deviation / se))


def test_whether_one_run_shows_it_counts_what_we_do_not_know():
    a, b = np.random.default_rng(3).normal([[[1.0]], [[0.0]]], 1, (2, 3, 40))
    gap, parts = paired(a, b), crossed(a - b)
    variance = parts.seeds * (1 + 1 / 3) + 2 * parts.images / 40
    expected = stats.t.cdf(abs(gap.value) / np.sqrt(variance), 2)
    assert shown_by_one_run(gap) == pytest.approx(expected)
    assert expected > 0.55
