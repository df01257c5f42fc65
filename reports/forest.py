"""Verdicts as lines: a claim's parts, or its looks, on one axis; all claims on one of their own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.evaluation.verdicts import Decision
from reports import words
from reports.axes import Axis, axis_of
from reports.judge import Entry
from reports.ledger import Line, tally
from reports.lessons import Lesson, lessons

WIDTH, EDGE = 300.0, 24.0
"""of a drawing, and what is kept free at both ends for the axis's numbers"""
LOOK, ACROSS = 20, 240.0
"""pixels of a row of a funnel, and of its axis"""
REACH = 4.0
"""half-widths of an interval that the picture of all claims shows on either side of the margin"""


def forest(entry: Entry) -> dict[str, Any]:
    """Lay out a claim's intervals on one axis: `rows` with low, value, high and marks, `ticks`.

    Places are in a drawing `WIDTH` wide; ticks are places and labels in the claim's unit.
    """
    assert entry.decision is not None
    parts = list(entry.decision.members.values())
    factor = words.SCALES.get(entry.claim.unit, (1,))[0]
    ends = [x for p in parts for x in (p.estimate.low, p.estimate.high, p.estimate.value)]
    axis = axis_of(
        [factor * x for x in (*ends, *(m for p in parts for m in marks(p)))], EDGE, WIDTH - EDGE
    )
    rows = [
        {
            **{name: axis(factor * getattr(p.estimate, name)) for name in ("low", "value", "high")},
            "marks": [axis(factor * mark) for mark in marks(p)],
        }
        for p in parts
    ]
    zero = axis(0.0) if not axis.log and axis.low <= 0 <= axis.high else None
    return {"rows": rows, "ticks": axis.ticks(3), "zero": zero, "width": WIDTH}


def funnel(entry: Entry) -> dict[str, Any] | None:
    """Lay out a claim's looks, the first above: `rows`, `marks`, `height`; None for a single look.

    A row has n_seeds and y, and low, value, high and verdict where the look was taken. `part`: of
    several, the one that decides or is furthest from it. Places are in pixels.
    """
    assert entry.decision is not None
    part, decision = entry.decision.shown
    looks = decision.looks
    if len(looks) < 2:
        return None
    held = marks(decision)
    ends = [x for look in looks.values() for x in (look.estimate.low, look.estimate.high)]
    place = axis_of([*ends, *held], 0.0, ACROSS)
    rows: list[dict[str, Any]] = []
    for index, n_seeds in enumerate(entry.decision.grid):
        row = {"n_seeds": n_seeds, "y": LOOK * (index + 0.5), "value": None, "verdict": ""}
        if look := looks.get(n_seeds):
            at = {name: place(getattr(look.estimate, name)) for name in ("low", "value", "high")}
            row |= {**at, "verdict": look.verdict}
        rows.append(row)
    return {"part": part, "rows": rows, "marks": [*map(place, held)], "height": LOOK * len(rows)}


def marks(decision: Decision) -> list[float]:
    """Return what the interval is held against: a margin, or the two bounds of an equivalence."""
    if decision.test == "superior":
        return [decision.margin]
    if decision.test in ("predicted", "exact"):
        return [decision.target]
    return [decision.target - decision.margin, decision.target + decision.margin]


def lead(decision: Decision) -> tuple[float, float, float]:
    """Return low, value and high of how far the estimate lies on the claim's side of its margin.

    In half-widths of the interval, so that claims of all units share an axis: an interval above 0
    supports the claim, one below refutes it.
    """
    estimate = decision.estimate
    low, value, high = estimate.low, estimate.value, estimate.high
    half = (high - low) / 2
    if decision.test == "superior":
        gaps = [x - decision.margin for x in (low, value, high)]
    elif decision.test == "predicted" and decision.verdict == "refuted":
        beyond = abs(value - decision.target)  # of the interval's end, not of the margin
        gaps = [-beyond - half, -beyond, half - beyond]
    else:
        away = [abs(x - decision.target) for x in (low, value, high)]
        nearest = 0.0 if low <= decision.target <= high else min(away)
        gaps = [decision.margin - max(away), decision.margin - away[1], decision.margin - nearest]
    if half == 0 or not math.isfinite(half):
        ends = [math.copysign(math.inf, gap) if gap else 0.0 for gap in gaps]
        return ends[0], ends[1], ends[2]
    return gaps[0] / half, gaps[1] / half, gaps[2] / half


@dataclass(frozen=True)
class Row:
    """A claim in the picture of all claims."""

    line: Line
    number: str
    """the estimate that decides, or is furthest from it, with interval and n"""
    low: float
    value: float
    high: float
    early: bool
    """whether its numbers are too few for a verdict, whatever they are"""
    arrows: tuple[bool, bool]
    """whether the interval goes on beyond the picture, left and right"""


@dataclass(frozen=True)
class Group:
    """A lesson in the picture of all claims."""

    lesson: Lesson
    lines: list[Line]
    """of all its claims"""
    rows: list[Row]
    """of those that were tested"""

    @property
    def untested(self) -> list[Line]:
        """Return the lines of the others."""
        return [line for line in self.lines if line.verdict == "not tested"]

    @property
    def tally(self) -> str:
        """Say how its claims stand: `2 supported, 4 undecided`."""
        return tally(self.lines)

    @property
    def commands(self) -> list[str]:
        """Return what to run for the claims that are not tested."""
        return list(dict.fromkeys(line.claim.command for line in self.untested))


AXIS = Axis(-REACH, REACH, EDGE, WIDTH - EDGE)


def glance(ledger: Sequence[Line]) -> list[Group]:
    """Lay out all claims, by lesson, in the order of the course."""
    known = {line.claim.name: line for line in ledger}
    groups = []
    for lesson in lessons():
        lines = [known[name] for name in lesson.claims if name in known]
        rows = [_row(line) for line in lines if line.verdict != "not tested"]
        if lines:
            groups.append(Group(lesson, lines, rows))
    return groups


def _row(line: Line) -> Row:
    entry = line.evidence[0].entry
    decision = entry.decision
    assert decision is not None
    low, value, high = lead(decision)
    left, middle, right = (AXIS(min(max(x, -REACH), REACH)) for x in (low, value, high))
    early = any(part.withheld for part in (decision, *decision.parts.values()))
    arrows, number = (low < -REACH, high > REACH), words.deciding(entry)
    return Row(line, number, left, middle, right, early, arrows)
