"""What studies are made of: trials, their results, and the exhibits of the report."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "result.safetensors"
"""name of a trial's artifact with its metrics and arrays"""
PAGE = "study.json"
"""name of a study's artifact with all that the report prints"""
SCHEMA = 1
"""version of that artifact; a reader leaves out what another version wrote"""
DPI = 144


@dataclass(frozen=True)
class Trial:
    """One training: an arm, a seed, and what else tells it from its neighbours."""

    arm: str
    seed: int
    params: tuple[tuple[str, str | int | float], ...] = ()

    @property
    def key(self) -> str:
        """Return a text that identifies the trial within its study."""
        return "/".join([self.arm, str(self.seed), *(f"{k}={v}" for k, v in self.params)])


@dataclass(frozen=True)
class Run:
    """What the store knows of a run."""

    id: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED"""
    tags: dict[str, str]
    started: float
    """seconds since 1970"""


@dataclass(frozen=True)
class Result:
    """What a trial gave: numbers for MLflow, arrays for the study's own arithmetic."""

    metrics: dict[str, float]
    """`split/metric` -> value; one that is not finite is kept here and not sent to MLflow"""
    arrays: dict[str, np.ndarray]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    """small tables to look at in MLflow, such as confusion counts"""
    files: dict[str, bytes] = field(default_factory=dict)
    """file name -> content, other artifacts to look at, such as pictures"""

    def save(self, folder: Path) -> None:
        """Write metrics and arrays to one file, each table as CSV, and the other files."""
        arrays = save(self.arrays, metadata={"metrics": json.dumps(self.metrics)})
        (folder / FILE).write_bytes(arrays)  # a full disk is an OSError, not safetensors' own
        for name, table in self.tables.items():
            table.to_csv(folder / f"{name}.csv")
        for name, content in self.files.items():
            (folder / name).write_bytes(content)

    @classmethod
    def load(cls, path: Path) -> "Result":
        """Read metrics and arrays back, bit by bit as they were saved."""
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls(json.loads(file.metadata()["metrics"]), arrays)


@dataclass(frozen=True)
class Exhibit:
    """A table of the report, or a figure with the table behind it."""

    name: str
    caption: str
    frame: pd.DataFrame
    figure: "Figure | None" = None
    units: dict[str, str] = field(default_factory=dict)
    """column -> percent, points or seconds; the frame holds fractions and plain numbers"""

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the frame as CSV and the figure as PNG; return what the page says of them."""
        self.frame.to_csv(folder / f"{self.name}.csv", index=False)
        if self.figure is not None:
            from matplotlib import pyplot

            self.figure.savefig(folder / f"{self.name}.png", dpi=DPI)
            pyplot.close(self.figure)  # it keeps every figure until told
        drawn = self.figure is not None
        return {"name": self.name, "caption": self.caption, "figure": drawn, "units": self.units}
