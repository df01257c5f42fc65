"""What a look at the evidence may spend of the error, and at which look to expect a verdict."""

from dataclasses import replace
from itertools import pairwise
from math import sqrt
from typing import Unpack

from core.evaluation.intervals import Estimate
from core.evaluation.power import ALPHA, CHANCE, Needed, Question, needed, power


def shares(grid: tuple[int, ...]) -> dict[int, float]:
    """Return seeds -> the share of the error that a look at so many may spend; together 1.

    It grows with the square root of the seeds. Source: docs/verdicts.md, by simulation.
    """
    return {now: sqrt(now / grid[-1]) - sqrt(then / grid[-1]) for then, now in pairwise((0, *grid))}


def needed_at_looks(
    estimate: Estimate, grid: tuple[int, ...], **question: Unpack[Question]
) -> Needed:
    """Say at which look to expect a verdict, or what else than seeds would give one.

    question: its alpha is that of all looks together. seeds is a point of the grid, None if even
    the last would most likely decide nothing. Other arguments as `power`.
    """
    asked: dict[int, Question] = {
        n: {**question, "alpha": question.get("alpha", ALPHA) * share}
        for n, share in shares(grid).items()
    }
    likely = (
        n
        for n in grid
        if n > estimate.n_seeds and power(estimate, n, estimate.n_images, **asked[n]) >= CHANCE
    )
    return replace(needed(estimate, **asked[grid[-1]]), seeds=next(likely, None))
