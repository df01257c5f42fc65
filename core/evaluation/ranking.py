"""Which of several arms is best, what another costs, and what part of a gain is whose."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.evaluation.comparisons import paired
from core.evaluation.components import as_table, crossed
from core.evaluation.intervals import CONFIDENCE, Estimate
from core.evaluation.laws import Floats, Part, stretched


def ranks(scores: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Rank arms by their mean score; regret is what an arm lacks to the best of the others.

    scores: arm -> (seeds, images), the same seeds and images in all. Returns one row an arm: arm,
    score, rank (1 the best, ties share), rank_low, rank_high, regret, regret_low, regret_high.
    The regret of the best arm is negative: its lead. Limits follow from the paired differences
    to the k - 1 others. The upper limit of a maximum is the largest upper limit; the lower, and
    the ranks, need all differences to be right at once, so that each has a share of the error.
    Raises ValueError for fewer than two arms, and as `paired`.

    Source: union bound; for ranks Al Mohamad, van Zwet, Solari, Goeman, Computational Statistics
    and Data Analysis 162 (2021) 107227.
    """
    if len(scores) < 2:
        raise ValueError(f"scores: {len(scores)} arms, wanted 2 or more")
    tables = {arm: as_table(values, arm) for arm, values in scores.items()}
    shared = 1 - (1 - CONFIDENCE) / (len(tables) - 1)
    rows = []
    for arm, table in tables.items():
        gaps = [paired(other, table) for name, other in tables.items() if name != arm]
        strict = [gap.at(shared) for gap in gaps]
        above = sum(gap.value > 0 for gap in gaps)
        rows.append(
            {
                "arm": arm,
                "score": table.mean(),
                "rank": 1 + above + sum(gap.value == 0 for gap in gaps) / 2,
                "rank_low": 1 + sum(gap.low > 0 for gap in strict),
                "rank_high": len(tables) - sum(gap.high < 0 for gap in strict),
                "regret": max(gap.value for gap in gaps),
                "regret_low": max(gap.low for gap in strict),
                "regret_high": max(gap.high for gap in gaps),
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Ratio:
    """A ratio of two means over the same seeds and images: the values that no test rejects.

    Where the denominator may be 0 there is no limit.

    Source: Fieller, JRSS B 16 (1954) 175-185, with the modified large sample rule.
    """

    value: float
    numerator: float
    denominator: float
    squares: tuple[tuple[Part, ...], ...]
    """variance parts of numerator, denominator, and their sum"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the ratios r for which numerator - r denominator may be 0."""
        # Seeds alone too: a covariance of images that outweighs their variances is one by chance.
        ends = [self._roots(alpha, parts) for parts in (slice(None), slice(1))]
        return np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)

    def _roots(self, alpha: Floats, which: slice) -> tuple[Floats, Floats]:
        top, bottom, both = (stretched(parts[which], alpha) ** 2 for parts in self.squares)
        first = self.denominator**2 - bottom
        middle = self.numerator * self.denominator - (both - top - bottom) / 2
        last = self.numerator**2 - top
        root = np.sqrt(np.maximum(middle**2 - first * last, 0.0))
        safe = np.where(first > 0, first, 1.0)
        low, high = (middle - root) / safe, (middle + root) / safe
        return np.where(first > 0, low, -np.inf)[()], np.where(first > 0, high, np.inf)[()]


def share_of_gain(part: ArrayLike, whole: ArrayLike) -> Estimate:
    """Estimate the mean of part over that of whole, such as two arms' gains over a third.

    part, whole: (seeds, images) float, gains on the same seeds and images. Not clipped to [0, 1]:
    a part may be more than the whole. The limits are infinite where the whole gain may be 0.
    Raises ValueError if the shapes differ or a score is not finite.
    """
    tops, bottoms = as_table(part, "part"), as_table(whole, "whole")
    if tops.shape != bottoms.shape:
        raise ValueError(f"part, whole: shapes {tops.shape} and {bottoms.shape}, wanted the same")
    top, bottom = float(tops.mean()), float(bottoms.mean())
    value = top / bottom if bottom else float("nan")
    squares = tuple(crossed(table).parts for table in (tops, bottoms, tops + bottoms))
    parts = crossed((tops - value * bottoms) / (bottom or 1.0))
    law = Ratio(value, top, bottom, squares)
    return Estimate.of(parts, law, f"Fieller over {parts.units}")
