"""The training of a program: what it is given, what it says meanwhile, what comes back."""

import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from core.errors import reason
from core.trials import Record, Trial


class Epoch(Protocol):
    """What a training says of an epoch: metrics with one value for each trial of the program."""

    @property
    def index(self) -> int:
        """Return 1 for the first."""
        ...

    @property
    def metrics(self) -> Mapping[str, NDArray[Any]]:
        """Return `split/metric` -> values, whose flattened order is that of the program."""
        ...


class Job:
    """What the training of a program is given: its trials, a place for a checkpoint, a voice."""

    def __init__(
        self, trials: Sequence[Trial], checkpoint: Path, tell: Callable[[str], object]
    ) -> None:
        """Prepare a program. tell: shows how far it is; a worker elsewhere is not heard."""
        self.trials, self.checkpoint = tuple(trials), checkpoint
        self.curves: list[dict[str, list[float]]] = [{} for _ in trials]
        self._tell = tell

    def epoch(self, epoch: Epoch) -> None:
        """Note the metrics of an epoch: each becomes a curve of its trial."""
        for name, values in epoch.metrics.items():
            for curves, value in zip(self.curves, values.flat, strict=True):
                curves.setdefault(name, []).append(float(value))
        self._tell(f"epoch {epoch.index}")


Train = Callable[[Job], Sequence[Record]]
"""trains a program: pure, knows no store; returns a record for each of its trials"""


@dataclass(frozen=True)
class Done:
    """A program that was trained."""

    records: dict[Trial, Record]
    """curves and seconds are in them"""
    started: float
    """seconds since 1970"""
    ended: float


def damage(checkpoint: Path) -> str:
    """Say why a training cannot go on from a checkpoint; empty where it can."""
    import torch

    try:
        with zipfile.ZipFile(checkpoint) as file:  # torch reads over a flipped bit
            if member := file.testzip():
                return f"{member} is not as it was written"
        torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
    except FileNotFoundError:  # another process has ended what it was of
        return ""
    except Exception as error:  # damaged files make torch raise almost anything
        return reason(error)
    return ""


def run(train: Train, job: Job) -> Done:
    """Train a program here and now. Raises ValueError unless there is a record a trial."""
    started = time.time()
    records = train(job)
    ended = time.time()
    seconds = {"seconds": (ended - started) / len(job.trials)}
    whole = {
        trial: replace(
            record, metrics={**record.metrics, **seconds}, curves={**curves, **record.curves}
        )
        for trial, record, curves in zip(job.trials, records, job.curves, strict=True)
    }
    return Done(whole, started, ended)
