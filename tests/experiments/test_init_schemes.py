"""The study of weight initialisation, end to end: results, refusals, bad files, bad days."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.errors import UserError
from experiments import init_schemes
from experiments.init_schemes import SMOKE, Config, grid, main

SCRIPT = Path(init_schemes.__file__)
TRIAL_METRICS = {
    "train/loss",
    "val/loss",
    "val/accuracy",
    "test/accuracy",
    "test/accuracy_dropout",
    "test/loss",
    "train/loss_last_batch",
    "doctor/loss",
    "doctor/outlook",
    "doctor/rank",
    "doctor/dead",
    "trained/rank",
}


def runs(role):
    client = MlflowClient()
    place = client.get_experiment_by_name("init_schemes").experiment_id
    return client.search_runs([place], f"tags.role = '{role}'")


def fetch(run, name, folder):
    return Path(MlflowClient().download_artifacts(run.info.run_id, name, str(folder)))


def test_a_smoke_run_from_data_to_verdict(study_store, tmp_path):
    (study,) = runs("study")
    trials = {run.data.tags["trial"]: run for run in runs("trial")}
    assert len(trials) == 3 * 2 + 2 * 2
    assert all(run.data.tags["complete"] == "true" for run in [study, *trials.values()])
    assert study.data.metrics == {}
    for run in trials.values():
        assert run.data.metrics.keys() == TRIAL_METRICS
        assert run.data.params["scheme"] in SMOKE.schemes
    zeros = trials["zeros/1"].data
    assert (zeros.params["scheme"], zeros.params["seed"]) == ("zeros", "1")
    assert zeros.metrics["doctor/outlook"] == 0  # cannot train
    assert zeros.metrics["doctor/rank"] == 0
    larger = trials["uniform-rule/1/depth=5/width=256"].data.params
    assert (larger["depth"], larger["width"]) == ("5", "256")
    assert trials["uniform-rule/1"].data.params["width"] == "16"
    counts = pd.read_csv(fetch(trials["uniform-rule/0"], "confusion.csv", tmp_path), index_col=0)
    right = np.trace(counts.to_numpy()) / 359
    assert trials["uniform-rule/0"].data.metrics["test/accuracy"] == pytest.approx(right)
    report = fetch(study, "report", tmp_path)
    page = json.loads((report / "study.json").read_text())
    assert [row["claim"] for row in page["verdicts"]] == ["W1", "W2", "W3", "W4", "W5", "W6"]
    verdicts = {row["claim"]: row for row in page["verdicts"]}
    assert "uniform-0-1" in verdicts["W2"]["needed"]  # the arms that this run left out
    assert verdicts["W6"]["parts"][0]["n_seeds"] == 2
    names = [exhibit["name"] for exhibit in page["exhibits"]]
    assert {"schemes", "accuracy", "loss-curves", "differences", "prognosis", "doctor"} <= set(
        names
    )
    for exhibit in page["exhibits"]:
        assert len(pd.read_csv(report / f"{exhibit['name']}.csv")) > 0
        assert (report / f"{exhibit['name']}.png").exists() == exhibit["figure"]
    shown = pd.read_csv(report / "schemes.csv").set_index("arm")
    own = [trials[f"zeros/{seed}"].data.metrics["test/accuracy"] for seed in (0, 1)]
    assert shown.loc["zeros", "accuracy"] == pytest.approx(np.mean(own))
    assert shown.loc["zeros", "seeds"] == 2
    out = (study_store / "printed.txt").read_text()
    assert "device: cpu" in out
    assert "data: digits: 1,078 train, 360 val, 359 test" in out
    assert "viewStateShareKey=" in out


def command(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--schemes", "zeros", "he"], "--schemes he: one or more of zeros, ones, "),
        (
            ["--schemes", "zeros", "zeros"],
            "--schemes zeros zeros: one or more names, none of them twice",
        ),
        (["--data", "imagenet"], "--data imagenet: one of digits, lfw-patches, "),
        (["--device", "gpu"], "--device gpu: auto, cpu, cuda, cuda:N or mps"),
        (["--seeds", "0"], "--seeds 0: 2 to 10,000 is wanted"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(tmp_path, arguments, line):
    ended = command(*arguments)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(line)
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "Traceback" not in ended.stdout + ended.stderr


def test_images_too_small_are_refused_before_anything_is_written(store):
    with pytest.raises(UserError, match="--network cnn: images of 8x8 pixels, 16x16 or more"):
        main(Config(network="cnn", device=DeviceConfig(device="cpu")))
    assert MlflowClient().get_experiment_by_name("init_schemes") is None


def test_a_store_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(UserError, match="MLflow store sqlite:") as caught:
        main(SMOKE)
    assert "\n" not in str(caught.value)


def test_help_answers_without_the_heavy_imports():
    """Time is for the benchmarks; what takes it is imports."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = [{str(SCRIPT)!r}, '--help']\n"
        "try:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print('heavy:', sorted({'torch', 'numpy', 'mlflow', 'pandas', 'sklearn', 'matplotlib',"
        " 'PIL'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("heavy: []\n")
    for option in ("--schemes", "--seeds", "--data-root", "--epochs", "--device", "--no-larger"):
        assert option in ended.stdout


def test_groups_hold_every_trial_once_and_all_arms_of_a_seed():
    config = Config(seeds=5)
    groups = list(grid(config, 30))
    trials = [trial for group in groups for trial in group]
    assert len(set(trials)) == len(trials) == 5 * 13 + 5 * 2
    for group in groups:
        seeds = {trial.seed for trial in group}
        arms = {trial.arm for trial in group}
        assert len(group) == len(seeds) * len(arms) <= 30
        assert arms in (set(config.schemes), set(init_schemes.CONTRAST))
    assert all(
        not trial.params for group in grid(replace(config, larger=False), 30) for trial in group
    )


@pytest.mark.parametrize(
    "options", [{"depth": 0}, {"width": 1}, {"dropout": 1.0}, {"seeds": 1}, {"schemes": ()}]
)
def test_impossible_options_are_refused(options):
    (name,) = options
    with pytest.raises(UserError, match=f"^--{name} "):
        Config(**options)


@pytest.mark.real_data
@pytest.mark.slow
def test_fashion_mnist_as_the_course_trained_it(real_data, store, tmp_path):
    root = real_data("FashionMNIST/raw").parents[1]
    main(
        Config(
            schemes=("zeros", "uniform-rule"),
            seeds=2,
            larger=False,
            data=DataConfig(data="fashion-mnist", data_root=root),
            train=TrainConfig(epochs=1),
            device=DeviceConfig(device="cpu"),
        )
    )
    seen = {run.data.tags["trial"]: run.data.metrics["test/accuracy"] for run in runs("trial")}
    assert all(abs(seen[f"zeros/{seed}"] - 0.1) < 1e-6 for seed in (0, 1))
    assert all(0.78 < seen[f"uniform-rule/{seed}"] < 0.88 for seed in (0, 1))
