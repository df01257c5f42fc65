"""How many seeds or images would decide: the power of a comparison that has not been run.

The variance components of a finished study tell the standard error of one with other numbers of
seeds and images, and with it the chance that its test comes out. A few seeds know their variance
badly: with the observed one in place of the true, studies planned for 80 % reach 66 % after three
seeds. So the chance is averaged over the variances that the seeds at hand leave possible
(chi-squared), and the advice keeps its word on average. It holds for the effect that goes in.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy import special

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Law
from core.evaluation.shares import Discordant, Lead, Score, Share

Test = Literal["superior", "equivalent", "predicted", "exact"]

ALPHA = 0.025
"""of each side, so that a verdict never contradicts the 95 % interval printed beside it"""
CHANCE = 0.8
"""the power that is planned for"""
BEYOND = 10_000
"""more seeds or images than these are out of reach"""
SEEDS_FOR_IMAGES = 5
"""seeds of a pilot from which on images alone are advised: after 3, studies so planned
decided in 33 to 79 % of cases in place of 80: seeds alike by chance passed for equal (simulated)"""
_GRID = (np.arange(40) + 0.5) / 40
"""quantiles at which chi-squared variances are averaged"""
_STEPS = {Share: 0.5, Score: 0.5, Discordant: 1.0}
"""law of one seed -> half a step of its exact test, in images"""


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
    known: bool
    """take the variances as the true ones; False if left out"""


def power(estimate: Estimate, n_seeds: int, n_images: int, **question: Unpack[Question]) -> float:
    """Return the chance that a study of this size decides, if the true value is effect.

    estimate: gives the variance components, and the effect if the question does not. The
    decision is the one that the effect calls for: one beyond the margin supports "superior" and
    refutes "equivalent", one within it does the opposite. With n_seeds 1 the arms are taken as
    deterministic. Averaged over the true variance of seeds (of images, for one seed), given the
    observed one, and over the one that the new study will observe.

    Source: the modified large sample test's rejection region; for planning with an estimated
    variance Browne, Statistics in Medicine 14 (1995) 1933-1940.
    """
    margin, target = question.get("margin", 0.0), question.get("target", 0.0)
    value, alpha = question.get("effect", estimate.value), question.get("alpha", ALPHA)
    units, step = estimate.n_seeds, 0.0
    if n_seeds == 1:  # of hits on images the law itself gives the variance; exact tests go by steps
        units = estimate.n_images
        step = _STEPS.get(type(estimate.law), 0.0) / n_images
    known = question.get("known") or step
    doubt = np.ones(1) if known else (units - 1) / _chi2(units - 1)
    shown, truth = _variances(estimate.components, n_seeds, n_images, doubt, alpha)

    def reach(bound: float) -> NDArray[np.float64]:
        return np.sqrt(shown * _inflated(estimate.law, bound, value)) + step

    def above(bound: float) -> NDArray[np.float64]:
        return (value - bound - reach(bound)) / np.sqrt(truth)

    def below(bound: float) -> NDArray[np.float64]:
        return (bound - value - reach(bound)) / np.sqrt(truth)

    if not truth.all():
        return _power_of_equals(estimate, n_images, {**question, "alpha": alpha})
    if question.get("test", "superior") == "superior":
        return float(special.ndtr(above(margin) if value > margin else below(margin)).mean())
    low, high = target - margin, target + margin
    if low < value < high:
        both = special.ndtr(above(low)) + special.ndtr(below(high)) - 1
        return float(np.maximum(both, 0.0).mean())
    return float(special.ndtr(below(low) if value <= low else above(high)).mean())


@functools.cache
def _chi2(df: float) -> NDArray[np.float64]:
    return np.asarray(special.chdtri(df, 1 - _GRID), dtype=np.float64)


def _power_of_equals(estimate: Estimate, n_images: int, question: Question) -> float:
    """Return 1 or 0 for scores that were all equal and will be: of hits, n in a row decide."""
    if not isinstance(estimate.law, Share | Score | Lead | Discordant):
        return 0.0
    margin, target = question.get("margin", 0.0), question.get("target", 0.0)
    bounds = [margin] if question.get("test", "superior") == "superior" else []
    gaps = [abs(estimate.value - x) for x in bounds or (target - margin, target + margin)]
    return float((1 - min(1.0, *gaps, 1.0)) ** n_images < question["alpha"])


def _variances(
    parts: Components, n_seeds: int, n_images: int, doubt: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the squared half-width and the squared standard error of a study of another size.

    doubt: true over observed variance of the seeds (of images, for one seed) in the study at hand;
    what the residual gives of it is known. Shapes (doubt, observed by the new study).
    """
    true = replace(parts, seeds=parts.seeds * doubt) if n_seeds > 1 else parts
    first, *others = true.resized(n_seeds, n_images).parts
    truth = np.atleast_1d(first.variance)[:, None]
    if n_seeds == 1:
        truth = truth * doubt[:, None]
    seen = _chi2(first.df) / first.df if n_seeds > 1 else np.ones(1)
    reach = special.stdtrit(first.df, alpha) ** 2 * truth * seen
    for part in others:
        truth = truth + part.variance
        reach = reach + special.stdtrit(part.df, alpha) ** 2 * part.variance
    return reach, truth


def _inflated(law: Law, null: float, value: float) -> float:
    """Return the variance that the law takes under a null over that at the value."""

    def unit(x: float) -> float:
        if isinstance(law, Lead):
            return max(law.discordance, abs(x)) - x**2
        if isinstance(law, Discordant):
            return max((law.only_a + law.only_b) / law.n, abs(x)) - x**2
        return x * (1 - x) if isinstance(law, Share | Score) else 1.0

    return max(unit(null), 0.0) / unit(value) if unit(value) > 0 else 1.0


def seeds_needed(estimate: Estimate, **question: Unpack[Question]) -> int | None:
    """Return how many seeds in all, on the images at hand, decide with a chance of CHANCE.

    None if no number up to BEYOND does: the images are too few, or the effect sits on the
    margin. Arguments and source as `power`.
    """

    def decides(n_seeds: int) -> bool:
        return power(estimate, n_seeds, estimate.n_images, **question) >= CHANCE

    return _smallest(decides, 2, BEYOND)


def images_needed(
    estimate: Estimate, *, with_seeds: bool = False, **question: Unpack[Question]
) -> int | None:
    """Return how many images in all, with the seeds at hand, decide with a chance of CHANCE.

    with_seeds: the seeds grow in proportion. None if BEYOND do not, and after too few seeds to
    tell, unless they grow. Arguments and source as `power`.
    """
    n_seeds, n_images = estimate.n_seeds, estimate.n_images
    if 1 < n_seeds < SEEDS_FOR_IMAGES and not with_seeds and not question.get("known"):
        return None

    def decides(n: int) -> bool:
        seeds = ceil(n_seeds * n / n_images) if with_seeds else n_seeds
        return power(estimate, seeds, n, **question) >= CHANCE

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
