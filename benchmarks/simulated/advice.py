"""Whether a study of the advised size decides as often as promised, on average over pilots.

A pilot finds variances that are not the true ones, and so advises too few seeds or too many. A
pilot is drawn, its advice for the true effect is taken, and a fresh study of that size is run: the
share of fresh studies that decide, over pilots and studies, is to be 80 %. Pilots that are told
that no size will do plan nothing and do not count.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated.draws import Cell, Hits, Random, Scores
from benchmarks.simulated.verdicts import FAMILY, lead, student_law
from core.evaluation.comparisons import paired
from core.evaluation.intervals import symmetric
from core.evaluation.laws import Student, tail
from core.evaluation.looks import grid_from
from core.evaluation.power import (
    ALPHA,
    CHANCE,
    SEEDS_FOR_IMAGES,
    Question,
    Test,
    images_needed,
    seeds_needed,
)
from core.evaluation.spending import needed_at_looks, shares

PILOTS = (3, 5, 10)
FRESH = 10
"""fresh studies a pilot, where they cost nothing"""
SEEDS_DECIDE, IMAGES_DECIDE = Scores(1, 20, 20), Scores(0.1, 20, 20)
PLANS: dict[str, tuple[Scores, int]] = {
    "seeds": (SEEDS_DECIDE, 2000),
    "images": (IMAGES_DECIDE, 100),
}
"""what is advised -> the population, and the images of the pilot"""
EFFECTS = {"seeds": 0.7, "images": 1.6}
"""of claims, in a family 1.4 times as large; equivalence is within somewhat more than that"""


def cells() -> Iterator[Cell]:
    """Yield what is promised of advice."""
    tests: tuple[Test, ...] = ("superior", "equivalent")
    for what, n_seeds, test, size in product(PLANS, PILOTS, tests, (1, FAMILY)):
        if what == "images" and n_seeds < SEEDS_FOR_IMAGES:
            continue  # none is given
        scale = EFFECTS[what] * (1.4 if size > 1 else 1.0)
        question: Question = {"test": test, "alpha": ALPHA / size, "effect": scale, "margin": 0.0}
        if test == "equivalent":
            question |= {"effect": 0.0, "margin": 1.15 * scale}
        name = f"{what}, {test}, {size} claim{'s' * (size > 1)}, after {n_seeds} seeds"
        yield _cell(name, partial(_planned, what, n_seeds, question))
    for n_seeds in PILOTS:
        yield _cell(f"seeds, hits, after {n_seeds} on 2,000 images", partial(_hits, n_seeds), 0.1)
        yield _cell(f"the look, after {n_seeds} seeds", partial(_looks, n_seeds))


def _cell(name: str, simulate: Callable[..., Any], share: float = 0.25) -> Cell:
    return Cell(
        group="power", name=name, simulate=simulate, promise=CHANCE, at_least=True, share=share
    )


def _planned(
    what: str, n_seeds: int, question: Question, random: Random, draws: int
) -> NDArray[Any]:
    """Return for each pilot the share of fresh studies of the advised size that decide."""
    population, n_images = PLANS[what]
    ask = seeds_needed if what == "seeds" else images_needed
    pilots = population.pilots(random, n_seeds, n_images, draws)
    advised = np.array([n for p in pilots if (n := ask(symmetric(0.0, p), **question))])
    size = (advised, n_images) if what == "seeds" else (n_seeds, advised)
    fresh = [np.repeat(np.broadcast_to(n, advised.shape), FRESH) for n in size]
    mean, parts = population.means(random, fresh[0], fresh[1], len(fresh[0]))
    low, high = Student(mean + question["effect"], parts).limits(question["alpha"])
    margin = question["margin"]
    inside = (low > -margin) & (high < margin)
    decided = inside if question["test"] == "equivalent" else low > margin
    return decided.reshape(-1, FRESH).mean(1)


def _looks(n_seeds: int, random: Random, draws: int) -> NDArray[Any]:
    """Tell where a verdict is there by the look that is named."""
    grid, effect = grid_from(n_seeds), 3 / n_seeds**0.5
    spent, decided, normal = shares(grid), [], Scores(1, 0, 0)
    for pilot in normal.pilots(random, n_seeds, 1, draws):
        wanted = needed_at_looks(symmetric(0.0, pilot), grid, effect=effect).seeds
        if wanted:
            scores = normal.draw(random, (FRESH, wanted, 1)) + effect
            reached = [n for n in grid if n <= wanted]
            p = [tail(student_law(scores[:, :n]), 0.0, "greater") / spent[n] for n in reached]
            decided.append((np.min(p, axis=0) < ALPHA).mean())
    return np.array(decided)


def _hits(n_seeds: int, random: Random, draws: int) -> NDArray[Any]:
    hits, decided, effect = Hits(0.2, 0.5, 0.1), [], 0.03
    skills = hits.skill(0.9 + effect), hits.skill(0.9)
    for _ in range(draws):
        a, b = hits.draw(random, (1, n_seeds, 2000), *skills)
        n = seeds_needed(paired(a[0], b[0]), effect=effect)
        if n:
            low, _ = lead(*hits.draw(random, (1, n, 2000), *skills)).limits(ALPHA)
            decided.append(bool(low[0] > 0))
    return np.array(decided)
