"""Limits of shares and of their differences, term by term as their sources have them."""

import numpy as np
import pytest
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.components import crossed
from core.evaluation.intervals import mean, wilson
from core.evaluation.thresholds import rates
from core.evaluation.verdicts import more_often

SEEDS, IMAGES = 4, 30
Z, T_SEEDS, T_IMAGES = (stats.t.ppf(0.975, df) for df in (np.inf, SEEDS - 1, IMAGES - 1))


def hits(level, start=0, spread=0.2):
    """Hits of seeds that differ by more than chance if they spread: (SEEDS, IMAGES) bool."""
    random = np.random.default_rng(start)
    own = level + spread * np.linspace(-1, 1, SEEDS)[:, None]
    return random.random((1, IMAGES)) * 0.7 + random.random((SEEDS, IMAGES)) * 0.3 < own


def reach(table, unit, seen):
    """The squared half-width in units of one image's variance, and the seeds' part of it."""
    parts = crossed(table.astype(float))
    seeds, images = parts.seeds / SEEDS / unit, parts.images / unit
    share = images + IMAGES * seeds
    doubt = max((seen * share + 4) / (seen + 4) - share, 0)  # four images on which all agree
    known = T_IMAGES**2 * images / IMAGES + Z**2 * doubt / IMAGES
    return T_SEEDS**2 * seeds + known, seeds


@pytest.mark.parametrize(("level", "spread"), [(0.2, 0.2), (0.8, 0.2), (0.8, 0.0)])
def test_an_accuracy_has_korn_and_graubards_limits_and_a_tail_towards_one_half(level, spread):
    table = hits(level, spread=spread)
    share, estimate = table.mean(), mean(table)
    unit = share * (1 - share)
    squared, seeds = reach(table, unit, IMAGES * min(share, 1 - share))
    n = Z**2 / squared
    low = stats.beta.ppf(0.025, share * n, (1 - share) * n + 1)
    high = stats.beta.ppf(0.975, share * n + 1, (1 - share) * n)
    tail = 1.5 * (1 - 2 * share) * (1 + T_SEEDS**2) * seeds / 2
    low, high = low + min(tail, 0), high + max(tail, 0)
    assert (estimate.low, estimate.high) == pytest.approx((max(low, 0), min(high, 1)))
    assert 0 < low < high < 1  # not clipped: each end tells of every term


@pytest.mark.parametrize(("a", "b"), [(0.8, 0.6), (0.35, 0.75), (0.7, 0.72)])
def test_a_difference_of_hits_has_tangos_limits(a, b):
    """At a limit d, the squared distance is the reach times the variance that d would have."""
    first, second = hits(a), hits(b, start=1)
    gaps = first.astype(float) - second
    value, discordance = gaps.mean(), np.square(gaps).mean()
    squared, _ = reach(gaps, discordance - value**2, IMAGES * discordance)
    estimate = paired(first, second)
    for limit in (estimate.low, estimate.high):
        variance = max(discordance, abs(limit)) - limit**2
        assert (limit - value) ** 2 == pytest.approx(squared * variance)
    assert estimate.low < value < estimate.high


@pytest.mark.parametrize(("only_a", "only_b"), [(9, 3), (20, 3), (3, 9), (6, 6)])
def test_a_lead_of_one_seed_is_the_winners_part_of_those_that_differ(only_a, only_b):
    a, b = np.zeros((2, 100), bool)
    a[:only_a], b[50 : 50 + only_b] = True, True
    differ = wilson(only_a + only_b, 100)

    def lowest(wins, losses):
        part = 2 * stats.beta.ppf(0.025, wins, losses + 1) - 1
        return part * (differ.low if part > 0 else differ.high)

    found = more_often(a, b).estimate
    assert found.low == pytest.approx(lowest(only_a, only_b))
    assert found.high == pytest.approx(-lowest(only_b, only_a))


def test_predictive_values_give_each_of_two_shares_half_the_error():
    labels = np.arange(300) < 60
    called = np.where(labels, np.arange(300) < 48, np.arange(300) < 84)
    found = rates(called, labels, 0.5, prevalence=0.1)
    sensitivity, specificity = (
        stats.binomtest(*counts).proportion_ci(0.975, "exact") for counts in ((48, 60), (216, 240))
    )

    def ppv(right, quiet):
        return right * 0.1 / (right * 0.1 + (1 - quiet) * 0.9)

    expected = ppv(sensitivity.low, specificity.low), ppv(sensitivity.high, specificity.high)
    assert (found["ppv"].low, found["ppv"].high) == pytest.approx(expected)
