"""Axes of drawings in SVG: where a value goes, and which round values are marked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator

DECADES = 2.0
"""range of positive values from which an axis is logarithmic"""


@dataclass(frozen=True)
class Axis:
    """Places on one axis, from `start` to `end` in the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value; values outside are placed at the end."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = (at - low) / (high - low)
        return round(self.start + min(max(share, -0.02), 1.02) * (self.end - self.start), 1)

    def ticks(self, n: int = 4) -> list[tuple[float, str]]:
        """Return places and labels of about n round values."""
        locator = LogLocator(numticks=n + 1) if self.log else MaxNLocator(n)
        values = [float(v) for v in locator.tick_values(self.low, self.high)]
        inside = [v for v in values if self.low <= v <= self.high]
        step = abs(values[1] - values[0])
        exact = (d for d in range(7) if math.isclose(step, round(step, d), rel_tol=1e-9))
        digits = None if self.log or step >= 1e5 else next(exact, None)
        form = ".3g" if digits is None else f".{digits}f"
        return [(self(v), f"{v:{form}}") for v in inside]


def axis_of(values: Sequence[float], start: float, end: float, *, log: bool = False) -> Axis:
    """Make an axis on which all finite values have a place."""
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if log and low > 0 and math.log10(high / low) > DECADES:
        return Axis(low / 1.2, high * 1.2, start, end, log=True)
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - room, high + room, start, end)
