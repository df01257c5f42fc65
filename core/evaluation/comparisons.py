"""Comparisons of arms: paired where they share seeds and images, else as unrelated samples."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from core.evaluation.components import as_table, crossed, skew
from core.evaluation.intervals import Estimate, are_hits, lead_law, symmetric
from core.evaluation.laws import Law, Part, Student
from core.evaluation.shares import Discordant

Alternative = Literal["two-sided", "greater", "less"]


def paired(a: ArrayLike, b: ArrayLike, *, deterministic: bool = False) -> Estimate:
    """Estimate the mean of a - b over new seeds and new images.

    a, b: (seeds, images) float or bool; the same seeds and the same images in both. (seeds, 1)
    for one number a seed: then the interval is the paired t-test's. Hits and misses have
    `shares.Lead`'s limits; of one seed each, those that McNemar's exact test agrees with.
    deterministic: the arms hold no training (a Haar cascade, PCA), so that one row is the whole
    population of seeds. Raises ValueError if the shapes differ, a score is not finite, or there is
    one seed and the arms are not deterministic.
    """
    first, second = as_table(a, "a"), as_table(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"a, b: shapes {first.shape} and {second.shape}, wanted the same")
    if len(first) < 2 and not deterministic:
        raise ValueError(f"a, b: {len(first)} seed, wanted 2 or more: single runs do not compare")
    gaps = first - second
    parts, value = crossed(gaps), float(gaps.mean())
    if not (are_hits(first) and are_hits(second)):
        return symmetric(value, parts, skew=skew(gaps))
    law: Law
    if parts.n_seeds == 1:
        law = Discordant(int((gaps > 0).sum()), int((gaps < 0).sum()), parts.n_images)
        name = "exact McNemar"
    else:
        discordance = float(np.square(gaps).mean())
        law, name = lead_law(value, discordance, parts), "score test"
    return Estimate.of(parts, law, f"{name} over {parts.units}", bounds=(-1.0, 1.0))


def unpaired(a: ArrayLike, b: ArrayLike) -> Estimate:
    """Estimate the mean of a minus the mean of b, which share nothing.

    a, b: (runs, 1) float, 2 or more runs each. `n_seeds` is the smaller number of runs. The
    standard error is Welch's, the limits are the modified large sample rule's: with Welch's own
    degrees of freedom, 3 runs against 10 err up to 10 times too often at the levels that Holm
    leaves to a family of 45. Raises ValueError as `mean`.

    Source: Welch, Biometrika 34 (1947) 28-35; `laws` for the limits.
    """
    tables = as_table(a, "a"), as_table(b, "b")
    shares = tuple(Part(crossed(table).seeds / len(table), len(table) - 1) for table in tables)
    value, n = float(tables[0].mean() - tables[1].mean()), min(map(len, tables))
    variance = shares[0].variance + shares[1].variance
    parts = replace(crossed(tables[0]), seeds=variance * n, n_seeds=n)
    if not variance:
        return symmetric(value, parts)
    return Estimate.of(parts, Student(value, shares), "Welch's standard error over runs")


def p_value(estimate: Estimate, null: float = 0.0) -> float:
    """Test whether the true value is null, with the law that gave the interval.

    The two-sided p is below 1 - confidence exactly where null lies outside the interval (before
    bounds clip it).
    """
    return min(1.0, 2 * min(estimate.p(null, "greater"), estimate.p(null, "less")))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust a family's p values, so that P(any false rejection) <= alpha under any dependence.

    p_values: (tests,) float in [0, 1], any order. Returns (tests,) float64 in the same order.
    Raises ValueError on NaN and outside [0, 1].

    Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values: {p.tolist()}, wanted a list of numbers in [0, 1]")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def compare_all(scores: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Compare every pair of arms; Holm over all pairs.

    scores: arm -> (seeds, images), the same seeds and images in all. Returns one row a pair:
    a, b, difference (a - b), low, high, n_seeds, n_images, p, p_holm. The intervals are per
    pair, not simultaneous. Raises ValueError as `paired`.
    """
    tables = {arm: as_table(values, arm) for arm, values in scores.items()}
    rows = []
    for a, b in combinations(tables, 2):
        gap = paired(tables[a], tables[b])
        rows.append((a, b, gap.value, gap.low, gap.high, gap.n_seeds, gap.n_images, p_value(gap)))
    names = ["a", "b", "difference", "low", "high", "n_seeds", "n_images", "p"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(p_holm=holm(frame["p"]))


def mcnemar(
    a_correct: ArrayLike, b_correct: ArrayLike, alternative: Alternative = "two-sided"
) -> float:
    """Test whether two classifiers are right equally often on the same images.

    a_correct, b_correct: (images,) bool, one seed each. alternative: what the test is to show of
    a against b. Returns the exact p, 1 if the two never differ. Raises ValueError if the shapes
    differ or are not (images,).

    Source: McNemar, Psychometrika 12 (1947) 153-157; exact form of the binomial sign test.
    """
    a, b = np.asarray(a_correct, dtype=bool), np.asarray(b_correct, dtype=bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"a_correct, b_correct: shapes {a.shape} and {b.shape}, wanted (images,)")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b, alternative=alternative).pvalue)
