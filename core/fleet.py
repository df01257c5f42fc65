"""Programs trained by workers: processes of this machine, or what Dask, Ray and Slurm run.

The training with its data is written once, to a folder that the workers see; a worker's process
reads it once, its arrays mapped to memory that all processes of a machine share. Workers need no
store: they return records, and the study that asked keeps them.
"""

import contextlib
import functools
import importlib.util
import json
import mmap
import os
import pickle
import queue
import shutil
import socket
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from core import engines, provenance
from core.code import code_hash
from core.config import check
from core.errors import UserError, one_line
from core.job import Done, Job, Train, run
from core.trials import Trial

PACKAGES = {"loky": "joblib", "dask": "distributed", "ray": "ray", "slurm": "submitit"}
WANTED = "loky:N, dask:ADDRESS, ray, ray:ADDRESS, slurm or slurm:KEY=VALUE,..."
ALIGNED = 64  # bytes, as torch's own memory is: kernels may depend on it
ALONE = threading.Lock()
"""of a worker's process: a Dask worker may have threads, torch's random state is the process's"""


@dataclass(frozen=True)
class Place:
    """Where programs train: an engine and what it is told, as `--on` has it."""

    engine: str
    argument: str = ""
    gpus: float | None = None
    """for each program, of a study on CUDA; None: one"""

    @classmethod
    def of(cls, text: str) -> "Place":
        """Read `loky:N`, `dask:ADDRESS`, `ray[:ADDRESS]` or `slurm[:KEY=VALUE,...]`.

        Raises UserError for all else, and where the engine's package is missing.
        """
        engine, colon, argument = text.partition(":")
        forms = {
            "loky": argument.isascii() and argument.isdigit() and 0 < int(argument) < 1000,
            "dask": bool(argument),
            "ray": bool(argument) or not colon,
            "slurm": not colon or all("=" in pair[1:-1] for pair in argument.split(",")),
        }
        check("on", text, forms.get(engine, False), WANTED)
        there = importlib.util.find_spec(PACKAGES[engine]) is not None
        check("on", text, there, f"the package {PACKAGES[engine]} (pip install '.[{engine}]')")
        return cls(engine, argument)

    def __str__(self) -> str:
        """Return it as `--on` had it."""
        return f"{self.engine}:{self.argument}" if self.argument else self.engine


ON: ContextVar[Place | None] = ContextVar("ON", default=None)
"""where studies train; None: in this process, one program after the other"""


@dataclass(frozen=True)
class Order:
    """What a worker must know before its first program; it is sent with every one."""

    folder: Path
    """holds the training: train.pickle, and the bytes of its arrays in train.arrays"""
    script: str
    """of the experiment, from the root of the repo if it lies there"""
    device: str
    """its kind; as all below it must be the same in worker and driver"""
    code: str
    versions: tuple[tuple[str, str], ...]

    def check(self) -> None:
        """Raise UserError where a worker's numbers would be those of another study."""
        here = {"code": code_hash(provenance.ROOT / self.script), **provenance.versions()}
        wanted = {"code": self.code, **dict(self.versions)}
        if self.device.startswith("cuda"):
            import torch

            there = torch.cuda.is_available()
            name = torch.cuda.get_device_name() if there else "none"
            here["device"] = self.device if f"({name})" in self.device else f"cuda ({name})"
            wanted["device"] = self.device
        for name, value in wanted.items():
            if here[name] != value:
                where = f"the worker on {socket.gethostname()}"
                raise UserError(f"--on: {where} has {name} {here[name]}: {value} is wanted")


class _Pickler(cloudpickle.Pickler):
    """Hands the memory of tensors over as it does that of arrays: beside the pickle."""

    def reducer_override(self, obj: Any) -> Any:
        """Reduce a tensor to its array."""
        torch = sys.modules.get("torch")
        if torch and type(obj) is torch.Tensor and _is_plain(obj, torch):
            return torch.from_numpy, (obj.numpy(),)
        return super().reducer_override(obj)


def _is_plain(tensor: Any, torch: Any) -> bool:
    """Tell whether numpy can share a tensor's memory, and the tensor needs nothing else."""
    on_cpu = tensor.device.type == "cpu" and tensor.is_contiguous()
    return on_cpu and not tensor.requires_grad and tensor.dtype != torch.bfloat16


