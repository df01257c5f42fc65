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

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.components import Components, crossed
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Law, Logit, Part, Score, Student

Floats = NDArray[np.float64]
Scale = Literal["logit", "plain"]

UNIT = (0.0, 1.0)


def check_scores(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
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


def roc_points(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return 1 - specificity, sensitivity and threshold (score >= it is positive) of one seed.

    scores: (n,). Every distinct score is a threshold; the first is infinite. Raises ValueError
    as `check_scores`.
    """
    from sklearn.metrics import roc_curve

    table, truth = check_scores(scores, labels)
    return roc_curve(truth, table[0], drop_intermediate=False)


def placements(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    """Place every positive among the negatives, and every negative among the positives.

    Returns (seeds, positives): the share of negatives below, and (seeds, negatives): the share
    of positives above; ties count half. The mean of either is the area. Raises ValueError as
    `check_scores`.
    """
    table, truth = check_scores(scores, labels)
    m, n = int(truth.sum()), int((~truth).sum())
    among_all = stats.rankdata(table, axis=1)
    own = stats.rankdata(table[:, truth], axis=1), stats.rankdata(table[:, ~truth], axis=1)
    return (among_all[:, truth] - own[0]) / n, 1 - (among_all[:, ~truth] - own[1]) / m


def auc_table(scores: ArrayLike, labels: ArrayLike) -> Floats:
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


def auc(
    scores: ArrayLike, labels: ArrayLike, confidence: float = 0.95, scale: Scale = "logit"
) -> Estimate:
    """Estimate the area under the ROC curve over new seeds and new images.

    scale: the interval is symmetric on the logit scale, which covers better near 1 and stays
    inside [0, 1]; "plain" is DeLong's own, as R's pROC prints it, clipped. The standard error is
    DeLong's (with the seeds' variance added, if there are several). A perfect ranking has none:
    its interval is Wilson's over as many pairs as the smaller class has images.
    Raises ValueError as `auc_table`.
    """
    table = auc_table(scores, labels)
    parts, value = crossed(table), float(np.clip(table.mean(), 0, 1))
    smaller = int(np.bincount(np.asarray(labels, dtype=np.int64)).min())
    shares = parts.parts if parts.n_seeds > 1 else (Part(parts.se**2, np.inf),)
    law: Law = Logit(value, shares) if scale == "logit" else Student(value, shares)
    if parts.se == 0 or value in (0, 1):
        law = Score(value, (Part(1.0, np.inf),), smaller)
    over = f"DeLong over {parts.units}, {'logit scale' if scale == 'logit' else 'normal'}"
    return Estimate.of(value, parts, law, over, confidence=confidence, bounds=UNIT)


def auc_difference(
    a: ArrayLike, b: ArrayLike, labels: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Estimate the area of a less that of b on the same images: paired DeLong.

    a, b: (n,) or (seeds, n), seeds paired. With one seed the answer holds for these two networks
    and new images; the law is Student's t with n - 1 degrees of freedom instead of the normal.
    Raises ValueError as `auc_table` and `comparisons.paired`.
    """
    tables = auc_table(a, labels), auc_table(b, labels)
    estimate = paired(*tables, confidence, deterministic=len(tables[0]) == 1)
    return replace(estimate, method=f"paired DeLong, {estimate.method}")


def specificity_at(
    scores: ArrayLike, labels: ArrayLike, sensitivity: float, confidence: float = 0.95
) -> Estimate:
    """Estimate the specificity at the largest threshold that reaches a sensitivity.

    The threshold is read off the same images, so this describes a curve, not a rule in use.
    The interval is `bootstrapped`. Raises ValueError unless 0 < sensitivity <= 1.
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity: {sensitivity}, wanted above 0, at most 1")

    def read(ascending: Floats) -> Floats:
        # Ascending, so the last of ceil(t m) positives from the top; 1e-9 forgives 0.82 * 50.
        m = ascending.shape[-1]
        return ascending[..., m - int(np.ceil(sensitivity * m - 1e-9))]

    return bootstrapped(scores, labels, read, confidence)


def partial_auc(
    scores: ArrayLike, labels: ArrayLike, sensitivity: float = 0.95, confidence: float = 0.95
) -> Estimate:
    """Estimate the mean specificity over sensitivities from `sensitivity` to 1.

    It is the area beside the upper part of the curve over its height; at `sensitivity` 0 it is
    the whole area. Chance is (1 - sensitivity) / 2. The interval is `bootstrapped`. Raises
    ValueError unless 0 <= sensitivity < 1.

    Source: Jiang, Metz, Nishikawa, Radiology 201 (1996) 745-750.
    """
    if not 0 <= sensitivity < 1:
        raise ValueError(f"sensitivity: {sensitivity}, wanted at least 0, below 1")

    def average(ascending: Floats) -> Floats:
        wanted = (1 - sensitivity) * ascending.shape[-1]
        weights = np.clip(wanted - np.arange(ascending.shape[-1]), 0, 1)
        return ascending @ weights / wanted

    return bootstrapped(scores, labels, average, confidence)


def bootstrapped(
    scores: ArrayLike,
    labels: ArrayLike,
    statistic: Callable[[Floats], Floats],
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Estimate a statistic of the ROC curve, its standard error by resampling each class.

    statistic: the positives' specificities (their placements), sorted ascending along the last
    axis, to one number each. Several seeds are averaged, and the variance of their mean is added
    to that over images (which already holds some of it: the interval is on the safe side).
    """
    table, truth = check_scores(scores, labels)
    drawn = _draws(int(truth.sum()), int((~truth).sum()), resamples, seed)
    draws = np.stack([_resample(row, truth, statistic, *drawn) for row in table])
    values = statistic(np.sort(placements(table, truth)[0], axis=1))
    n_seeds, n_images = table.shape
    seeds = float(values.var(ddof=1)) if n_seeds > 1 else 0.0
    images = float(draws.mean(0).var(ddof=1)) * n_images
    parts = Components(seeds, images, 0.0, n_seeds, n_images)
    value, law = float(values.mean()), Student(float(values.mean()), parts.parts)
    over = f"bootstrap over {parts.units}"
    return Estimate.of(value, parts, law, over, confidence=confidence, bounds=UNIT)


@functools.lru_cache(maxsize=4)
def _draws(
    n_positive: int, n_negative: int, resamples: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw positives (resamples, n_positive), and how often each negative is drawn."""
    random = np.random.default_rng(seed)
    positives, times = [], []
    for _ in range(resamples):
        positives.append(random.integers(0, n_positive, n_positive))
        negatives = random.integers(0, n_negative, n_negative)
        times.append(np.bincount(negatives, minlength=n_negative))
    return np.array(positives), np.array(times)


def _resample(
    row: Floats,
    truth: NDArray[np.bool_],
    statistic: Callable[[Floats], Floats],
    drawn: NDArray[np.int64],
    times: NDArray[np.int64],
) -> Floats:
    """Return the statistic of each draw; the same images are drawn, whatever their scores are."""
    positives, negatives = np.sort(row[truth]), row[~truth]
    above = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    # By name of the image, not by rank, so that two networks are resampled alike.
    place = np.argsort(np.argsort(row[truth], kind="stable"), kind="stable")
    placed = times @ above.T / len(negatives)
    return statistic(np.take_along_axis(placed, np.sort(place[drawn], axis=1), axis=1))
