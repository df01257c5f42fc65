"""False verdicts beside published numbers, on scores with a long tail, and where arms diverge."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated.areas import scores as two_classes
from benchmarks.simulated.areas import true_specificity
from benchmarks.simulated.draws import Bools, Cell, Hits, Random, Scores, in_chunks, wrong
from benchmarks.simulated.verdicts import POPULATIONS, student_law
from core.evaluation.comparisons import paired
from core.evaluation.components import Components
from core.evaluation.decisions import Decision
from core.evaluation.operating import specificity_at
from core.evaluation.prediction import WITHIN, predicted
from core.evaluation.published import less_published
from core.evaluation.verdicts import superior, withheld

SEEDS = (3, 5, 10)
N = 500
"""test images, ours and those of a published run"""
READERS, BENIGN, SPREAD, SENSITIVITY = 8, 50, 0.112, 0.82
"""of a published study of readers: how many, their benign images, their standard deviation"""
MARGIN = 0.05
TAILS: dict[str, Callable[..., Any]] = {
    "exponential": lambda random, shape: random.exponential(size=shape) - 1,
    "gamma(4)": lambda random, shape: (random.gamma(4, size=shape) - 4) / 2,
}
"""laws of mean 0 and variance 1"""
ALONE = {"exponential": 0.12, "gamma(4)": 0.06}
"""what is promised of means over seeds alone, whose tail so few cannot show"""


def cells() -> Iterator[Cell]:
    """Yield what is promised."""
    for n_seeds, same in product(SEEDS, (False, True)):
        size = (
            f"{n_seeds} seeds, {N} images, the published run on {'the same' if same else 'others'}"
        )
        denied, edge = partial(_one_run, n_seeds, same), partial(_at_the_edge, n_seeds, same)
        yield Cell("one run denied", size, denied, share=0.25)
        yield Cell("one run granted at the edge of single runs", size, edge, share=0.1)
    for n_seeds, m in product(SEEDS, (30, 100)):
        size = f"{n_seeds} seeds, {m} positives, the truth on the margin"
        yield Cell("less than published", size, partial(_less, n_seeds, m), share=0.1)
    for (name, law), n_seeds, n in product(TAILS.items(), (1, *SEEDS), (100, 360, 2000)):
        size = f"{name} over {n:,} images, {n_seeds} seed{'s' * (n_seeds > 1)}"
        yield Cell("mean of skewed scores", size, partial(_skewed, law, (n_seeds, n)))
    for (name, law), n_seeds in product(TAILS.items(), SEEDS):
        alone = partial(_skewed, law, (n_seeds, 1))
        yield Cell("mean of skewed scores", f"{name} over {n_seeds} seeds", alone, ALONE[name])
    for rates, n_seeds in product(((0.1, 0.1), (0.2, 0.0)), SEEDS):
        size = f"chances {rates[0]} and {rates[1]}, {n_seeds} seeds, 200 images, else equal"
        yield Cell("arms that diverge", size, partial(_diverging, rates, n_seeds), share=0.5)


def _verdicts(decisions: list[Decision]) -> Bools:
    """Tell which are supported, and which refuted: (2, studies)."""
    verdicts = np.array([decision.verdict for decision in decisions])
    return np.stack([verdicts == "supported", verdicts == "refuted"])


def _ours(same: bool, n_seeds: int, random: Random, draws: int) -> Iterator[tuple[Bools, Bools]]:
    """Draw our runs and 400 like the published one, (seeds, images) each, study by study."""
    hits: Hits = POPULATIONS["seeds differ"]
    skill, more = hits.skill(0.75), 400
    for _ in range(draws):
        if same:
            (runs,) = hits.draw(random, (1, n_seeds + more, N), skill)
            yield runs[0, :n_seeds], runs[0, n_seeds:]
        else:
            (ours,), (others,) = (
                hits.draw(random, shape, skill) for shape in ((1, n_seeds, N), (more, 1, N))
            )
            yield ours[0], others[:, 0]


def _one_run(n_seeds: int, same: bool, random: Random, draws: int) -> NDArray[Any]:
    """Tell where a published run that is one more of ours is denied to be."""
    decisions = [
        predicted(ours, int(others[0].sum()), N, same_images=same)
        for ours, others in _ours(same, n_seeds, random, draws)
    ]
    return _verdicts(decisions)[1]


def _at_the_edge(n_seeds: int, same: bool, random: Random, draws: int) -> NDArray[Any]:
    """Tell where a number as far off as one run in twenty is called what one run prints."""
    decisions = []
    for ours, others in _ours(same, n_seeds, random, draws):
        runs = others.mean(1)
        edge = runs.mean() + WITHIN * runs.std() * random.choice([-1, 1])
        beyond = int(np.ceil(N * edge) if edge > runs.mean() else np.floor(N * edge))
        decisions.append(predicted(ours, beyond, N, same_images=same))
    return _verdicts(decisions)[0]


def _less(n_seeds: int, m: int, random: Random, draws: int) -> NDArray[Any]:
    """Take the readers' specificity from ours, which lies a margin below theirs."""
    truth = true_specificity(0.75, SENSITIVITY) + MARGIN
    decisions = []
    for _ in range(draws):
        (ours,), labels = two_classes(random, m, 0.75, n_seeds)
        deviation = np.sqrt(SPREAD**2 / READERS + truth * (1 - truth) / BENIGN)
        theirs = float(np.clip(random.normal(truth, deviation), 0.01, 0.99))
        known = Components(SPREAD**2, theirs * (1 - theirs), 0.0, READERS, BENIGN)
        specificity = specificity_at(ours, labels, SENSITIVITY)
        decisions.append(superior(less_published(specificity, theirs, known), -MARGIN))
    return _verdicts(decisions)


def _skewed(
    law: Callable[..., Any], size: tuple[int, int], random: Random, draws: int
) -> NDArray[Any]:
    """Draw images, or seeds alone, whose scores have a long tail; the rest is normal."""
    n_seeds, n_images = size

    def study(n: int) -> NDArray[Any]:
        if n_images == 1:
            return wrong(student_law(law(random, (n, n_seeds, 1))), 0.0)
        seeds = 0.002 if n_seeds > 1 else 0.0
        tables = Scores(seeds, 0, 0.1).draw(random, (n, *size)) + law(random, (n, 1, n_images))
        return wrong(student_law(tables), 0.0)

    return in_chunks(study, draws, n_seeds * n_images)


def _diverging(
    rates: tuple[float, float], n_seeds: int, random: Random, draws: int
) -> NDArray[Any]:
    """Compare arms that are wrong everywhere where they diverge, and equal where they do not."""
    hits = POPULATIONS["seeds differ"]
    decisions, skill = [], hits.skill(0.9)
    for _ in range(draws):
        arms = hits.draw(random, (1, n_seeds, 200), skill, skill)
        lost = [random.random(n_seeds) < rate for rate in rates]
        a, b = (arm[0] & ~gone[:, None] for arm, gone in zip(arms, lost, strict=True))
        decisions.append(withheld(superior(paired(a, b)), *lost))
    return _verdicts(decisions)
