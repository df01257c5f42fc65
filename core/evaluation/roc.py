"""ROC curves and the areas under them, over seeds and images.

The area is the chance that a positive image scores above a negative one, ties counting half. An
image's placement is its share in that: of a positive, the share of negatives below it; of a
negative, the share of positives above it. Centred, scaled and added to the area, placements make
a table of seeds by images (`auc_table`) whose mean is the area and whose variance over images is
DeLong's, so that `intervals.mean`, `comparisons.paired` and the verdicts take areas as they take
hits. One seed gives DeLong's test, several give it with the seeds as a second random factor.

Scores are (n,) or (seeds, n) float, higher meaning positive; labels are (n,) bool or 0 / 1.

Source: DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988) 837-845; placements from midranks,
Sun and Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.components import ROUNDING, crossed
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Part, Student
from core.evaluation.shares import Area, Share

Array = NDArray[np.float64]

MISPLACED = 0.03
"""images placed as badly as can be, as evidence of how they scatter until as many are seen: less
for intervals, whose coverage is simulated, than for verdicts on scores of any shape"""
UNSEEN = 0.25
"""of an image of the smaller class: on it two arms may differ, though none was seen (simulated)"""


def check_scores(scores: ArrayLike, labels: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    """Return scores as float64 (seeds, n) and labels as bool (n,).

    Raises ValueError for shapes that do not fit, a score that is not finite, a label that is not
    0 or 1, and labels of one class.
    """
    table, truth = np.atleast_2d(np.asarray(scores, dtype=np.float64)), np.asarray(labels)
    if table.ndim != 2 or truth.shape != table.shape[1:]:
        raise ValueError(f"scores, labels: shapes {table.shape}, {truth.shape}, wanted (seeds, n)")
    if not np.isfinite(table).all():
        raise ValueError(f"scores: {(~np.isfinite(table)).sum()} not finite, wanted none")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError(f"labels: {np.unique(truth)[:5].tolist()}, wanted 0 and 1")
    truth = truth.astype(bool)
    if truth.all() or not truth.any():
        raise ValueError(f"labels: all {int(truth[0])}, wanted positive and negative images")
    return table, truth


def roc_points(scores: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Array]:
    """Return 1 - specificity, sensitivity and threshold (score >= it is positive) of one seed.

    scores: (n,). Every distinct score is a threshold; the first is infinite. Raises ValueError
    as `check_scores`.
    """
    from sklearn.metrics import roc_curve

    table, truth = check_scores(scores, labels)
    return roc_curve(truth, table[0], drop_intermediate=False)


def placements(scores: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Place every positive among the negatives, and every negative among the positives.

    Returns (seeds, positives): the share of negatives below, and (seeds, negatives): the share
    of positives above; ties count half. The mean of either is the area. Raises ValueError as
    `check_scores`.
    """
    table, truth = check_scores(scores, labels)
    m, n = int(truth.sum()), int((~truth).sum())
    among_all = stats.rankdata(table, axis=1)
    within = stats.rankdata(table[:, truth], axis=1), stats.rankdata(table[:, ~truth], axis=1)
    return (among_all[:, truth] - within[0]) / n, 1 - (among_all[:, ~truth] - within[1]) / m


def auc_table(scores: ArrayLike, labels: ArrayLike) -> Array:
    """Return (seeds, n) float64 with the areas as row means and DeLong's variance over images.

    Give it to `paired` to compare areas on the same images. Raises ValueError as `check_scores`,
    and for a class of one image.
    """
    table, truth = check_scores(scores, labels)
    result, total = np.empty_like(table), truth.size
    sides = zip((truth, ~truth), placements(table, truth), strict=True)
    for side, placed in sides:
        k = int(side.sum())
        if k < 2:
            raise ValueError(f"labels: {k} image of a class, wanted 2 or more for a variance")
        area = placed.mean(1, keepdims=True)
        # So scaled, the variance of all pseudo-values over n is S10 / m + S01 / n to the last bit.
        scale = total / k * np.sqrt(k * (total - 1) / (total * (k - 1)))
        result[:, side] = area + scale * (placed - area)
    return result


def auc(scores: ArrayLike, labels: ArrayLike) -> Estimate:
    """Estimate the area under the ROC curve over new seeds and new images.

    The standard error is DeLong's, with the seeds' variance added if there are several. Limits are
    the logit's (`shares.Area`): positives and negatives are known apart, and few that are misplaced
    say little of how they scatter. Verdicts take the strict ones, which keep their promise for
    scores of any shape. A perfect ranking is not certain. Raises ValueError as `auc_table`.
    """
    table, placed = auc_table(scores, labels), placements(scores, labels)
    parts, value = crossed(table), float(np.clip(placed[0].mean(), 0, 1))
    value = round(value) if min(value, 1 - value) < ROUNDING else value
    seeds = Part(parts.seeds / parts.n_seeds / (value * (1 - value) or 1), parts.n_seeds - 1)
    known = (seeds,) if parts.n_seeds > 1 else ()
    usual = (*known, *(_side(side, value, MISPLACED, np.inf) for side in placed))
    worst = (*known, *(_side(side, value, 1.0, side.shape[1] - 1) for side in placed))
    fewest = min(side.shape[1] for side in placed)
    law = Area(value, usual, fewest, Share(value, worst, seeds if known else None))
    method = f"DeLong's variance over {parts.units}, logit"
    return Estimate.of(parts, law, method, bounds=(0.0, 1.0), fewest=fewest)


def _side(placed: Array, area: float, doubt: float, df: float) -> Part:
    """Return the variance that one class's images give the area, in units of area (1 - area).

    placed: (seeds, images). Placements of 0 and 1 alone would have 1. doubt: misplaced images of
    such placements, until as many are seen; it never lowers what is observed. Of placements that
    are all equal, such as those of equal scores, none is seen to scatter.
    """
    n, unit = placed.shape[1], area * (1 - area)
    share = float(crossed(placed).images) / unit if unit else 0.0
    seen = n * min(area, 1 - area) if share else 0.0
    return Part(max(share, (seen * share + doubt) / (seen + doubt)) / n, df)


def auc_difference(a: ArrayLike, b: ArrayLike, labels: ArrayLike) -> Estimate:
    """Estimate the area of a less that of b on the same images: paired DeLong.

    a, b: (n,) or (seeds, n), seeds paired. With one seed the answer holds for these two networks
    and new images. Student's t, positives and negatives known apart; the variance is raised by that
    of UNSEEN of an image on which the arms differ wholly, so that a few images on which they agree
    are no proof of equality. Raises ValueError as `auc_table` and `comparisons.paired`.
    """
    one, two = auc_table(a, labels), auc_table(b, labels)
    estimate = paired(one, two, deterministic=len(one) == 1)
    parts = estimate.components
    sides = [x - y for x, y in zip(placements(a, labels), placements(b, labels), strict=True)]
    fewest = min(side.shape[1] for side in sides)
    shares = [Part(crossed(side).images / side.shape[1], side.shape[1] - 1) for side in sides]
    if parts.n_seeds > 1:
        shares.append(Part(parts.seeds / parts.n_seeds, parts.n_seeds - 1))
    law = Student(estimate.value, (*shares, Part(UNSEEN / fewest**2, np.inf)))
    method = f"paired DeLong, t over {parts.units}"
    return Estimate.of(parts, law, method, bounds=(-1.0, 1.0), fewest=fewest)
