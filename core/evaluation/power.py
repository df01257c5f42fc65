"""How many seeds or images would decide: the power of a comparison that has not been run.

The variance components of a finished study tell the standard error of one with other numbers of
seeds and images, and with it the chance that its test comes out. The answer is a plan, as good
as the components and the effect that go in: planned for 80 % with the variances of 3, 5 or 10
seeds instead of the true ones, studies reach 66, 74 and 75 % on average (simulated). It holds
for a study sized in advance: adding seeds until the verdict pleases makes false verdicts more
likely than alpha.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal, TypedDict, Unpack

from scipy import stats

from core.evaluation.intervals import Estimate
from core.evaluation.laws import stretched
from core.evaluation.shares import Score

Test = Literal["superior", "equivalent", "predicted", "exact"]

ALPHA = 0.025
"""of each side, so that a verdict never contradicts the 95 % interval printed beside it"""
CHANCE = 0.8
"""the power that is planned for"""
BEYOND = 10_000
"""more seeds or images than these are out of reach"""


@dataclass(frozen=True)
class Needed:
    """What would decide a claim, were the truth what was observed. All None: more than BEYOND."""

    seeds: int | None = None
    """in all, on the images at hand"""
    images: int | None = None
    """in all, with the seeds at hand"""
    together: tuple[int, int] | None = None
    """seeds and images, where neither alone would"""
    power: float = CHANCE
    """the chance that so many decide"""
    part: str = ""
    """of a claim of several parts: the one furthest from a verdict, which this is about"""
    parts: int = 1
    """how many parts are undecided"""


class Question(TypedDict, total=False):
    """What the study is to decide, in the terms of `verdicts`."""

    margin: float
    """0 if left out"""
    effect: float
    """the true value to plan for; the observed one if left out"""
    alpha: float
    """ALPHA if left out"""
    test: Test
    """"superior" if left out"""
    target: float
    """what "equivalent" compares with; 0 if left out"""


def power(estimate: Estimate, n_seeds: int, n_images: int, **question: Unpack[Question]) -> float:
    """Return the chance that a study of this size decides, if the true value is effect.

    estimate: gives the variance components, and the effect if the question does not. The
    decision is the one that the effect calls for: one beyond the margin supports "superior" and
    refutes "equivalent", one within it does the opposite. With n_seeds 1 the arms are taken as
    deterministic.

    Source: noncentral t, Cohen, Statistical Power Analysis (1988), chapter 2; for equivalence a
    lower bound that is close at useful powers, Phillips, J. Pharmacokinetics and
    Biopharmaceutics 18 (1990) 137-144.
    """
    margin, target = question.get("margin", 0.0), question.get("target", 0.0)
    value = question.get("effect", estimate.value)
    parts, alpha = estimate.components.resized(n_seeds, n_images), question.get("alpha", ALPHA)
    if parts.se == 0:
        return 0.0
    # Beyond a million degrees of freedom t is normal, and its noncentral form unstable.
    weighed = sum(part.variance / part.df for part in parts.parts)
    df = min(parts.se**2 / weighed, 1e6)
    threshold = float(stretched(parts.parts, alpha) / parts.se)

    def passes(bound: float) -> float:
        stretch = 1.0
        if isinstance(estimate.law, Score):  # the score test's error is the bound's own
            allowed = max(bound * (1 - bound), 0.0)
            stretch = sqrt(allowed / (estimate.value * (1 - estimate.value)))
        return float(stats.nct.sf(threshold * stretch, df, abs(value - bound) / parts.se))

    if question.get("test", "superior") == "superior":
        return passes(margin)
    low, high = target - margin, target + margin
    if low < value < high:
        return max(0.0, passes(low) + passes(high) - 1)
    return passes(low if value <= low else high)


def seeds_needed(
    estimate: Estimate, chance: float = CHANCE, **question: Unpack[Question]
) -> int | None:
    """Return how many seeds in all, on the images at hand, decide with this chance.

    None if no number up to BEYOND does: the images are too few, or the effect sits on the
    margin. Arguments and source as `power`.
    """

    def decides(n_seeds: int) -> bool:
        return power(estimate, n_seeds, estimate.n_images, **question) >= chance

    return _smallest(decides, 2, BEYOND)


def images_needed(
    estimate: Estimate,
    chance: float = CHANCE,
    *,
    with_seeds: bool = False,
    **question: Unpack[Question],
) -> int | None:
    """Return how many images in all, with the seeds at hand, decide with this chance.

    with_seeds: the seeds grow in proportion. None if BEYOND do not. Arguments and
    source as `power`.
    """
    n_seeds, n_images = estimate.n_seeds, estimate.n_images

    def decides(n: int) -> bool:
        seeds = ceil(n_seeds * n / n_images) if with_seeds else n_seeds
        return power(estimate, seeds, n, **question) >= chance

    return _smallest(decides, n_images, max(BEYOND, n_images))


def _smallest(decides: Callable[[int], bool], start: int, limit: int) -> int | None:
    """Bisect for the least number that decides, given that every greater one does."""
    high = start
    while not decides(high):
        if high >= limit:
            return None
        high = min(2 * high, limit)
    low = max(start, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle + 1, high)
    return high


def needed(estimate: Estimate, **question: Unpack[Question]) -> Needed:
    """Say what would decide, if the truth were what was observed. Arguments as `power`."""
    seeds = seeds_needed(estimate, **question) if estimate.n_seeds > 1 else None
    images = images_needed(estimate, **question) if estimate.n_images > 1 else None
    together = None
    if seeds is images is None and min(estimate.n_seeds, estimate.n_images) > 1:
        both = images_needed(estimate, with_seeds=True, **question)
        if both is not None:
            together = (ceil(estimate.n_seeds * both / estimate.n_images), both)
    return Needed(seeds, images, together)
