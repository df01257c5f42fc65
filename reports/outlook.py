"""What more seeds would decide of a study's claims, at which look, and what that look costs."""

import itertools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.evaluation.decisions import Decision
from core.evaluation.power import BEYOND, power
from core.evaluation.spending import shares
from reports import words
from reports.judge import Entry, seeds_from_zero
from reports.studies import Study

EVEN = 0.5
"""with BEYOND seeds, a chance below which the images at hand are too few (or the margin too near):
where t(images - 1)^2 var(images) / images alone exceeds the squared distance from the margin"""


@dataclass(frozen=True)
class Outlook:
    """The claims of a study, by what is left to do for them."""

    decided: dict[str, str] = field(default_factory=dict)
    """claim -> verdict"""
    open: dict[str, dict[int, float]] = field(default_factory=dict)
    """claim that seeds can decide -> seeds of each look ahead -> the chance of a verdict at it"""
    closed: dict[str, str] = field(default_factory=dict)
    """claim -> why no seeds are spent on it, a sentence"""

    @property
    def next_look(self) -> int | None:
        """Return the seeds of the next look at any open claim; None where none is open."""
        return min((n for looks in self.open.values() for n in looks), default=None)

    def expected(self, n_seeds: int) -> float:
        """Return how many claims looks at up to so many seeds are expected to decide."""
        return sum(
            max((chance for n, chance in looks.items() if n <= n_seeds), default=0.0)
            for looks in self.open.values()
        )


def outlook(study: Study, asked: int = 0) -> Outlook:
    """Sort a study's claims. asked: seeds that were trained for; a look is ahead beyond them."""
    view = Outlook()
    for name, entry in study.entries.items():
        if entry.decision is None:
            view.closed[name] = f"Not tested. {entry.lacking}"
        elif entry.decision.verdict != "undecided":
            view.decided[name] = entry.decision.verdict
        else:
            have = seeds_from_zero(entry.claim, study.trials)
            looks = _ahead(entry.decision, have, asked)
            if looks:
                view.open[name] = looks
            else:
                view.closed[name] = _why(entry, have)
    return view


def _ahead(decision: Decision, have: int, asked: int) -> dict[int, float]:
    """Return the looks ahead, with their chances; none where seeds would not decide."""
    grid = decision.grid
    if not grid or (have >= grid[0] and chance(decision, BEYOND, grid) < EVEN):
        return {}
    return {n: chance(decision, n, grid) for n in grid if n > max(have, asked)}


def _why(entry: Entry, have: int) -> str:
    assert entry.decision is not None
    grid = entry.decision.grid
    if grid and have >= grid[-1]:
        return f"{grid[-1]} seeds are the last look."
    return words.advice(entry) or "More seeds would not decide it."


def chance(decision: Decision, n_seeds: int, grid: tuple[int, ...]) -> float:
    """Return the chance that a look at so many seeds decides, were the truth what was observed.

    Of several parts, all must come out for the claim, or one of those that lean against it.
    """
    if decision.withheld in ("diverged", "few images"):
        return 0.0
    if decision.parts:
        parts = [part for part in decision.parts.values() if part.verdict == "undecided"]
        against = [part for part in parts if part.p_refuted < part.p_supported]
        if against:
            return max(chance(part, n_seeds, grid) for part in against)
        return min((chance(part, n_seeds, grid) for part in parts), default=1.0)
    estimate, spent = decision.estimate, shares(grid)
    if estimate.n_seeds < 2 or not estimate.components.can_grow:
        return 0.0
    return power(
        estimate,
        n_seeds,
        estimate.n_images,
        margin=decision.margin,
        target=decision.target,
        test=decision.test,
        # The interval is at the level that the family leaves to all looks together.
        alpha=(1 - estimate.confidence) / 2 * spent.get(n_seeds, spent[grid[-1]]),
    )


@dataclass(frozen=True)
class Cost:
    """What a look would train."""

    trials: int
    seconds: float


def cost(study: Study, n_seeds: int) -> Cost:
    """Estimate a look from the trials at hand: the mean seconds of an arm for each it lacks.

    An arm with one seed, such as principal components, needs no more.
    """
    trained, seconds = study.trials["trained"], study.trials["seconds"]
    first = trained.isel(seed=study.trials["seed"].values < n_seeds)
    lacking = (n_seeds - first.sum("seed")).where(trained.sum("seed") > 1, 0)
    return Cost(int(lacking.sum()), float((seconds.mean("seed") * lacking).sum()))


def told(view: Outlook) -> list[str]:
    """Say what is decided, what is open, and what is not chased, a line each."""
    said = [f"{name} {verdict}" for name, verdict in view.decided.items()]
    lines = [f"decided: {', '.join(said) or 'none'}"]
    if view.open:
        lines.append(f"open: {', '.join(_odds(name, looks) for name, looks in view.open.items())}")
    reason = operator.itemgetter(1)
    for why, group in itertools.groupby(sorted(view.closed.items(), key=reason), key=reason):
        lines.append(f"not by seeds: {', '.join(name for name, _ in group)}: {why}")
    return lines


def _odds(name: str, looks: Mapping[int, float]) -> str:
    chances = ", ".join(f"{100 * chance:.0f} % at {n}" for n, chance in looks.items())
    return f"{name} (chance of a verdict {chances} seeds)"