def write(train: Train, folder: Path) -> None:
    """Write a training for `read`. Raises TypeError or PicklingError where it cannot be sent."""
    buffers: list[pickle.PickleBuffer] = []
    with open(folder / "train.pickle", "wb") as file:
        _Pickler(file, protocol=5, buffer_callback=buffers.append).dump(train)
    places = []
    with open(folder / "train.arrays", "wb") as arrays:
        for buffer in buffers:
            arrays.seek(-arrays.tell() % ALIGNED, os.SEEK_CUR)
            start = arrays.tell()
            arrays.write(buffer.raw())
            places.append((start, arrays.tell()))
        arrays.write(b"\0")  # an empty file cannot be mapped
    (folder / "places.json").write_text(json.dumps(places))


def read(folder: Path) -> Train:
    """Read what `write` wrote; pages of arrays are read when used, and private where changed."""
    with open(folder / "train.arrays", "rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    places = json.loads((folder / "places.json").read_text())
    buffers = [memory[start:end] for start, end in places]
    train: Train = pickle.loads((folder / "train.pickle").read_bytes(), buffers=buffers)
    return train


@functools.lru_cache(maxsize=1)
def _ready(order: Order) -> Train:
    order.check()
    if "deterministic" in order.device or order.device.startswith("cuda"):
        from core.device import choose_kernels  # imports torch

        choose_kernels(deterministic="deterministic" in order.device)
    try:
        return read(order.folder)
    except FileNotFoundError as error:
        where = f"the worker on {socket.gethostname()}"
        wanted = "a store whose folder mlruns all workers see"
        raise UserError(f"--on: {where} has no {error.filename}: {wanted} is wanted") from error


def work(order: Order, group: Sequence[Trial], checkpoint: Path) -> Done | Exception:
    """Train a program in a worker. An error is an answer: what an engine raises is its own."""
    import joblib

    with ALONE:
        try:
            with joblib.parallel_config("sequential"):  # workers are as many as there are cores
                return run(_ready(order), Job(group, checkpoint, lambda _: None))
        except Exception as error:
            error.add_note(f"in a worker on {socket.gethostname()}:\n{traceback.format_exc()}")
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:
                return RuntimeError("\n".join(traceback.format_exception(error)))
            return error


def train(
    place: Place, groups: Sequence[tuple[Sequence[Trial], Path]], order: Order
) -> Generator[Done]:
    """Yield programs as workers return them, in any order.

    groups: trials, and the place of their checkpoint. A program whose worker died is given to
    another. Raises UserError where it did so as often as its engine tries, and what training
    raised. All workers that were started here are gone when the iterator is closed.
    """
    cuda = order.device.startswith("cuda")
    fits = cuda or place.gpus is None
    check("gpus_per_group", place.gpus, fits, "a study on cuda, and this one is not,")
    gpus = (place.gpus or 1) if cuda else 0
    with engines.start(place.engine, place.argument, order.folder, gpus) as engine:
        waiting, deaths = deque(groups), Counter[Path]()
        under_way: dict[Future[Done | Exception], tuple[Sequence[Trial], Path]] = {}
        back: queue.SimpleQueue[Future[Done | Exception]] = queue.SimpleQueue()
        while waiting or under_way:
            while waiting and len(under_way) < engine.ahead:
                group = waiting.popleft()
                future = engine.submit(work, order, *group)
                under_way[future] = group
                future.add_done_callback(back.put)
            future = back.get()
            trials, checkpoint = group = under_way.pop(future)
            try:
                answer = future.result()
            except Exception as error:
                deaths[checkpoint] += 1
                if deaths[checkpoint] >= engine.tries:
                    raise UserError(_died(place, trials, error)) from error
                waiting.appendleft(group)
                continue
            if isinstance(answer, Exception):
                raise answer
            yield answer


def _died(place: Place, trials: Sequence[Trial], error: Exception) -> str:
    more = f" and {len(trials) - 1} more" if len(trials) > 1 else ""
    reason = one_line(f"{type(error).__name__}: {error}")[:300]
    return (
        f"--on {place}: whatever worker was given {trials[0].key}{more} was lost, the last by "
        f"{reason}; workers that import this repo and have memory enough are wanted"
    )


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Make a folder for one run of workers; it goes with the block, or when the next begins."""
    for left in parent.glob("workers-*"):
        with contextlib.suppress(FileNotFoundError, ValueError):  # another process is at it too
            if provenance.is_dead(json.loads((left / "owner.json").read_text())):
                shutil.rmtree(left, ignore_errors=True)
    place = parent / f"workers-{socket.gethostname()}-{os.getpid()}"
    try:
        place.mkdir(parents=True)
        (place / "owner.json").write_text(json.dumps(provenance.owner()))
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
