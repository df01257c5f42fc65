"""What the driver costs where trials cost nothing, and what a second worker brings where they cost.

Each line comes from a process and a store of its own. What the machine does besides, the load that
is printed first, counts in all of them.
"""

import functools
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from annotated_types import Interval

from core.address import VARIABLE
from core.config import check_options

if TYPE_CHECKING:
    from core.job import Job, Train
    from core.study import Study
    from core.trials import Record, Trial

T = TypeVar("T")

SIDE = 300  # of the matrix whose powers are the arithmetic
PLACES = (None, "loky:2")


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much."""

    trials: Annotated[int, Interval(ge=2, le=1_000_000)] = 10_000
    """trials that cost nothing, each a program of its own"""
    groups: Annotated[int, Interval(ge=0, le=10_000)] = 8
    """programs of arithmetic, shared out among one worker and among two; 0: none"""
    seconds: Annotated[float, Interval(gt=0, le=3600)] = 10.0
    """that each takes one process of this machine"""

    def __post_init__(self) -> None:
        check_options(self)


def main(config: Config) -> None:
    """Print a line for one process and for two workers, and the efficiency of two."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start")
    for place in PLACES:
        print(
            f"  {config.trials:,} trials, {place or 'here'}: {_alone(_free, place, config.trials)}"
        )
    if config.groups:
        products = _calibrated(config.seconds)
        one, two = (_alone(_dear, f"loky:{n}", config.groups, products) for n in (1, 2))
        work = f"{config.groups} groups of {config.seconds:g} s"
        print(f"  {work}: one worker {one:.1f} s, two {two:.1f} s: efficiency {one / two / 2:.0%}")


def _alone(measure: Callable[..., T], *arguments: object) -> T:
    """Call a function in a new process, with an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = f"sqlite:///{folder}/mlflow.db"
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(measure, *arguments).result()


def _free(place: str | None, n: int) -> str:
    from core import dataset
    from core.store import Store

    first = _timed(functools.partial(_run, place, n, nothing))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    resume = _timed(functools.partial(_run, place, n, nothing))
    store = Store()
    (study,) = store.runs("tags.role = 'study'")
    report = _timed(lambda: dataset.read(store, study))
    size = sum(file.stat().st_size for file in Path(store.home).rglob("*") if file.is_file())
    return (
        f"{1000 * first / n:.1f} ms a trial, {memory:.0f} MiB at most, {size / n / 1024:.1f} KiB "
        f"of store a trial, {resume:.1f} s to resume, {report:.1f} s to read all as a dataset"
    )


def _dear(place: str, groups: int, products: int) -> float:
    return _timed(functools.partial(_run, place, groups, functools.partial(arithmetic, products)))


def _run(place: str | None, n: int, train: "Train") -> None:
    from core.fleet import ON, Place

    ON.set(Place.of(place) if place else None)
    with _study() as study:
        study.run(_trials(n), train)


def _study() -> "Study":
    from core.data.card import Card
    from core.study import Study
    from core.trials import Shared

    card = Card(
        name="none",
        source="none",
        fingerprint="0" * 64,
        classes=("a",),
        shape=(1, 1, 1),
        counts={"test": [1]},
        split="none",
    )
    return Study(
        "fleet",
        {},
        card,
        script=__file__,
        device="cpu",
        arm="arm",
        selection=(),
        shared=Shared(),
    )


def _trials(n: int) -> "list[Trial]":
    from core.trials import Trial

    return [Trial("a", seed) for seed in range(n)]


def nothing(job: "Job") -> "list[Record]":
    """Return a small record at once."""
    from core.trials import Record

    hits = np.zeros(100, np.uint8)
    return [Record({"test/accuracy": 0.5}, {"correct": (("image",), hits)}) for _ in job.trials]


def arithmetic(products: int, job: "Job") -> "list[Record]":
    """Multiply as many matrices, without a pause."""
    matrix = np.eye(SIDE)
    for _ in range(products):
        matrix = matrix @ np.eye(SIDE)
    return nothing(job)


def _calibrated(seconds: float) -> int:
    """Return how many products take as long here and now."""
    few = 200
    return max(1, round(few * seconds / _timed(lambda: arithmetic(few, _no_job()))))


def _no_job() -> "Job":
    from core.job import Job

    return Job([], Path("none"), len)


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
