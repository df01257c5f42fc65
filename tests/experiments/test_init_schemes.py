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
from PIL import Image

from core import provenance
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


def test_a_smoke_run_from_data_to_verdict(store, tmp_path, capsys):
    main(SMOKE)
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
    out = capsys.readouterr().out
    assert "device: cpu" in out
    assert "data: digits: 1,078 train, 360 val, 359 test" in out
    assert "viewStateShareKey=" in out


KILLER = """
import os, signal, sys
from dataclasses import replace
from core.tracking import Store
from experiments.init_schemes import SMOKE, main

ended, end = [], Store.end

def dies(self, run_id, status):
    end(self, run_id, status)
    ended.append(run_id)
    if len(ended) == 4:
        os.kill(os.getpid(), signal.{name})

Store.end = dies
from core import cli
from dataclasses import dataclass
sys.argv = ["x"]
cli.run(lambda _: main(SMOKE), dataclass(type("Nothing", (), {{"__doc__": "Nothing."}})), "x")
"""


def killed(name):
    ended = subprocess.run(
        [sys.executable, "-c", KILLER.format(name=name)],
        cwd=provenance.ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    return ended


def test_a_study_that_was_killed_goes_on_to_the_same_numbers(store, tmp_path):
    ended = killed("SIGKILL")
    assert ended.returncode == -9, ended.stderr
    (study,) = runs("study")
    assert study.info.status == "RUNNING"  # nobody could say otherwise
    done = {run.info.run_id for run in runs("trial") if "complete" in run.data.tags}
    assert len(done) == 4
    main(SMOKE)
    resumed = [run for run in runs("trial") if "complete" in run.data.tags]
    assert len(resumed) == 10
    assert done <= {run.info.run_id for run in resumed}  # they were not logged again
    assert not [run for run in [*runs("trial"), *runs("study")] if run.info.status == "RUNNING"]
    assert [run.info.run_id for run in runs("study")] == [study.info.run_id]
    numbers = {run.data.tags["trial"]: run.data.metrics for run in resumed}
    tables = read_tables(study, tmp_path / "resumed")
    main(SMOKE)  # complete now: the same command is a new study, from the beginning
    (other,) = [run for run in runs("study") if run.info.run_id != study.info.run_id]
    again = {
        run.data.tags["trial"]: run.data.metrics
        for run in runs("trial")
        if run.data.tags["mlflow.parentRunId"] == other.info.run_id
    }
    assert again == numbers  # to the last bit
    assert read_tables(other, tmp_path / "uninterrupted") == tables


def read_tables(study, folder):
    folder.mkdir()
    return {path.name: path.read_text() for path in fetch(study, "report", folder).glob("*.csv")}


def test_sigterm_ends_the_runs_as_killed(store):
    ended = killed("SIGTERM")
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("interrupted: what is finished is kept")
    assert [run.info.status for run in runs("study")] == ["KILLED"]
    trials = runs("trial")
    assert sum("complete" in run.data.tags for run in trials) == 4
    assert not [run for run in trials if run.info.status in ("RUNNING", "FAILED")]


def test_a_folder_with_bad_files_finishes_with_them_listed(store, tmp_path, capsys):
    root = tmp_path / "my images, größer"
    random = np.random.default_rng(0)
    for number, name in enumerate(("1", "$^2_$ class", "café")):
        (root / name).mkdir(parents=True)
        for index in range(12):
            base = np.full((9, 9, 3), 60 * number, np.uint8) + random.integers(0, 60, (9, 9, 3))
            Image.fromarray(base.astype(np.uint8)).save(root / name / f"{index}.png")
    whole = (root / "1" / "3.png").read_bytes()
    (root / "1" / "3.png").write_bytes(whole[: len(whole) // 2])
    (root / "1" / "empty.jpg").touch()
    (root / "café" / "page.jpg").write_text("<html>")
    Image.new("CMYK", (9, 9), (9, 200, 7, 40)).save(root / "1" / "cmyk.jpg")
    Image.fromarray(np.arange(81, dtype=np.uint16).reshape(9, 9) * 800).save(root / "1" / "16.png")
    frames = [Image.new("P", (9, 9), index) for index in (1, 2)]
    frames[0].save(root / "café" / "film.gif", save_all=True, append_images=frames[1:])
    Image.new("P", (9, 9), 3).save(root / "café" / "palette.png")
    main(replace(SMOKE, data=DataConfig(data=f"folder:{root}"), larger=False))
    (study,) = runs("study")
    page = json.loads(fetch(study, "report/study.json", tmp_path).read_text())
    assert [each["path"] for each in page["data"]["quarantined"]] == [
        "1/3.png",
        "1/empty.jpg",
        "café/page.jpg",
    ]
    assert page["data"]["classes"] == ["$^2_$ class", "1", "café"]
    assert sum(map(sum, page["data"]["counts"].values())) == 35 + 4
    assert study.data.tags["complete"] == "true"
    assert study.data.tags["data"] == "folder:my images, größer"
    assert "3 files quarantined" in capsys.readouterr().out


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
        (["--schemes", "zeros", "zeros"], "--schemes zeros zeros: a list without repetition"),
        (["--data", "imagenet"], "--data imagenet: one of digits, lfw-patches, "),
        (["--device", "gpu"], "--device gpu: auto, cpu, cuda, cuda:N or mps"),
        (["--seeds", "0"], "--seeds 0: 2 or more (single runs do not compare)"),
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
