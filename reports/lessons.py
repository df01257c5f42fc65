"""The register: lessons with their claims and exhibits, each a function of a stored study."""

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from core.errors import UserError
from core.evaluation.intervals import Estimate
from core.evaluation.verdicts import Decision

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMMON = ("source", "data", "protocol", "study", "options", "seeds", "shared")
"""what the claims of a lesson share unless they say otherwise"""
NO_DATA = "none"
"""in place of a data set: the claim was published without numbers from any"""
PACKAGES = (
    "initialisation",
    "autoencoders",
    "transfer",
    "style",
    "faces",
    "detectors",
    "breeds",
    "app",
    "skin",
)
"""packages of `reports`, one an experiment, in the order of the course; each has a module `claims`,
where its `lesson` is, and a module `exhibits`"""


class NotTestedError(Exception):
    """The study lacks what the claim needs; the message says what to run or to get."""


Test = Callable[[xr.Dataset, float], Decision]
"""(dataset, margin) -> decision; raises NotTestedError"""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A published claim and the function that tests it."""

    name: str
    statement: str
    published: str
    """the numbers as printed, with their unit"""
    source: str
    data: str
    """the set that the published numbers come from, by the name of its card, or `none`"""
    protocol: Mapping[str, Any]
    """settings of the published training, by the names of ours"""
    study: str
    """the experiment that tests it, without .py"""
    options: str
    """what to run it with, for a verdict on the published data"""
    arms: tuple[str, ...] = ()
    """arms that the test needs"""
    margin: float = 0.0
    """in the unit of what is measured; of accuracies a fraction"""
    unit: str = "points"
    """points (a difference of shares), percent (a share), or the unit itself, such as dB"""
    images: str = "image"
    """what the decision's images are, in the singular"""
    seeds: int
    """seeds of the first look; verdicts are given at 1, 2, 4 and 8 times as many. 0: at any number,
    for what is not trained by seeds"""
    shared: str
    """what all seeds have in common, so that no interval covers it; empty where a note of the
    study says so"""
    test: Test

    @property
    def command(self) -> str:
        """Return what to run for a verdict on the published data."""
        return f"python experiments/{self.study}.py {self.options}".strip()

    @property
    def decided_by(self) -> str:
        """Return the test as a sentence: the docstring of its function, on one line."""
        return " ".join((self.test.__doc__ or "").split()).rstrip(".")

    def decide(self, study: xr.Dataset) -> Decision:
        """Test the claim on a study. Raises NotTestedError where something is missing."""
        lacking = [arm for arm in self.arms if arm not in study["arm"].values]
        if lacking:
            raise NotTestedError(
                f"This study lacks the arm{'s' * (len(lacking) > 1)} {', '.join(lacking)}."
            )
        return self.test(study, self.margin)


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A table of the report, or a figure with the table behind it."""

    caption: str
    table: pd.DataFrame
    figure: "functools.partial[Figure] | None" = None
    """draws the figure: a function of `figures` and what it takes"""
    units: Mapping[str, str] = field(default_factory=dict)
    """column -> percent, points or seconds; the table holds fractions and plain numbers"""
    deep: bool = False
    """whether the page shows it on demand only"""
    photographic: bool = False
    """whether the figure holds pictures, whose colours a dark page leaves alone"""

    def frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def csv(self) -> bytes:
        """Return the table as CSV, in UTF-8."""
        return self.table.to_csv(index=False).encode()

    def plot(self) -> "Figure":
        """Draw the figure. Raises ValueError for a table without one."""
        if self.figure is None:
            raise ValueError("exhibit: a table without a figure, wanted one with `figure`")
        return self.figure()


Drawn = Callable[[xr.Dataset], Exhibit | None]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A lesson of the course: its claims, judged together, and the exhibits of its study."""

    title: str
    question: str
    study: str
    data: str
    source: str
    options: str = ""
    protocol: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 0
    """of a claim's first look: what the experiment trains by default"""
    shared: str = ""
    columns: tuple[str, ...] = ()
    """metrics that the MLflow page shows, the first one sorts"""
    scores: Mapping[str, str] = field(default_factory=dict)
    """metric -> the array whose mean over images it is"""
    estimates: Mapping[str, Callable[[xr.Dataset], Estimate | None]] = field(default_factory=dict)
    """metric -> its estimate from an arm's trials, where it is no mean over images: an area"""
    shares: tuple[str, ...] = ()
    """metrics that are printed in percent, beside the means of hits"""
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """array -> the range of its values, to which intervals are clipped; of hits it is known"""
    claims: dict[str, Claim] = field(default_factory=dict)
    exhibits: dict[str, Drawn] = field(default_factory=dict)

    def claim(self, name: str, statement: str, **fields: Any) -> Callable[[Test], Test]:
        """Register the decorated function as the test of a claim; its docstring is printed.

        fields: those of `Claim`; what of `COMMON` is not given is the lesson's.
        """

        def register(test: Test) -> Test:
            common = {key: getattr(self, key) for key in COMMON}
            self.claims[name] = Claim(
                name=name, statement=statement, test=test, **(common | fields)
            )
            return test

        return register

    def exhibit(self, draw: Drawn) -> Drawn:
        """Register the decorated function, by its name; it returns None where it has no place."""
        self.exhibits[draw.__name__.replace("_", "-")] = draw
        return draw


@functools.cache
def lessons() -> tuple[Lesson, ...]:
    """Return all lessons, in the order of the course, with their claims."""
    return tuple(importlib.import_module(f"reports.{name}.claims").lesson for name in PACKAGES)


def claims() -> dict[str, Claim]:
    """Return all claims, by name, in the order of the course."""
    return {name: claim for lesson in lessons() for name, claim in lesson.claims.items()}


def lesson_of(study: str) -> Lesson:
    """Return the lesson that an experiment belongs to, with its exhibits.

    Raises UserError where there is none.
    """
    for package, lesson in zip(PACKAGES, lessons(), strict=True):
        if lesson.study == study:
            importlib.import_module(f"reports.{package}.exhibits")  # loads matplotlib
            return lesson
    raise UserError(
        f"study {study}: its package is wanted among PACKAGES of reports/lessons.py, to judge it"
    )
