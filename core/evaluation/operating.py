"""Points of the ROC curve, and the area beside its upper end, with honest intervals.

A threshold that the positives themselves set moves with them: with 20 positives, 95 % sensitivity
hangs on the two lowest. So the limits take both chances: where the threshold falls among the
positives (order statistics), and what share of negatives lies below it (exact binomial).

Scores are (n,) or (seeds, n) float, higher meaning positive; a score at or above the threshold
calls an image positive. Labels are (n,) bool or 0 / 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Floats, Part, Student, stretched
from core.evaluation.roc import Array, check_scores, placements
from core.evaluation.shares import one_seed

SLICES = 10
"""quantiles whose limits are averaged for those of a partial area"""
RESAMPLES = 300
"""of the images, for a bootstrap's standard errors"""


@dataclass(frozen=True)
class Quantiles:
    """The share of negatives below quantiles of the positives, averaged over seeds and quantiles.

    For each chance alone the limits are exact; their distances from the value and the seeds' own
    variance are added in squares.

    Source: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702, for adding distances.
    """

    value: float
    quiet: Array
    """(seeds, positives): the share of negatives strictly below each, ascending"""
    n_negatives: int
    below: tuple[float, ...]
    """the quantiles: 1 - sensitivity"""
    seeds: tuple[Part, ...]

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the limits of the mean share."""
        among = np.mean([self._among(q, alpha) for q in self.below], axis=0)
        share = one_seed(self.value, self.n_negatives).strict.limits(alpha)
        squares = stretched(self.seeds, alpha) ** 2 if self.seeds else 0.0
        reach = np.sqrt(
            sum((np.array(ends) - self.value) ** 2 for ends in (among, share)) + squares
        )
        return self.value - reach[0], self.value + reach[1]

    def _among(self, quantile: float, alpha: Floats) -> tuple[Floats, Floats]:
        """Return limits where only the positives are drawn anew, means over seeds."""
        m = self.quiet.shape[1]
        # P(the r-th lowest of m positives lies above the quantile) = P(Binomial(m, .) < r).
        above = stats.binom.cdf(np.arange(-1, m + 1), m, quantile)
        lowest = np.searchsorted(above, alpha, side="right") - 1
        highest = np.searchsorted(above, 1 - alpha, side="left")
        shares = np.array([0.0, *self.quiet.mean(0), 1.0])
        return np.minimum(shares[lowest], self.value), np.maximum(shares[highest], self.value)


def _estimate(values: Array, quiet: Array, n_negatives: int, below: tuple[float, ...]) -> Estimate:
    """Estimate the mean of a statistic over seeds. values: (seeds,), quiet: as `Quantiles`."""
    n_seeds, m = quiet.shape
    spread = float(values.var(ddof=1)) if n_seeds > 1 else 0.0
    seeds = (Part(spread / n_seeds, n_seeds - 1),) if n_seeds > 1 else ()
    law = Quantiles(float(values.mean()), quiet, n_negatives, below, seeds)
    low, high = law.limits(0.025)
    n_images = m + n_negatives
    images = max(((high - low) / 4) ** 2 - spread / n_seeds, 0.0) * n_images
    parts = Components(spread, images, 0.0, n_seeds, n_images)
    method = f"order statistics and exact binomial over {parts.units}"
    return Estimate.of(parts, law, method, bounds=(0.0, 1.0), fewest=min(m, n_negatives))


def _quiet(table: Array, truth: NDArray[np.bool_]) -> Array:
    """Return (seeds, positives): the share of negatives strictly below each, ascending."""
    return np.stack(
        [np.searchsorted(np.sort(row[~truth]), np.sort(row[truth]), side="left") for row in table]
    ) / int((~truth).sum())


def specificity_at(scores: ArrayLike, labels: ArrayLike, sensitivity: float) -> Estimate:
    """Estimate the specificity at the largest threshold that reaches a sensitivity.

    The threshold is read off the same images, so this describes a curve, not a rule in use; with
    few positives its value is too high, and its interval wide. Negatives that tie with the
    threshold are called. Raises ValueError unless 0 < sensitivity <= 1.
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity: {sensitivity}, wanted above 0, at most 1")
    table, truth = check_scores(scores, labels)
    quiet = _quiet(table, truth)
    m = quiet.shape[1]
    # Ascending, so the last of ceil(t m) positives from the top; 1e-9 forgives 0.82 * 50.
    values = quiet[:, m - int(np.ceil(sensitivity * m - 1e-9))]
    return _estimate(values, quiet, truth.size - m, (1 - sensitivity,))


