"""What was measured, by machine: one CSV a machine, and docs/speed.md made from all of them."""

import contextlib
import csv
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.timing import Times
from core.files import whole
from core.provenance import ROOT
from reports.readme import put

RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "speed.md"
COLUMNS = (
    "work", "seconds", "n", "a second", "against", "its seconds", "times faster", "goal", "note",
)  # fmt: skip
MARKS = ("<!-- `python -m benchmarks --write` writes what follows -->\n", "<!-- until here -->\n")


@dataclass(frozen=True)
class Row:
    """A piece of work and how long it took; n runs, whose range holds the median with probability
    1 - 2 / 2**n.
    """

    work: str
    ours: Times
    other: str = ""
    """another way to the same result, timed in turn with ours"""
    theirs: Times | None = None
    """of the other way, scaled to the same amount of work"""
    per: float = 1
    unit: str = ""
    """what `per` counts: pictures, steps, networks"""
    note: str = ""
    goal: str = ""

    @property
    def ratio(self) -> Times | None:
        """Return how many times faster ours is, run by run or from the other's only run."""
        if self.theirs is None:
            return None
        n, seconds = len(self.ours.seconds), self.theirs.seconds
        repeated = seconds if len(seconds) == n else [self.theirs.median] * n
        pairs = zip(repeated, self.ours.seconds, strict=True)
        return Times([theirs / ours for theirs, ours in pairs])

    def __str__(self) -> str:
        """Print it as a line."""
        parts = [f"{self.work}: {self.ours}"]
        if self.unit:
            parts.append(f"{_digits(self.per / self.ours.median)} {self.unit} a second")
        if self.theirs and self.ratio:
            parts.append(f"{self.other}: {self.theirs}, ratio {_spread(self.ratio)}")
        wanted = self.goal and f"wanted: {self.goal}"
        return "; ".join(filter(None, [*parts, self.note, wanted]))

    def as_dict(self) -> dict[str, str]:
        """Return it as plain texts, a line of the CSV."""
        rate = f"{_digits(self.per / self.ours.median)} {self.unit}" if self.unit else ""
        return {
            "work": self.work,
            "seconds": _spread(self.ours),
            "n": str(len(self.ours.seconds)),
            "a second": rate,
            "against": self.other,
            "its seconds": _spread(self.theirs) if self.theirs else "",
            "times faster": _spread(self.ratio) if self.ratio else "",
            "goal": self.goal,
            "note": self.note,
        }


def machine() -> str:
    """Name this machine: its accelerator, or its processor and how many cores there are."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__.partition('+')[0]}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor()}, {cores} cores, torch {torch.__version__.partition('+')[0]}"


def processor(facts: Path = Path("/proc/cpuinfo")) -> str:
    """Name the model of the processor, or at least its kind; Python itself asks Linux for neither.

    facts: where Linux describes it.
    """
    with contextlib.suppress(OSError):
        for name, _, value in (line.partition(":") for line in facts.read_text().splitlines()):
            if name.strip() == "model name" and value.strip():
                return " ".join(value.split())
    return platform.processor() or platform.machine()


def keep(rows: Iterable[Row], folder: Path = RESULTS) -> Path:
    """Write rows into the CSV of this machine, in the place of earlier ones of the same work."""
    name = "".join(c if c.isalnum() else "-" for c in machine()).replace("--", "-")
    path = folder / f"{name}.csv"
    known = {row["work"]: row for row in read(path)} if path.exists() else {}
    known |= {row.work: row.as_dict() | {"machine": machine()} for row in rows}
    folder.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, "machine"], restval="")
        writer.writeheader()
        writer.writerows(known.values())
    return path


def read(path: Path) -> list[dict[str, str]]:
    """Read the CSV of a machine."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_page(folder: Path = RESULTS, page: Path = PAGE) -> None:
    """Write the tables of all machines between the marks of the page."""
    tables = "\n".join(_table(read(path)) for path in sorted(folder.glob("*.csv")))
    put("page", page, tables, MARKS)


def _table(rows: list[dict[str, str]]) -> str:
    lines = [
        f"### {rows[0]['machine']}\n",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    lines += ["| " + " | ".join(row.get(name, "") for name in COLUMNS) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _spread(times: Times) -> str:
    middle, low, high = map(_digits, (times.median, min(times.seconds), max(times.seconds)))
    return f"{middle} ({low} to {high})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
