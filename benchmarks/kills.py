"""Kill every kind of study at random moments until it ends; its records must be as undisturbed.

Each round starts on an empty store: the study is started, killed at a moment drawn at random by a
signal drawn at random, and started again, until it ends. Its trials are then compared, bit by bit,
with those of a study that nobody disturbed.
"""

import importlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeVar

from annotated_types import Interval

from core import cli
from core.address import VARIABLE
from core.config import check_names, check_options
from core.errors import UserError

T = TypeVar("T")
SAID, BREEDS = "said.txt", "breeds"
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
STUDIES = (
    "init_schemes",
    "autoencoders",
    "transfer_regimes",
    "dog_breeds",
    "style_transfer",
    "face_detectors",
    "skin_lesions",
)
"""kinds that run on embedded data, or on a folder of drawn digits"""
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["mlflow", "torchvision", "reports.publish", "reports.figures"])
"""what takes longest to import, and writes nothing, is imported once"""


@dataclass
class Nothing:
    """No options."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to kill."""

    study: tuple[str, ...] = STUDIES
    """kinds of studies"""
    kills: Annotated[int, Interval(ge=1, le=10_000)] = 100
    """kills of each kind, at least"""
    seed: Annotated[int, Interval(ge=0)] = 0
    """of the moments"""

    def __post_init__(self) -> None:
        check_options(self)
        check_names("study", self.study, STUDIES)


def main(config: Config) -> None:
    """Print a line a kind; raises UserError where a trial is lost, doubled or differs."""
    chance, faults = random.Random(config.seed), []
    for name in config.study:
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            start(name, Path(folder))
            seconds = time.monotonic() - started
            wanted, kills, rounds = trials(Path(folder)), 0, 0
        while kills < config.kills:
            with tempfile.TemporaryDirectory() as folder:
                while start(name, Path(folder), chance.uniform(0, seconds), chance.choice(SIGNALS)):
                    kills += 1
                rounds += 1
                if problem := difference(wanted, trials(Path(folder))):
                    faults.append(f"{name}, round {rounds}: {problem}")
                    print(f"  {faults[-1]}", flush=True)  # before the other kinds have ended
        print(
            f"  {name}: {kills} kills, {len(wanted)} trials in each of {rounds} rounds", flush=True
        )
    if faults:
        raise UserError("; ".join(faults))
    print("  0 lost, 0 doubled, all equal bit by bit")


def start(
    name: str, folder: Path, moment: float | None = None, sign: signal.Signals = signal.SIGKILL
) -> bool:
    """Run the smoke study on the store of a folder; tell whether a signal ended it.

    moment: seconds from its start to the signal. Raises UserError where it ends otherwise.
    """
    if name == "dog_breeds" and not (folder / BREEDS).exists():
        _draw_breeds(folder / BREEDS)
    process = PROCESSES.Process(target=_smoke, args=(name, folder))
    process.start()
    try:
        process.join(moment)
        if process.is_alive():
            os.kill(process.pid or 0, sign)
            process.join()
    finally:  # interrupted
        process.kill()
        process.join()
    said = (folder / SAID).read_text() if (folder / SAID).exists() else ""
    if process.exitcode not in (0, -sign, 128 + sign) or "Traceback" in said:
        words = said[said.find("Traceback") :]
        raise UserError(f"{name}: {sign.name} after {moment} s: {process.exitcode}: {words}")
    return process.exitcode != 0


def _smoke(name: str, folder: Path) -> None:
    """Run a smoke study as its script does."""
    with open(folder / SAID, "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ[VARIABLE] = f"sqlite:///{folder}/mlflow.db"
    sys.argv = [f"experiments/{name}.py"]
    experiment = importlib.import_module(f"experiments.{name}")
    config = experiment.SMOKE
    if name == "dog_breeds":
        data = replace(config.data, data=f"folder:{folder / BREEDS}")
        small = replace(config.backbone, backbones=("squeezenet1_1",))
        config = replace(config, data=data, backbone=small)
    cli.run(lambda _: experiment.main(config), Nothing, "A smoke study.")


def _draw_breeds(folder: Path) -> None:
    """Write ten drawn digits of each of the first three kinds, a folder a kind."""
    from PIL import Image

    from core.data.glyphs import draw

    pictures, labels = draw(200)
    for kind in range(3):
        (folder / str(kind)).mkdir(parents=True)
        for number, picture in enumerate(pictures[labels == kind][:10]):
            Image.fromarray(picture.squeeze().numpy()).save(folder / str(kind) / f"{number}.png")


def trials(folder: Path) -> dict[str, list[str]]:
    """Return what the store has of each trial, a text for each of its runs; but for times."""
    from core.archive import FACTS, RECORD
    from core.store import Store
    from core.trials import Record

    store = Store(f"sqlite:///{folder}/mlflow.db", read_only=True)
    texts: dict[str, list[str]] = {}
    for run in store.runs("tags.role = 'trial'"):
        record, path = Record.unpack(store.read(run, RECORD)), Path(run.artifacts)
        arrays = [(k, *v[0], v[1].dtype, v[1].tobytes()) for k, v in timeless(record.arrays)]
        files = {file.name: file.read_bytes() for file in sorted(path.iterdir())}
        rest = [content for name, content in files.items() if name not in (FACTS, RECORD)]
        state = run.status, run.tags.get("complete"), timeless(run.metrics)
        bits = timeless(record.metrics), timeless(record.curves), arrays, rest, state
        texts.setdefault(run.tags["trial"], []).append(repr(bits))
    return texts


def timeless(values: Mapping[str, T]) -> list[tuple[str, T]]:
    """Return the items by name, without those that were timed."""
    return [(name, values[name]) for name in sorted(values) if not name.startswith("seconds")]


def difference(wanted: Mapping[str, list[str]], stored: Mapping[str, list[str]]) -> str:
    """Name a trial that is lost, doubled or another; empty if there is none."""
    for trial, content in wanted.items():
        runs = stored.get(trial, [])
        if runs != content:
            return f"{trial}: {len(runs)} runs" if len(runs) != 1 else f"{trial}: other bits"
    return "" if wanted.keys() == stored.keys() else f"{stored.keys() - wanted.keys()}: unknown"
