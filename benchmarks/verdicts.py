"""Put the verdict engine to the test: studies whose truth is known, judged by the thousand.

Every cell is a promise (false verdicts at most 2.5 % a side, intervals that miss as rarely, a power
of 80 %) and a population on which it is kept, or broken by more than two standard errors of the
simulation. The worse of two sides counts. The table can be written into docs/verdicts.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Annotated

import numpy as np
import tyro
from annotated_types import Interval

from benchmarks.simulated import advice, area_methods, areas, outcomes, verdicts
from benchmarks.simulated.draws import Cell
from core.config import FilePath
from core.provenance import ROOT
from reports.readme import put

PAGE = ROOT / "docs" / "verdicts.md"
MARKS = (
    "<!-- `python -m benchmarks verdicts --write` writes what follows -->\n",
    "<!-- until here -->\n",
)
METHODS = (
    "<!-- `python -m benchmarks verdicts --methods --write` writes what follows -->\n",
    "<!-- the methods end here -->\n",
)
FEWEST = 20
"""studies of a cell"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much to simulate."""

    draws: Annotated[int, Interval(ge=20)] = 4000
    """studies of a cell, fewer where a study is dear"""
    write: bool = False
    """put the table into the page"""
    methods: bool = False
    """set intervals of areas side by side instead"""
    page: FilePath = PAGE
    """text with the marks"""
    only: tyro.conf.Positional[tuple[str, ...]] = ()
    """words of which a cell's name has one; all cells if none is given"""


@dataclass(frozen=True)
class Outcome:
    """A cell and what was observed."""

    cell: Cell
    observed: float
    """share of studies, on the worse side"""
    n: int

    @property
    def error(self) -> float:
        """Standard error of the simulation, were the promise just kept."""
        return float(np.sqrt(self.cell.promise * (1 - self.cell.promise) / self.n))

    @property
    def is_kept(self) -> bool:
        """Whether the promise is broken by two standard errors at most."""
        gap = self.observed - self.cell.promise
        return (-gap if self.cell.at_least else gap) <= 2 * self.error

    def row(self) -> str:
        """Return the row of the table."""
        promise = f"{'>=' if self.cell.at_least else '<='} {100 * self.cell.promise:.1f}"
        shown = f"{promise} | {100 * self.observed:.1f} | {100 * self.error:.2f} | {self.n:,}"
        kept = "yes" if self.is_kept else "**no**"
        return f"| {self.cell.group}: {self.cell.name} | {shown} | {kept} |"


def main(config: Config) -> None:
    """Simulate, print the rows as they come, and write them if asked to."""
    start, results = monotonic(), []
    if config.methods:
        print(methods := area_methods.table(config.draws))
        if config.write:
            put("page", config.page, methods, METHODS)
        return
    for cell in cells(config.only):
        results.append(observe(cell, config.draws))
        print(results[-1].row(), flush=True)
    broken = sum(not outcome.is_kept for outcome in results)
    print(f"{len(results)} cells, {broken} broken, {monotonic() - start:.0f} s")
    if config.write:
        put("page", config.page, table(results, config.draws), MARKS)


def cells(only: tuple[str, ...] = ()) -> Iterator[Cell]:
    """Yield all cells, or those with one of the words in their names."""
    for module in (verdicts, outcomes, areas, advice):
        for cell in module.cells():
            if not only or any(word in f"{cell.group}: {cell.name}" for word in only):
                yield cell


def observe(cell: Cell, draws: int) -> Outcome:
    """Simulate a cell; one that seems broken is drawn anew, ten times as often, and that counts."""
    draws = max(FEWEST, int(draws * cell.share))
    first = _drawn(cell, 0, draws)
    return first if first.is_kept else _drawn(cell, 1, 10 * draws)


def _drawn(cell: Cell, seed: int, draws: int) -> Outcome:
    sides = np.atleast_2d(cell.simulate(np.random.default_rng(seed), draws))
    shares = sides.mean(1)
    worse = shares.min() if cell.at_least else shares.max()
    return Outcome(cell, float(worse), sides.shape[1])


def table(results: list[Outcome], draws: int) -> str:
    """Return the table as Markdown, the command above it."""
    kept = sum(outcome.is_kept for outcome in results)
    command = f"python -m benchmarks verdicts --draws {draws} --write"
    return "\n".join(
        (
            f"`{command}`: {kept} of {len(results)} promises are kept.",
            "",
            "| cell | promised, % | observed, % | s.e. | R | within two s.e. |",
            "|---|---|---|---|---|---|",
            *(outcome.row() for outcome in results),
            "",
        )
    )
