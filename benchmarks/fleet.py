"""What the driver costs where trials cost nothing, and what a second worker brings where they cost.

Each line comes from a process and a store of its own: what a trial costs in wall time and in the
driver's CPU time, MLflow's server not counted, and what it takes to resume and to read them all.
What the machine does besides, the load that is printed first, counts in wall times.
"""

import contextlib
import functools
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from annotated_types import Interval

from benchmarks.writers import free_port, server, study_of_nothing
from core.address import VARIABLE

if TYPE_CHECKING:
    from core.job import Job, Train
    from core.trials import Record

T = TypeVar("T")

SIDE = 300  # of the matrix whose powers are the arithmetic
HERE = "here"


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much, where."""

    trials: Annotated[int, Interval(ge=2, le=1_000_000)] = 10_000
    """trials that cost nothing, each a program of its own"""
    places: tuple[str, ...] = (HERE, "loky:2", "dask", "ray")
    """where they train, as --on has it; here: in the driver; dask: two workers started for it"""
    database: str = ""
    """an empty database postgresql+psycopg2://HOST/NAME, for a line with a server that keeps its
    runs there; psycopg2 must be installed, and finds PGUSER and PGPASSWORD"""
    groups: Annotated[int, Interval(ge=0, le=10_000)] = 8
    """programs of arithmetic, shared out among one worker and among two; 0: none"""
    seconds: Annotated[float, Interval(gt=0, le=3600)] = 10.0
    """that each takes one process of this machine"""


def main(config: Config) -> None:
    """Print a line for each place and store, and the efficiency of two workers."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the start", flush=True)
    for place in config.places:
        with _cluster(place) as on:
            costs = _alone(_free, on, config.trials)
        print(f"  {config.trials:,} trials, {place}, SQLite: {costs}", flush=True)
    if config.database:
        port = free_port()
        with tempfile.TemporaryDirectory() as folder, server(port, config.database, Path(folder)):
            costs = _alone(_free, None, config.trials, uri=f"http://127.0.0.1:{port}")
        print(f"  {config.trials:,} trials, here, server with PostgreSQL: {costs}", flush=True)
    if config.groups:
        products = _calibrated(config.seconds)
        one, two = (_alone(_dear, f"loky:{n}", config.groups, products) for n in (1, 2))
        work = f"{config.groups} groups of {config.seconds:g} s"
        print(f"  {work}: one worker {one:.1f} s, two {two:.1f} s: efficiency {one / two / 2:.0%}")


@contextlib.contextmanager
def _cluster(place: str) -> Iterator[str | None]:
    """Yield the place as --on has it, None for the driver itself."""
    if place != "dask":
        yield None if place == HERE else place
        return
    from distributed import LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster:
        yield f"dask:{cluster.scheduler_address}"


def _alone(measure: Callable[..., T], *arguments: object, uri: str = "") -> T:
    """Call a function in a new process, with an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = uri or f"sqlite:///{folder}/mlflow.db"
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(measure, *arguments).result()


def _free(place: str | None, n: int) -> str:
    from core import outbox, reading
    from core.store import Store

    wall, cpu = _timed(functools.partial(_run, place, n, nothing))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    resume = _timed(functools.partial(_run, place, n, nothing))
    store = Store()
    (study,) = store.runs("tags.role = 'study'")
    report = _timed(lambda: reading.read(store, study))
    shutil.rmtree(outbox.outbox(store), ignore_errors=True)
    files = (file for file in Path(store.home).rglob("*") if file.is_file())
    local = store.uri.startswith("sqlite")
    size = f"{sum(f.stat().st_size for f in files) / n / 1024:.1f} KiB of store a trial, "
    cost = f"{1000 * wall / n:.1f} ms a trial ({1000 * cpu / n:.1f} of CPU)"
    return (
        f"{n / wall:.0f} trials a second, {cost}, {memory:.0f} MiB at most, "
        f"{size if local else ''}to resume {_words(resume)}, to read all {_words(report)}"
    )


def _words(spent: tuple[float, float]) -> str:
    return f"{spent[0]:.1f} s ({spent[1]:.1f} of CPU)"


def _dear(place: str, groups: int, products: int) -> float:
    work = functools.partial(arithmetic, products)
    return _timed(functools.partial(_run, place, groups, work))[0]


def _run(place: str | None, n: int, train: "Train") -> None:
    from core.fleet import ON, Place
    from core.trials import Trial

    ON.set(Place.of(place) if place else None)
    with study_of_nothing("fleet", __file__) as study:
        study.run([Trial("a", seed) for seed in range(n)], train)


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
    from core.job import Job

    few = 200
    return max(
        1, round(few * seconds / _timed(lambda: arithmetic(few, Job([], Path("none"), len)))[0])
    )


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a call takes, of the clock and of this process on a CPU."""
    start, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - cpu
