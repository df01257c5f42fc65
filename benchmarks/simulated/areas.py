"""Coverage of areas under ROC curves, of points on them, of regrets and of shares of a gain."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.simulated.draws import Cell, Hits, Random, in_chunks, wrong
from core.evaluation.components import crossed
from core.evaluation.intervals import Estimate
from core.evaluation.operating import specificity_at
from core.evaluation.power import ALPHA
from core.evaluation.ranking import Ratio, ranks
from core.evaluation.roc import auc, auc_difference

POSITIVES = {10: 0.25, 30: 0.25, 100: 0.2, 300: 0.1, 1000: 0.05}
"""positive images -> the share of the draws; negatives are four times as many, 1,000 at most"""
AREAS = (0.6, 0.75, 0.9, 0.99)
SEEDS = 5


def cells() -> Iterator[Cell]:
    """Yield what is promised of areas, regrets and shares."""
    for (m, share), area in product(POSITIVES.items(), AREAS):
        size = f"AUC {area}, {m:,} positives"
        for n_seeds in (1, SEEDS):
            study = partial(_areas, m, area, n_seeds, strict=False)
            name = f"{size}, {n_seeds} seed{'s' * (n_seeds > 1)}"
            yield Cell("AUC, interval", name, study, 2 * ALPHA + 0.015, share)
        name = f"{size}, {SEEDS} seeds"
        strict = partial(_areas, m, area, SEEDS, strict=True)
        yield Cell("AUC, verdict", name, strict, ALPHA, share)
        yield Cell("AUC, paired", name, partial(_gaps, m, area), ALPHA, share)
    for sensitivity, m in product((0.82, 0.95), (20, 75, 300)):
        size = f"at sensitivity {sensitivity}, {m} positives, {SEEDS} seeds"
        yield Cell("specificity", size, partial(_points, m, sensitivity), ALPHA, 0.2)
    for n_seeds, accuracies in product((2, 3, 5, 10), ((0.8,) * 4, (0.85, 0.8, 0.8, 0.7))):
        size = f"4 arms, accuracies {', '.join(map(str, accuracies))}, {n_seeds} seeds, 200 images"
        yield Cell("regret", size, partial(_regrets, n_seeds, accuracies), ALPHA, 0.2)
    for n_seeds, part, gain in product((2, 3, 5, 10), (0.0, 0.5, 1.0), (0.03, 0.2)):
        size = f"{part:.0%} of a gain of {gain}, {n_seeds} seeds, 100 images"
        yield Cell("share of a gain", size, partial(_shares, n_seeds, part, gain), ALPHA)


def scores(
    random: Random, m: int, area: float, n_seeds: int, arms: int = 1, spread: float = 1.0
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    """Draw binormal scores of a true area that arms share. Returns (seeds, images) each, labels.

    spread: standard deviation of positives over that of negatives.
    """
    labels = np.arange(m + min(4 * m, 1000)) < m
    image = random.normal(size=labels.size)
    tables = []
    for _ in range(arms):
        noise = random.normal(size=(n_seeds, labels.size))
        gap = special.ndtri(area) * np.sqrt((1 + spread**2) * 1.5)
        tables.append(np.where(labels, spread, 1.0) * (image + 0.5**0.5 * noise) + gap * labels)
    return tables, labels


def missed(estimates: list[Estimate], truth: float) -> NDArray[np.bool_]:
    """Tell which intervals lie above the truth, and which below it: (2, studies)."""
    limits = np.array([(e.low, e.high) for e in estimates])
    return np.stack([limits[:, 0] > truth, limits[:, 1] < truth])


def _areas(
    m: int, area: float, n_seeds: int, random: Random, draws: int, *, strict: bool
) -> NDArray[Any]:
    drawn = (scores(random, m, area, n_seeds) for _ in range(draws))
    areas = [auc(one, labels) for (one,), labels in drawn]
    sides = missed([each.strict() for each in areas] if strict else areas, area)
    return sides if strict else sides[:1] | sides[1:]


def _gaps(m: int, area: float, random: Random, draws: int) -> NDArray[Any]:
    drawn = (scores(random, m, area, SEEDS, arms=2) for _ in range(draws))
    return missed([auc_difference(a, b, labels) for (a, b), labels in drawn], 0.0)


def true_specificity(area: float, sensitivity: float) -> float:
    """Return the true specificity of binormal scores."""
    gap = special.ndtri(area) * np.sqrt(2)
    return float(special.ndtr(special.ndtri(1 - sensitivity) + gap))


def _points(m: int, sensitivity: float, random: Random, draws: int) -> NDArray[Any]:
    drawn = (scores(random, m, 0.9, SEEDS) for _ in range(draws))
    estimates = [specificity_at(one, labels, sensitivity) for (one,), labels in drawn]
    return missed(estimates, true_specificity(0.9, sensitivity))


def _regrets(
    n_seeds: int, accuracies: tuple[float, ...], random: Random, draws: int
) -> NDArray[Any]:
    """Tell where the best arm's regret, the first's, is missed."""
    hits, best = Hits(0.15, 0.7, 0.2), max(accuracies[1:]) - accuracies[0]
    skills = [hits.skill(accuracy) for accuracy in accuracies]
    sides = []
    for _ in range(draws):
        arms = hits.draw(random, (1, n_seeds, 200), *skills)
        row = ranks({str(i): arm[0] for i, arm in enumerate(arms)}).iloc[0]
        sides.append((row["regret_low"] > best, row["regret_high"] < best))
    return np.array(sides).T


def _shares(n_seeds: int, part: float, gain: float, random: Random, draws: int) -> NDArray[Any]:
    """Take shares of a gain over a third arm, that all three scatter around."""

    def study(n: int) -> NDArray[Any]:
        a, b, third = (
            0.01 * random.normal(size=(n, n_seeds, 1))
            + 0.1 * random.normal(size=(n, 1, 100))
            + 0.3 * random.normal(size=(n, n_seeds, 100))
            for _ in range(3)
        )
        top, whole = part * gain + a - third, gain + b - third
        tops, bottoms = top.mean((1, 2)), whole.mean((1, 2))
        squares = tuple(crossed(table).parts for table in (top, whole, top + whole))
        return wrong(Ratio(tops / bottoms, tops, bottoms, squares), part)

    return in_chunks(study, draws, 3 * n_seeds * 100)
