"""False verdicts on differences, levels, equivalence, over families and over looks."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated.draws import Cell, Hits, Random, Scores, in_chunks, student, wrong
from core.evaluation.comparisons import holm, paired
from core.evaluation.components import crossed, skew
from core.evaluation.intervals import lead_law, share_law
from core.evaluation.laws import Floats, Law, Student, tail
from core.evaluation.looks import grid_from
from core.evaluation.power import ALPHA
from core.evaluation.spending import shares
from core.evaluation.verdicts import decide_family, superior

FAMILY = 9
POPULATIONS = {
    "seeds differ": Hits(0.25, 0.7, 0.2),
    "seeds alike": Hits(0.03, 1.0, 0.4),
    "seeds heavy-tailed": Hits(0.15, 0.7, 0.2, df=3),
}
SEEDS = (2, 3, 5, 10)
IMAGES = {15: 1.0, 100: 1.0, 1000: 0.5, 10_000: 0.1}
"""images -> the share of the draws"""
NORMAL = Scores(1, 0, 0)


def lead(a: Any, b: Any) -> Law:
    """Return the law of differences of hits, as `paired` has it. a, b: (..., seeds, images)."""
    gaps = a.astype(float) - b
    return lead_law(gaps.mean((-2, -1)), np.square(gaps).mean((-2, -1)), crossed(gaps))


def level(hits: Any) -> Law:
    """Return the law of accuracies, as `mean` has it."""
    return share_law(hits.mean((-2, -1)), crossed(hits.astype(float)))


def student_law(tables: NDArray[np.float64]) -> Law:
    """Return the law of means of scores, as `mean` has it."""
    return Student(tables.mean((-2, -1)), crossed(tables).parts, skew(tables))


def cells() -> Iterator[Cell]:
    """Yield what is promised of verdicts on means."""
    for name, n_seeds, n, accuracy in _sizes():
        hits, share = POPULATIONS[name], IMAGES[n]
        size = f"{name}, accuracy {accuracy}, {n_seeds} seeds, {n:,} images"
        arms = (hits, accuracy, (n_seeds, n))
        yield Cell("difference of hits", size, partial(_differences, *arms), share=share)
        yield Cell("accuracy", size, partial(_levels, *arms), share=share)
    for accuracy, n_seeds in product((0.8, 0.95, 0.99), (3, 5, 10)):
        size = f"accuracy {accuracy}, {n_seeds} seeds, 2,000 images, a difference on the margin"
        study = partial(_equivalents, accuracy, (n_seeds, 2000))
        yield Cell("equivalence", size, study, share=0.25)
    for df, n_seeds, n in product((3.0, np.inf), SEEDS, (1, 15, 360)):
        size = f"{'t(3) tails' if df == 3 else 'normal'}, {n_seeds} seeds, {n} images"
        yield Cell("difference of scores", size, partial(_scores, df, (n_seeds, n)))
    for name, n_seeds, n_true in product(POPULATIONS, SEEDS[1:], (0, 4)):
        size = f"{FAMILY} claims, {n_true} with an effect, {name}, {n_seeds} seeds, 360 images"
        study = partial(_lesson, POPULATIONS[name], n_true, (n_seeds, 360))
        yield Cell("lesson", size, study, share=0.25)
    yield Cell("lesson", f"{FAMILY} claims, 2 seeds (no verdict)", _two_seeds, share=0.02)
    for n_seeds, claims in product((3, 5, 10), (1, FAMILY)):
        looks = ", ".join(map(str, grid_from(n_seeds)))
        size = f"{claims} claim{'s' * (claims > 1)}, looks at {looks} seeds"
        yield Cell("looks", size, partial(_looks, n_seeds, claims), share=0.5)
        if n_seeds < 10:
            on_images = partial(_looks_on_images, n_seeds, claims)
            yield Cell("looks", f"{size}, 200 images", on_images, share=0.1)


def _sizes() -> Iterator[tuple[str, int, int, float]]:
    yield from product(POPULATIONS, SEEDS, IMAGES, (0.9,))
    yield from product(("seeds differ",), SEEDS, (15, 1000), (0.5, 0.99))


def _differences(
    hits: Hits, accuracy: float, size: tuple[int, int], random: Random, draws: int
) -> NDArray[Any]:
    skill = hits.skill(accuracy)

    def study(n: int) -> NDArray[Any]:
        return wrong(lead(*hits.draw(random, (n, *size), skill, skill)), 0.0)

    return in_chunks(study, draws, size[0] * size[1])


def _levels(
    hits: Hits, accuracy: float, size: tuple[int, int], random: Random, draws: int
) -> NDArray[Any]:
    skill = hits.skill(accuracy)

    def study(n: int) -> NDArray[Any]:
        return wrong(level(*hits.draw(random, (n, *size), skill)), accuracy)

    return in_chunks(study, draws, size[0] * size[1])


def _equivalents(
    accuracy: float, size: tuple[int, int], random: Random, draws: int
) -> NDArray[Any]:
    """Tell where a difference of 3 points is called within 3 points, and beyond them."""
    margin, hits = 0.03, POPULATIONS["seeds alike"]
    skills = hits.skill(accuracy), hits.skill(accuracy - margin)

    def study(n: int) -> NDArray[Any]:
        law = lead(*hits.draw(random, (n, *size), *skills))
        low, high = law.limits(ALPHA)
        outside = tail(law, margin, "greater") + tail(law, -margin, "less")
        return np.stack([(low > -margin) & (high < margin), outside < ALPHA])

    return in_chunks(study, draws, size[0] * size[1])


def _scores(df: float, size: tuple[int, int], random: Random, draws: int) -> NDArray[Any]:
    law = None if np.isinf(df) else student(random, df)
    population = Scores(1, 20, 20) if size[1] > 1 else NORMAL

    def study(n: int) -> NDArray[Any]:
        return wrong(student_law(population.draw(random, (n, *size), law)), 0.0)

    return in_chunks(study, draws, size[0] * size[1])


def any_false(p: Floats, truths: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where any claim without an effect is rejected after Holm. p: (claims, studies)."""
    adjusted = np.apply_along_axis(holm, 0, p)
    return ((adjusted < ALPHA) & ~truths[:, None]).any(0)