def partial_auc(scores: ArrayLike, labels: ArrayLike, sensitivity: float = 0.95) -> Estimate:
    """Estimate the mean specificity over sensitivities from `sensitivity` to 1.

    It is the area beside the upper part of the curve over its height, straight between its points
    as scikit-learn's; at `sensitivity` 0 it is the whole area. Chance is (1 - sensitivity) / 2.
    Raises ValueError unless 0 <= sensitivity < 1.

    Source: Jiang, Metz, Nishikawa, Radiology 201 (1996) 745-750.
    """
    if not 0 <= sensitivity < 1:
        raise ValueError(f"sensitivity: {sensitivity}, wanted at least 0, below 1")
    table, truth = check_scores(scores, labels)
    height = 1 - sensitivity
    values = np.array([_area_beside(row, truth, height) for row in table])
    below = tuple((np.arange(SLICES) + 0.5) / SLICES * height)
    quiet = _quiet(table, truth)
    return _estimate(values, quiet, truth.size - quiet.shape[1], below)


def _area_beside(row: Array, truth: NDArray[np.bool_], height: float) -> float:
    from sklearn.metrics import roc_curve

    # Turned over: the share of positives missed across, the specificity up.
    missed, specificity, _ = roc_curve(~truth, -row, drop_intermediate=False)
    stop = int(np.searchsorted(missed, height, side="right"))
    last = np.interp(height, missed[stop - 1 : stop + 1], specificity[stop - 1 : stop + 1])
    x, y = np.append(missed[:stop], height), np.append(specificity[:stop], last)
    return float(np.trapezoid(y, x) / height)


def bootstrapped(
    scores: ArrayLike, labels: ArrayLike, statistics: Callable[[Array], Array]
) -> list[Estimate]:
    """Estimate statistics of the ROC curve, their standard errors by resampling each class.

    statistics: the positives' specificities (their placements), (..., m), to k numbers, (..., k).
    Several seeds are averaged, and the variance of their mean is added to that over images (which
    already holds some of it: the interval is on the safe side). For what a few images decide it is
    too short; it draws bands, and decides nothing.
    """
    table, truth = check_scores(scores, labels)
    n_seeds, n_images = table.shape
    values = statistics(placements(table, truth)[0])
    draws = np.mean([_resample(row, truth, statistics) for row in table], axis=0)
    seeds = values.var(axis=0, ddof=1) if n_seeds > 1 else np.zeros(values.shape[1])
    images = draws.var(axis=0, ddof=1) * n_images
    estimates = []
    for value, of_seeds, of_images in zip(values.mean(0), seeds, images, strict=True):
        parts = Components(of_seeds, of_images, 0.0, n_seeds, n_images)
        law, over = Student(value, parts.parts), f"bootstrap over {parts.units}"
        estimates.append(Estimate.of(parts, law, over, bounds=(0.0, 1.0)))
    return estimates


def _resample(row: Array, truth: NDArray[np.bool_], statistics: Callable[[Array], Array]) -> Array:
    """Draw positives and negatives anew; the same images whatever the scores."""
    random = np.random.default_rng(0)
    positives, negatives = row[truth], row[~truth]
    above = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    sizes = len(positives), len(negatives)
    chosen, others = (random.integers(0, n, (RESAMPLES, n)) for n in sizes)
    weights = np.stack([np.bincount(drawn, minlength=sizes[1]) for drawn in others])
    placed = weights @ above.T / sizes[1]
    return statistics(np.take_along_axis(placed, chosen, axis=1))
