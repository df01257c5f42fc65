"""Bad days of a study: killed, fed with bad files, diverged. It ends with the same numbers."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from PIL import Image

from benchmarks import kills, writers
from core import provenance
from core.code import code_hash
from core.config import TrainConfig
from core.data.config import DataConfig
from experiments.init_schemes import SMOKE, main


def runs(role):
    client = MlflowClient()
    place = client.get_experiment_by_name("init_schemes").experiment_id
    return client.search_runs([place], f"tags.role = '{role}'")


def fetch(run, name, folder):
    return Path(MlflowClient().download_artifacts(run.info.run_id, name, str(folder)))


KILLER = """
import os, signal, sys
from dataclasses import replace
from core.store import Store
from experiments.init_schemes import SMOKE, main

ended, end = [], Store.end

def dies(self, run_id, status, ended_=None):
    end(self, run_id, status, ended_)
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


def test_a_study_that_was_killed_goes_on_to_the_same_numbers(store, studied, tmp_path):
    ended = killed("SIGKILL")
    assert ended.returncode == -9, ended.stderr
    (study,) = runs("study")
    assert study.info.status == "RUNNING"  # nobody could say otherwise
    done = {run.info.run_id for run in runs("trial") if "complete" in run.data.tags}
    assert len(done) == 3  # the fourth was sent but not yet tagged
    main(SMOKE)
    resumed = [run for run in runs("trial") if "complete" in run.data.tags]
    assert len(resumed) == len(runs("trial")) == 10
    assert done <= {run.info.run_id for run in resumed}  # they were not logged again
    assert not [run for run in [*runs("trial"), *runs("study")] if run.info.status == "RUNNING"]
    assert [run.info.run_id for run in runs("study")] == [study.info.run_id]
    numbers = {run.data.tags["trial"]: timeless(run.data.metrics) for run in resumed}
    tables = read_tables(study, tmp_path / "resumed")
    mlflow.set_tracking_uri(f"sqlite:///{studied}/mlflow.db")
    (other,) = runs("study")  # the same, never interrupted
    again = {run.data.tags["trial"]: timeless(run.data.metrics) for run in runs("trial")}
    assert again == numbers
    assert read_tables(other, tmp_path / "uninterrupted") == tables


def timeless(metrics):
    return {name: value for name, value in metrics.items() if name != "seconds"}


def read_tables(study, folder):
    folder.mkdir()
    return {path.name: path.read_text() for path in fetch(study, "report", folder).glob("*.csv")}


def test_sigterm_ends_the_runs_as_killed(store):
    ended = killed("SIGTERM")
    assert ended.returncode == 143, ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("interrupted: what is finished is kept")
    assert [run.info.status for run in runs("study")] == ["KILLED"]
    trials = runs("trial")
    assert sum("complete" in run.data.tags for run in trials) == 6  # the program's, all sent
    assert not [run for run in trials if run.info.status in ("RUNNING", "FAILED")]


@pytest.mark.slow
def test_a_terminal_that_closes_ends_the_runs_as_killed(store):
    script = str(provenance.ROOT / "experiments" / "init_schemes.py")
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, script, "--epochs", "10000"])
    termios.tcsetwinsize(terminal, (24, 80))
    seen = b""
    while b"init_schemes:" not in seen:  # the progress bar: training has begun
        seen += os.read(terminal, 65536)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert [run.info.status for run in runs("study")] == ["KILLED"]
    assert not [run for run in runs("trial") if run.info.status != "KILLED"]


@pytest.mark.slow
def test_a_study_runs_under_a_profiler_and_from_elsewhere(store, tmp_path):
    script = os.path.relpath(provenance.ROOT / "experiments" / "init_schemes.py", tmp_path)
    options = shlex.split("--schemes zeros default --seeds 2 --epochs 1 --width 8 --no-larger")
    command = [sys.executable, "-m", "cProfile", "-o", "profile", script, *options]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=240)
    (study,) = runs("study")
    assert study.data.tags["complete"] == "true"
    page = json.loads(fetch(study, "report/study.json", tmp_path).read_text())
    assert page["provenance"]["command"] == shlex.join(
        ["python", "experiments/init_schemes.py", *options]
    )
    assert page["provenance"]["code"] == code_hash(
        provenance.ROOT / "experiments" / "init_schemes.py"
    )


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
    assert "left out: 3 files" in capsys.readouterr().out


@pytest.mark.slow
def test_kills_at_random_moments_change_no_bit(capsys):
    kills.main(kills.Config(study=("transfer_regimes",), kills=2))
    assert "0 lost, 0 doubled, all equal bit by bit" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("place", ["sqlite", "server"])
def test_a_store_that_is_away_loses_no_value(store, capsys, place):
    writers.main(writers.Config(store=place, writers=3, values=100, away=3, pause=0.3))
    assert "300 values of 60 trials arrived once" in capsys.readouterr().out


@pytest.mark.slow
def test_a_study_runs_while_its_store_is_locked(store, capsys):
    small = replace(SMOKE, schemes=("zeros", "default"), width=8, larger=False)
    with writers.locked(store):
        main(small)
    assert "4 trials wait in" in capsys.readouterr().out
    main(small)
    assert "4 of 4 trials are in the store: 0 to train" in capsys.readouterr().out
    assert len(runs("trial")) == 4


def test_a_replica_that_diverges_is_a_result(store, tmp_path):
    train = TrainConfig(epochs=1, lr=1e30, optimizer="sgd")
    main(replace(SMOKE, schemes=("zeros", "uniform-0-1"), larger=False, train=train))
    (study,) = runs("study")
    assert study.data.tags["complete"] == "true"
    trials = runs("trial")
    assert len(trials) == 4
    for run in trials:
        metrics = run.data.metrics
        assert run.info.status == "FINISHED"
        if run.data.params["scheme"] == "zeros":  # only its last biases move
            assert "diverged_at" not in metrics
            assert {"train/loss", "val/loss", "test/loss"} <= metrics.keys()
        else:
            assert metrics["diverged_at"] in (2, 3)
            assert not metrics.keys() & {"train/loss", "val/loss", "test/loss"}
            assert metrics["test/accuracy"] == 0  # no class is named
    table = pd.read_csv(fetch(study, "report/schemes.csv", tmp_path)).set_index("arm")
    assert table["diverged"].to_dict() == {"zeros": 0, "uniform-0-1": 2}
