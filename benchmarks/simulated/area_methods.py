"""Intervals of areas under ROC curves side by side: how often each misses, and how wide it is.

The logit with Student's t takes DeLong's variance as observed. The score test takes, under every
null, the variance that exponential scores would have; for several seeds theirs is added.

Source: Qin and Hotilovac, Statistical Methods in Medical Research 17 (2008) 207-221; Newcombe,
Statistics in Medicine 25 (2006) 559-573, his fifth method.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.simulated.areas import AREAS, POSITIVES, SEEDS, scores
from core.evaluation.components import crossed
from core.evaluation.intervals import Bounds
from core.evaluation.laws import Part, stretched
from core.evaluation.power import ALPHA
from core.evaluation.roc import Array, auc, placements

NULLS = np.linspace(0, 1, 4001)
"""that the score test is asked for"""
LEAST, MOST = 3.5, 6.5
"""percent of studies in which an interval of 95 % is to miss"""


def ours(one: Array, labels: NDArray[np.bool_]) -> Bounds:
    """Return the engine's interval."""
    area = auc(one, labels)
    return area.low, area.high


def logit(one: Array, labels: NDArray[np.bool_]) -> Bounds:
    """Return logit limits with Student's t; of perfect rankings exact binomial ones."""
    placed, seeds = placements(one, labels), _seeds(one, labels)
    area, sides = placed[0].mean(), [_part(side) for side in placed]
    if not 0 < area < 1:
        least = ALPHA ** (1 / min(side.shape[1] for side in placed))
        return (least, 1.0) if area else (0.0, 1 - least)
    half = stretched((*seeds, *sides), ALPHA) / (area * (1 - area))
    low, high = special.expit(special.logit(area) + half * np.array([-1, 1]))
    return float(low), float(high)


def score(one: Array, labels: NDArray[np.bool_]) -> Bounds:
    """Return the areas that the score test does not reject."""
    placed, seeds = placements(one, labels), _seeds(one, labels)
    area, (m, n) = placed[0].mean(), (side.shape[1] for side in placed)
    both = (m + n) / 2 - 1
    variance = NULLS * (1 - NULLS) / (m * n)
    variance *= 1 + both * ((1 - NULLS) / (2 - NULLS) + NULLS / (1 + NULLS))
    reach = stretched((*seeds, Part(variance, np.inf)), ALPHA)
    kept = NULLS[np.abs(area - NULLS) <= reach]
    return float(kept.min()), float(kept.max())


def _part(placed: Array) -> Part:
    return Part(crossed(placed).images / placed.shape[1], placed.shape[1] - 1)


def _seeds(one: Array, labels: NDArray[np.bool_]) -> tuple[Part, ...]:
    areas = placements(one, labels)[0].mean(1)
    n = len(areas)
    return (Part(areas.var(ddof=1) / n, n - 1),) if n > 1 else ()


METHODS: dict[str, Callable[[Array, NDArray[np.bool_]], Bounds]] = {
    "logit, t": logit,
    "score test": score,
    "ours": ours,
}


def table(draws: int) -> str:
    """Simulate, and return the table as Markdown; misses out of bounds are bold."""
    lines = [f"| AUC | positives | seeds | R | {' | '.join(METHODS)} |", "|---" * 7 + "|"]
    alike = product(POSITIVES.items(), AREAS, (1, SEEDS), (1.0,))
    wide = product(((30, 0.25), (100, 0.2)), (0.9, 0.99), (1, SEEDS), (2.0,))
    for (m, share), area, n_seeds, spread in (*alike, *wide):
        random = np.random.default_rng([m, n_seeds, round(1000 * area), int(spread)])
        n = int(draws * min(1, 4 * share))
        studies = [scores(random, m, area, n_seeds, spread=spread) for _ in range(n)]
        cells = [
            _cell(np.array([method(one, labels) for (one,), labels in studies]), area)
            for method in METHODS.values()
        ]
        positives = f"{m:,}{', scattered' * (spread > 1)}"
        lines.append(f"| {area} | {positives} | {n_seeds} | {n:,} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _cell(limits: Array, area: float) -> str:
    missed = 100 * float(((limits[:, 0] > area) | (limits[:, 1] < area)).mean())
    error = 100 * float(np.sqrt(0.05 * 0.95 / len(limits)))
    bold = "" if LEAST - 2 * error <= missed <= MOST + 2 * error else "**"
    return f"{bold}{missed:.1f}{bold} ({np.diff(limits).mean():.3f})"
