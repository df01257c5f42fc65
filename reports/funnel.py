"""How far a claim has come: its interval at every look, which narrows as seeds are added."""

from dataclasses import dataclass

from core.evaluation.decisions import Decision
from reports.axes import axis_of
from reports.judge import Entry

ROW = 20
"""pixels of a look"""


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
    assert entry.decision is not None
    part, decision = entry.decision.shown
    looks = decision.looks
    if len(looks) < 2:
        return None
    held = marks(decision)
    ends = [x for look in looks.values() for x in (look.estimate.low, look.estimate.high)]
    place = axis_of([*ends, *held], 0.0, width)
    rows = []
    for index, n_seeds in enumerate(entry.decision.grid):
        row = Row(n_seeds, ROW * (index + 0.5))
        if n_seeds in looks:
            estimate = looks[n_seeds].estimate
            low, value, high = map(place, (estimate.low, estimate.value, estimate.high))
            row = Row(n_seeds, row.y, low, value, high, looks[n_seeds].verdict)
        rows.append(row)
    return Funnel(part, rows, list(map(place, held)), ROW * len(rows))


def marks(decision: Decision) -> list[float]:
    """Return what the interval is held against: a margin, or the two bounds of an equivalence."""
    if decision.test == "superior":
        return [decision.margin]
    if decision.test in ("predicted", "exact"):
        return [decision.target]
    return [decision.target - decision.margin, decision.target + decision.margin]