def _lesson(
    hits: Hits, n_true: int, size: tuple[int, int], random: Random, draws: int
) -> NDArray[Any]:
    """Compare nine arms with one, where some are truly better or worse."""
    skill, truths = hits.skill(0.9), np.arange(FAMILY) < n_true
    effects = np.where(truths, np.where(np.arange(FAMILY) % 2, 0.7, -0.7), 0.0)

    def study(n: int) -> NDArray[Any]:
        base, *arms = hits.draw(random, (n, *size), skill, *(skill + effects))
        laws = [lead(arm, base) for arm in arms]
        sides = [np.stack([tail(law, 0.0, side) for law in laws]) for side in ("greater", "less")]
        return np.stack([any_false(p, truths) for p in sides])

    return in_chunks(study, draws, FAMILY * size[0] * size[1])


def _two_seeds(random: Random, draws: int) -> NDArray[Any]:
    verdicts = []
    for _ in range(draws):
        base, *arms = random.normal(size=(FAMILY + 1, 2, 360))
        family = {str(i): superior(paired(arm, base)) for i, arm in enumerate(arms)}
        verdicts.append({d.verdict for d in decide_family(family).values()})
    return np.array([[side in v for v in verdicts] for side in ("supported", "refuted")])


def _spent(laws: dict[int, list[Law]], grid: tuple[int, ...], side: Any) -> Floats:
    """Return p over looks of each claim: (claims, studies)."""
    spent = shares(grid)
    p = [np.stack([tail(law, 0.0, side) for law in laws[n]]) / spent[n] for n in grid]
    return np.minimum(1.0, np.min(p, axis=0))


def _over_looks(laws: dict[int, list[Law]], grid: tuple[int, ...], claims: int) -> NDArray[Any]:
    none = np.zeros(claims, bool)
    return np.stack([any_false(_spent(laws, grid, side), none) for side in ("greater", "less")])


def _looks(n_seeds: int, claims: int, random: Random, draws: int) -> NDArray[Any]:
    grid = grid_from(n_seeds)

    def study(n: int) -> NDArray[Any]:
        tables = [NORMAL.draw(random, (n, grid[-1], 1)) for _ in range(claims)]
        laws = {look: [student_law(table[:, :look]) for table in tables] for look in grid}
        return _over_looks(laws, grid, claims)

    return in_chunks(study, draws, claims * grid[-1])


def _looks_on_images(n_seeds: int, claims: int, random: Random, draws: int) -> NDArray[Any]:
    grid, hits = grid_from(n_seeds), POPULATIONS["seeds differ"]
    skill = hits.skill(0.9)

    def study(n: int) -> NDArray[Any]:
        base, *arms = hits.draw(random, (n, grid[-1], 200), *[skill] * (claims + 1))
        laws = {look: [lead(arm[:, :look], base[:, :look]) for arm in arms] for look in grid}
        return _over_looks(laws, grid, claims)

    return in_chunks(study, draws, claims * grid[-1] * 200)
