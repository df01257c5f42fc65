"""Points of the ROC curve have limits of two chances, and those of seeds, added in squares."""

import numpy as np
import pytest
from scipy import stats

from core.evaluation.operating import bootstrapped, specificity_at

POSITIVES, NEGATIVES = 40, 100
LABELS = np.arange(POSITIVES + NEGATIVES) < POSITIVES


def scored(seeds):
    random = np.random.default_rng(0)
    image = random.normal(size=LABELS.size) + 1.5 * LABELS
    return image + 0.3 * random.normal(size=(seeds, LABELS.size)) * np.arange(1, seeds + 1)[:, None]


def quiet(row):
    """The share of negatives below each positive, ascending."""
    return (np.sort(row[LABELS])[:, None] > row[~LABELS]).mean(1)


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_specificity_has_the_limits_of_threshold_negatives_and_seeds(seeds):
    table = scored(seeds)
    found, below = specificity_at(table, LABELS, 0.7), 1 - 0.7
    ascending = np.stack([quiet(row) for row in table])
    # The r-th lowest of the positives lies above the quantile where fewer than r are below it.
    above = {r: stats.binom.cdf(r - 1, POSITIVES, below) for r in range(1, POSITIVES + 1)}
    lowest = max(r for r, chance in above.items() if chance <= 0.025)
    highest = min(r for r, chance in above.items() if chance >= 0.975)
    among = ascending[:, [lowest - 1, highest - 1]].mean(0)
    values = ascending[:, POSITIVES - 28]  # of 40, 28 are 70 %
    value, count = values.mean(), values.mean() * NEGATIVES
    share = (
        stats.beta.ppf(0.025, count, NEGATIVES - count + 1),
        stats.beta.ppf(0.975, count + 1, NEGATIVES - count),
    )
    known = stats.t.ppf(0.975, seeds - 1) ** 2 * values.var(ddof=1) / seeds if seeds > 1 else 0.0
    reach = np.sqrt((among - value) ** 2 + (np.array(share) - value) ** 2 + known)
    assert found.value == pytest.approx(value)
    assert (found.low, found.high) == pytest.approx((value - reach[0], value + reach[1]))
    assert found.se == pytest.approx((found.high - found.low) / 4)


def test_the_smaller_class_is_told_whichever_it_is():
    (row,) = scored(1)
    assert specificity_at(row, LABELS, 0.7).fewest == POSITIVES
    assert specificity_at(-row, ~LABELS, 0.7).fewest == POSITIVES


def test_of_a_sensitivity_that_rounds_up_the_positives_are_counted_right():
    """0.07 * 100 is 7.000000000000001."""
    labels, scores = np.arange(200) < 100, np.r_[np.arange(100.0), np.arange(100) - 0.5]
    assert specificity_at(scores, labels, 0.07).value == 0.94


def test_bands_hold_the_chance_of_seeds():
    def means(placed):
        return np.stack([placed.mean(-1), (placed >= 0.8).mean(-1)], -1)

    (one, _), (many, above) = (
        bootstrapped(scores, LABELS, means) for scores in (scored(4)[:1], scored(4))
    )
    areas = [quiet(row).mean() for row in scored(4)]
    assert many.value == pytest.approx(np.mean(areas))
    assert above.value == pytest.approx(np.mean([(quiet(row) >= 0.8).mean() for row in scored(4)]))
    assert many.components.seeds == pytest.approx(np.var(areas, ddof=1))
    assert one.components.seeds == 0
