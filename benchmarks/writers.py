"""Let writers share a store that is away for a minute: no study ends, every value arrives once.

The store is an SQLite file, which another process locks meanwhile, or an MLflow server, which is
stopped and started again. `--database postgresql+psycopg2://HOST/NAME` lets the server keep its
runs there, in an empty database; psycopg2 must be installed, and finds PGUSER and PGPASSWORD.
"""

import contextlib
import functools
import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval

from core.address import VARIABLE
from core.errors import UserError

if TYPE_CHECKING:
    from threading import Barrier

    from core.study import Job, Study
    from core.trials import Record, Trial

CURVE = "train/loss"
Serve = Callable[[], AbstractContextManager[None]]
STARTS = 300.0  # seconds
TRIALS = 20
"""of each writer; its values are shared among them"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Who writes what, and where."""

    store: Literal["sqlite", "server"] = "sqlite"
    """an SQLite file, or an MLflow server"""
    database: str = ""
    """where the server keeps its runs (default: an SQLite file)"""
    writers: Annotated[int, Interval(ge=1, le=100)] = 8
    """processes that write at once"""
    values: Annotated[int, Interval(ge=20, le=1_000_000)] = 2000
    """values of each"""
    away: Annotated[float, Interval(ge=0, le=3600)] = 60.0
    """seconds for which the store is away"""
    pause: Annotated[float, Interval(ge=0, le=3600)] = 6.0
    """seconds that each of a writer's 20 trials takes"""


def main(config: Config) -> None:
    """Print what arrived; raises UserError where a value is lost, doubled or another."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as running:
        folder = Path(name)
        if config.store == "sqlite":
            uri, away = f"sqlite:///{folder}/mlflow.db", functools.partial(locked, folder)
        else:
            port = free_port()
            serve = functools.partial(server, port, config.database, folder)
            uri, away = f"http://127.0.0.1:{port}", functools.partial(_stopped, running, serve)
            running.enter_context(serve())
        print(f"  {config.store}: {_write(config, uri, away)}", flush=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep everybody from reading and writing an SQLite file."""
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db", timeout=60)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.rollback()


@contextlib.contextmanager
def _stopped(running: contextlib.ExitStack, serve: Serve) -> Iterator[None]:
    running.close()
    yield
    running.enter_context(serve())


@contextlib.contextmanager
def server(port: int, database: str, folder: Path) -> Iterator[None]:
    """Run an MLflow server until the block ends."""
    database = database or f"sqlite:///{folder}/server.db"
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "2"]
    command += ["--backend-store-uri", database, "--artifacts-destination", f"{folder}/artifacts"]
    with open(folder / "server.log", "a") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        deadline = time.monotonic() + STARTS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said = (folder / "server.log").read_text()[-300:]
                raise UserError(f"--store server: no MLflow server starts here: {said}")
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _write(config: Config, uri: str, away: Serve) -> str:
    """Let all write, the store go and come back; return what arrived."""
    from core import outbox
    from core.store import Store

    os.environ[VARIABLE] = uri
    Store().experiment("writers")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["core.study", "numpy"])
    begun = processes.Barrier(config.writers + 1)
    options = (uri, config.values // TRIALS, config.pause, begun)
    writers = [processes.Process(target=_writer, args=(n, *options)) for n in range(config.writers)]
    for writer in writers:
        writer.start()
    begun.wait(STARTS)  # so that the store goes away while all of them write
    time.sleep(config.pause * TRIALS / 4)
    with away():
        time.sleep(config.away)
    for writer in writers:
        writer.join()
    ended = [writer.exitcode for writer in writers]
    if any(ended):
        raise UserError(f"writers ended with {ended}; 0 is wanted of all")
    store = Store()
    sent, waiting = outbox.send_all(store)
    runs = store.runs("tags.role = 'trial' AND tags.complete = 'true'")
    ids = {run.tags["trial"]: run.id for run in runs}
    histories = store.histories([run.id for run in runs], CURVE)
    wanted = {trial.key: trial for n in range(config.writers) for trial in _trials(n)}
    for key, trial in wanted.items():
        values = dict(enumerate(_curve(trial, options[1]), 1))
        if histories.get(ids.get(key, "")) != values:
            raise UserError(f"{key}: {len(histories.get(ids.get(key, ''), ()))} values arrived")
    if waiting or len(runs) != len(wanted):
        raise UserError(f"{len(runs)} of {len(wanted)} trials arrived, {waiting} wait")
    number = sum(map(len, histories.values()))
    return f"{number:,} values of {len(runs)} trials arrived once, {sent} of these trials later"


def _writer(number: int, uri: str, values: int, pause: float, begun: "Barrier") -> None:
    """Run a writer's part of the study that all share."""
    from core.trials import Record

    os.environ[VARIABLE] = uri

    def train(job: "Job") -> "list[Record]":
        time.sleep(pause)
        return [Record({}, curves={CURVE: _curve(trial, values)}) for trial in job.trials]

    with study_of_nothing("writers", __file__) as study:
        begun.wait(STARTS)
        study.run(_trials(number), train)


def study_of_nothing(name: str, script: str) -> "Study":
    """Return a study without data or options."""
    from core.data.card import Card
    from core.study import Study
    from core.trials import Shared

    card = Card(
        name="none", source="none", fingerprint="0" * 64, classes=("a",), shape=(1, 1, 1),
        counts={"test": [1]}, split="none",
    )  # fmt: skip
    return Study(
        name, {}, card, script=script, device="cpu", arm="arm", selection=(), shared=Shared()
    )


def _trials(number: int) -> "list[Trial]":
    from core.trials import Trial

    return [Trial(f"writer {number}", seed) for seed in range(TRIALS)]


def _curve(trial: "Trial", values: int) -> list[float]:
    import numpy as np

    return np.random.default_rng([trial.seed, *trial.arm.encode()]).random(values).tolist()
