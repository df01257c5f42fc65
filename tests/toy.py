"""A study that trains in no time, for tests of what runs studies; its workers import no test."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from core import provenance
from core.data.card import Card
from core.trials import Record, Shared, Trial

CARD = Card(
    name="toy",
    source="made here",
    fingerprint="f" * 64,
    classes=("1", "2 größer"),
    shape=(1, 2, 2),
    counts={"train": [2, 2], "val": [1, 1], "test": [1, 1]},
    split="as the source has it",
)
PIXELS = torch.rand(500, 16, generator=torch.Generator().manual_seed(0))


def study(**changes):
    from core.study import Study  # with mlflow, which workers do without

    options = {"device": "cpu", "selection": (), "shared": Shared(), "arm": "lr", **changes}
    script = provenance.ROOT / "experiments/init_schemes.py"
    return Study("toy", {"epochs": 3}, CARD, script=script, **options)


def trials(n: int) -> list[Trial]:
    return [Trial(arm, seed) for seed in range(n) for arm in ("0.1", "0.01")]


def train(pixels, job):
    """Descend a few steps, for each trial of the program."""
    weights = [torch.from_numpy(_draw(trial.seed)).requires_grad_() for trial in job.trials]
    for index in (1, 2, 3):
        losses = []
        for trial, each in zip(job.trials, weights, strict=True):
            loss = (pixels @ each).tanh().square().mean()
            (slope,) = torch.autograd.grad(loss, each)
            each.data -= float(trial.arm) * slope
            losses.append(loss.item())
        job.epoch(SimpleNamespace(index=index, metrics={"train/loss": np.array([losses])}))
    return [
        Record({"loss": loss}, {"weights": (("pixel",), each.detach().numpy())}, files={"a": b"b"})
        for loss, each in zip(losses, weights, strict=True)
    ]


def _draw(seed):
    return np.random.default_rng(seed).standard_normal(16).astype("float32")


TRAIN = partial(train, PIXELS)


def dies(folder: Path, always: bool, job):
    """Note the process, and be killed at seed 1: once, or always."""
    (folder / str(os.getpid())).touch()
    flag = folder / "died"
    if job.trials[0].seed == 1 and (always or not flag.exists()):
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return TRAIN(job)


def lasts(folder: Path, job):
    """Note the process, and take an hour from seed 1 on unless the folder says `quick`."""
    (folder / str(os.getpid())).touch()
    while job.trials[0].seed > 0 and not (folder / "quick").exists():
        time.sleep(0.1)
    (folder / f"trained-{job.trials[0].seed}-{time.time_ns()}").touch()
    return TRAIN(job)


def raises(error, job):
    raise error
