"""How far a claim has come: its interval at every look, which narrows as seeds are added."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.evaluation.decisions import Decision
from reports.judge import Entry

ROW = 20
"""pixels of a look"""
ROOM = 0.04
"""of the axis, left free on either side"""


@dataclass(frozen=True)
class Row:
    """A look of the grid, in pixels from the left; ahead, it has a place and no interval."""

    n_seeds: int
    y: float
    low: float | None = None
    value: float | None = None
    high: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Funnel:
    """A claim's looks on one axis, from the first down to the last."""

    part: str
    """of several, the one that decides or is furthest from it; empty for one"""
    rows: list[Row]
    marks: list[float]
    """what the interval is held against"""
    height: int


def funnel(entry: Entry, width: float = 240.0) -> Funnel | None:
    """Lay out the looks at a claim; None where there was but one. width: pixels of the axis."""
    if entry.decision is None:
        return None
    part, decision = _shown(entry.decision)
    looks = decision.looks
    if len(looks) < 2:
        return None
    held = marks(decision)
    ends = [x for each in looks.values() for x in (each.estimate.low, each.estimate.high)]
    place = scale([*ends, *held], width)
    rows = []
    for index, n_seeds in enumerate(entry.decision.grid):
        row = Row(n_seeds, ROW * (index + 0.5))
        if n_seeds in looks:
            found = looks[n_seeds].estimate
            low, value, high = map(place, (found.low, found.value, found.high))
            row = Row(n_seeds, row.y, low, value, high, looks[n_seeds].verdict)
        rows.append(row)
    return Funnel(part, rows, list(map(place, held)), ROW * len(rows))


def _shown(decision: Decision) -> tuple[str, Decision]:
    """Return the part whose interval stands for the whole, with its name."""
    same = (item for item in decision.parts.items() if item[1].estimate is decision.estimate)
    return next(same, ("", decision))


def marks(decision: Decision) -> list[float]:
    """Return what the interval is held against: a margin, or the two bounds of an equivalence."""
    if decision.test == "superior":
        return [decision.margin]
    if decision.test in ("predicted", "exact"):
        return [decision.target]
    return [decision.target - decision.margin, decision.target + decision.margin]


def scale(values: Sequence[float], width: float) -> Callable[[float], float]:
    """Return a function from a value to its pixel on an axis that holds all values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = ROOM * (high - low) or 1.0
    return lambda x: round((x - low + room) / (high - low + 2 * room) * width, 1)
