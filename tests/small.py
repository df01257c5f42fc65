"""A study of four small trials, trained at once, and what the store has of it."""

from types import SimpleNamespace

import numpy as np
import pytest
from mlflow import MlflowClient

from core import provenance
from core.study import Study
from core.trials import Record, Shared, Trial
from reports.arms import arms
from reports.lessons import lesson_of
from tests.toy import CARD

CONFIG = {
    "seeds": 2,
    "schemes": ("a", "b"),
    "train": {"lr": 0.5, "epochs": 2},
    "data": {"data": "folder:/home/me/x", "size": 8, "data_root": "/here", "memory": 2.0},
    "device": {"device": "cpu"},
    "note": None,
}
IMAGES = tuple("abcdefghi")
TRIALS = [Trial(arm, seed) for seed in (0, 1) for arm in ("a", "b")]


def toy(config=CONFIG, card=CARD, **changes):
    options = {"device": "cpu", "selection": ("seeds", "schemes"), "weights": {"w": "1"}, **changes}
    script = provenance.ROOT / "experiments/init_schemes.py"
    shared = Shared({"image": IMAGES}, order={"arm": ("a", "b")})
    return Study("toy", config, card, script=script, arm="scheme", shared=shared, **options)


def record(trial, **metrics):
    random = np.random.default_rng([trial.seed, *trial.arm.encode()])
    hits = random.integers(0, 2, len(IMAGES), dtype=np.uint8)
    own = {"test/accuracy": random.random(), "test/loss": 1 / 3, **metrics}
    return Record(own, {"correct": (("image",), hits)}, files={"note.txt": b"hello"})


def epoch(index, trials, loss=0.25):
    losses = np.array([[loss + len(trial.arm) / index for trial in trials]])
    return SimpleNamespace(index=index, metrics={"val/loss": losses})


class Trainer:
    """Trains at once, and remembers what it was asked for."""

    def __init__(self):
        self.trained = []

    def __call__(self, job):
        for index in (1, 2):
            job.epoch(epoch(index, job.trials))
        self.trained += [trial.key for trial in job.trials]
        return [record(trial) for trial in job.trials]


def run(trials=TRIALS, trainer=None, at_most=2, **changes):
    """Run a study; return it and what was trained."""
    trainer = trainer or Trainer()
    with toy(**changes) as study:
        study.run(trials, trainer, lambda trial: trial.factors, at_most)
    return study, getattr(trainer, "trained", [])


def runs(role, study="toy"):
    client = MlflowClient()
    place = client.get_experiment_by_name(study).experiment_id
    found = client.search_runs([place], f"tags.role = '{role}'")
    return {run.info.run_name: run for run in found}


def files(run_id, place=None):
    return sorted(found.path for found in MlflowClient().list_artifacts(run_id, place))


def estimates_are_what_was_logged(study):
    """Hold the estimates of a stored study's arms against what its trials logged; count them."""
    lesson, checked = lesson_of(study.attrs["study"]), 0
    for _, levels, _ in arms(study):
        arm = study.sel(levels)
        for metric, estimate in lesson.estimates.items():
            if metric in arm and np.isfinite(arm[metric]).any():
                assert estimate(arm).value == pytest.approx(arm[metric].mean().item())
                checked += 1
    return checked
