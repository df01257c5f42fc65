"""Time two ways to the same result in turn, so that a machine that slows down slows both."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.address import VARIABLE
from core.provenance import ROOT


@dataclass(frozen=True)
class Times:
    """Seconds of repeated runs."""

    seconds: list[float]

    def times(self, factor: float) -> "Times":
        """Return the times of so many times the work."""
        return Times([factor * s for s in self.seconds])

    @property
    def median(self) -> float:
        """Return the median run."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        """Print median, minimum, maximum and n."""
        low, high = min(self.seconds), max(self.seconds)
        return f"{self.median:.3g} s ({low:.3g} to {high:.3g}, n = {len(self.seconds)})"


def python(*arguments: str, store: str = "") -> None:
    """Run Python from the repo's root, with the store in that folder if one is named."""
    uri = {VARIABLE: f"sqlite:///{store}/mlflow.db"} if store else {}
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=os.environ | uri)


def timed(run: Callable[[], object], repeats: int = 1) -> Times:
    """Time a call."""
    return Times([_seconds(run) for _ in range(repeats)])


def side_by_side(
    ours: Callable[[], object], reference: Callable[[], object], repeats: int = 3
) -> tuple[Times, Times]:
    """Run both in turn; return our times and the reference's."""
    pairs = [(_seconds(ours), _seconds(reference)) for _ in range(repeats)]
    mine, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    return Times(mine), Times(theirs)


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
