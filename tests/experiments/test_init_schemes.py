"""The study of weight initialisation, end to end: results, refusals, bad files, bad days."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import reports
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.sources import load
from core.device import pick
from core.errors import UserError
from core.evaluation.intervals import mean
from core.evaluation.metrics import correct
from core.training.single import fit, predict
from core.trials import Trial, programs
from experiments import init_schemes
from experiments.init_schemes import SMOKE, Config, build, grid, main
from reports.judge import judge

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
    "seconds",
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
    for run in trials.values():
        assert (
            run.data.metrics.keys() - {"initial/rule_distance", "initial/rule_p", "initial/weights"}
            == TRIAL_METRICS
        )
        assert run.data.params["scheme"] in SMOKE.schemes
    zeros = trials["zeros/1/scale=course"].data
    assert (zeros.params["scheme"], zeros.params["seed"]) == ("zeros", "1")
    assert zeros.metrics["doctor/outlook"] == 0  # cannot train
    assert zeros.metrics["doctor/rank"] == 0
    report = fetch(study, "report", tmp_path)
    page = json.loads((report / "study.json").read_text())
    assert [row["claim"] for row in page["verdicts"]] == ["W1", "W2", "W3", "W4", "W5", "W6"]
    verdicts = {row["claim"]: row for row in page["verdicts"]}
    assert "uniform-0-1" in verdicts["W2"]["lacking"]  # the arms that this run left out
    names = [exhibit["name"] for exhibit in page["exhibits"]]
    assert {"schemes", "accuracy", "loss-curves", "differences", "prognosis", "doctor"} <= set(
        names
    )
    for name in names:
        assert len(pd.read_csv(report / f"{name}.csv")) > 0
        assert (report / f"{name}.png").exists() == (name not in ("schemes", "prognosis"))
    shown = pd.read_csv(report / "schemes.csv").set_index("arm")
    own = [trials[f"zeros/{seed}/scale=course"].data.metrics["test/accuracy"] for seed in (0, 1)]
    assert shown.loc["zeros", "accuracy"] == pytest.approx(np.mean(own))
    assert shown.loc["zeros", "seeds"] == 2
    out = (study_store / "printed.txt").read_text()
    assert "device: cpu" in out
    assert "data: digits: 1,078 train, 360 val, 359 test" in out
    assert "viewStateShareKey=" in out


def test_a_trial_keeps_what_judging_needs(study_store):
    study = reports.load("init_schemes", data="digits")
    assert study["correct"].dims == ("arm", "seed", "scale", "image")
    assert study["arm"].values.tolist() == ["zeros", "uniform-centred", "uniform-rule"]
    assert study.sizes["image"] == study["label"].sizes["image"] == 359
    hits = study["correct"].sel(arm="uniform-rule", seed=0, scale="course")
    accuracy = float(study["test/accuracy"].sel(arm="uniform-rule", seed=0, scale="course"))
    assert float(hits.mean()) == pytest.approx(accuracy)
    counts = study["confusion"].sel(arm="uniform-rule", seed=0, scale="course").values
    assert counts.sum(1).tolist() == np.bincount(study["label"], minlength=10).tolist()
    assert np.trace(counts) == hits.sum()
    splits = load(SMOKE.data)
    trial = Trial("uniform-rule", 1, (("scale", "course"),))
    config = replace(SMOKE, train=SMOKE.train.resolve(len(splits.train)))
    model, dropped = build(config, splits, trial), build(config, splits, trial)
    device = pick(SMOKE.device)
    for network in (model, dropped):
        for _ in fit(network, splits.train, splits.val, config.train, 1, device):
            pass
    logits = predict(model, splits.test, device)
    seen = study.sel(arm="uniform-rule", seed=1, scale="course")
    assert (correct(logits, splits.test.labels).numpy() == seen["correct"].values).mean() > 0.99
    # Dropout left on at test: another pass than with it off, and worse on this barely trained net.
    assert 0.02 < (seen["correct"] != seen["correct_dropout"]).mean() < 0.7
    assert float(seen["correct_dropout"].mean()) == pytest.approx(
        float(seen["test/accuracy_dropout"])
    )


def test_more_seeds_and_arms_train_what_is_missing_and_give_one_fresh_runs_numbers(
    store, empty_store, monkeypatch
):
    few = replace(SMOKE, schemes=("zeros", "uniform-rule"), larger=False, seeds=2)
    main(few)
    started = {run.info.run_id for run in runs("trial")}
    main(replace(few, seeds=3))
    main(replace(few, seeds=3, schemes=("zeros", "uniform-rule", "default")))
    trials = {run.info.run_id: run.data.tags["trial"] for run in runs("trial")}
    assert started <= set(trials)
    assert len(trials) == len(set(trials.values())) == 9
    assert len(runs("study")) == 1
    grown = reports.load("init_schemes")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/fresh.db")
    shutil.copy(empty_store, store / "fresh.db")
    main(replace(few, seeds=3, schemes=("zeros", "uniform-rule", "default")))
    fresh = reports.load("init_schemes")
    assert fresh.attrs["key"] == grown.attrs["key"]
    assert fresh["arm"].values.tolist() == grown["arm"].values.tolist()
    for name in ("test/accuracy", "test/loss", "val/loss", "doctor/loss", "trained/rank"):
        np.testing.assert_allclose(fresh[name], grown[name], rtol=1e-4, err_msg=name)
    assert float((fresh["correct"] != grown["correct"]).mean()) < 0.001
    one, other = (judge(study) for study in (fresh, grown))
    assert {n: e.verdict for n, e in one.items()} == {n: e.verdict for n, e in other.items()}
    assert one["W5"].decision.estimate.value == pytest.approx(
        other["W5"].decision.estimate.value, abs=2e-3
    )


def test_an_arm_is_a_run_with_mean_interval_and_n(study_store):
    arms = {run.info.run_name: run for run in runs("arm")}
    assert set(arms) == {
        *(f"{scheme}, course" for scheme in SMOKE.schemes),
        *(f"{scheme}, larger" for scheme in init_schemes.CONTRAST),
    }
    rule = arms["uniform-rule, course"].data
    hits = reports.load("init_schemes")["correct"].sel(arm="uniform-rule", scale="course")
    expected = mean(hits.values)
    assert rule.metrics["test/accuracy"] == pytest.approx(expected.value, abs=1e-4)
    assert rule.metrics["test/accuracy_low"] == pytest.approx(expected.low, abs=1e-4)
    assert rule.metrics["test/accuracy_high"] == pytest.approx(expected.high, abs=1e-4)
    assert rule.metrics["n"] == 2
    assert (rule.params["scheme"], rule.params["scale"]) == ("uniform-rule", "course")
    assert "seed" not in rule.params
    info, trained = arms["uniform-rule, course"].info, reports.load("init_schemes")["seconds"]
    seconds = float(trained.sel(arm="uniform-rule", scale="course").sum())
    assert seconds - 0.002 < (info.end_time - info.start_time) / 1000 < seconds + 5
    (study,) = runs("study")
    assert rule.tags["mlflow.parentRunId"] == study.info.run_id
    for run in runs("trial"):
        parent = MlflowClient().get_run(run.data.tags["mlflow.parentRunId"]).info.run_name
        assert parent == f"{run.data.params['scheme']}, {run.data.params['scale']}"


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
    with pytest.raises(UserError, match="--network cnn: images of 10x10 pixels, 16x16 or more"):
        main(Config(network="cnn", device=DeviceConfig(device="cpu")))
    assert MlflowClient().get_experiment_by_name("init_schemes") is None


def test_a_store_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(UserError, match=r"sqlite:.* is wanted") as caught:
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


def test_programs_hold_every_trial_once_and_all_arms_of_a_seed():
    config = Config(seeds=5)
    trials = list(grid(config))
    assert len(set(trials)) == len(trials) == 5 * 13 + 5 * 2
    groups = list(programs(trials, lambda trial: trial.factors, 30))
    assert list(chain.from_iterable(groups)) == trials
    for group in groups:
        arms = {trial.arm for trial in group}
        assert arms in (set(config.schemes), set(init_schemes.CONTRAST))
    courses = list(grid(replace(config, larger=False)))
    assert [trial.levels for trial in courses] == [{"scale": "course"}] * 5 * 13


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
    assert all(abs(seen[f"zeros/{seed}/scale=course"] - 0.1) < 1e-6 for seed in (0, 1))
    assert all(0.78 < seen[f"uniform-rule/{seed}/scale=course"] < 0.88 for seed in (0, 1))
