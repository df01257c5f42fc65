"""The study of autoencoders, end to end: results, refusals, odd folders."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from PIL import Image

from core.data.config import DataConfig
from core.errors import UserError
from core.models.autoencoders import NETWORKS
from core.training import seeds
from experiments import autoencoders
from experiments.autoencoders import ARMS, SMOKE, Config, grid, main

METRICS = {
    "train/loss",
    "val/loss",
    "test/mse",
    "test/psnr",
    "test/ssim",
    "test/checkerboard",
    "test/probe_accuracy",
    "code/size",
    "code/dead",
    "code/active",
    "parameters",
}


def runs(role):
    client = MlflowClient()
    place = client.get_experiment_by_name("autoencoders").experiment_id
    return client.search_runs([place], f"tags.role = '{role}'")


def report(folder):
    (study,) = runs("study")
    path = Path(MlflowClient().download_artifacts(study.info.run_id, "report", str(folder)))
    return path, json.loads((path / "study.json").read_text())


def test_a_smoke_run_from_data_to_verdict(store, tmp_path):
    main(SMOKE)
    trials = {run.data.tags["trial"]: run.data for run in runs("trial")}
    assert len(trials) == 2 * (6 + 2 + 1)  # arms, one further code size of two kinds, one noise
    for data in trials.values():
        assert data.metrics.keys() == METRICS
    assert trials["transposed/1"].params["network"] == "transposed"
    assert trials["denoising/0/noise=1.0"].params["noise"] == "1.0"
    assert trials["linear-code/0"].metrics["code/size"] == 16
    assert trials["linear-code/0/channels=1"].metrics["code/size"] == 4
    path, page = report(tmp_path)
    assert [row["claim"] for row in page["verdicts"]] == ["A1", "A2", "A3", "A4", "A5"]
    verdicts = {row["claim"]: row for row in page["verdicts"]}
    assert "transposed-decoder" in verdicts["A2"]["needed"]  # left out of this run
    assert len(verdicts["A4"]["parts"]) == 3
    assert verdicts["A4"]["parts"][0]["n_images"] == 359
    for exhibit in page["exhibits"]:
        assert len(pd.read_csv(path / f"{exhibit['name']}.csv")) > 0
        assert (path / f"{exhibit['name']}.png").exists() == exhibit["figure"]
    networks = pd.read_csv(path / "networks.csv").set_index("network")
    both = [trials[f"linear/{seed}"].metrics["test/mse"] for seed in (0, 1)]
    assert networks.loc["linear", "mse"] == pytest.approx(np.mean(both), rel=1e-5)
    baselines = pd.read_csv(path / "baselines.csv").set_index("baseline")["mse"]
    assert baselines["PCA-16"] < baselines["PCA-4"] < baselines["mean image"]
    assert baselines["least squares"] < baselines["PCA"] < baselines["noisy"]
    heat = pd.read_csv(path / "noise-levels.csv")
    assert set(heat["trained"]) == {"0", "0.5", "1", "least squares"}


@pytest.fixture
def odd_folder(tmp_path):
    """30x30, grey and colour mixed, one image constant."""
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for index in range(12):
            shape = (30, 30) if index % 2 else (30, 30, 3)
            pixels = random.integers(0, 256, shape, dtype=np.uint8)
            if index == 0:
                pixels[:] = 90 if label == "a" else 160
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{index}.png")
    return tmp_path / "images"


def test_a_folder_of_30_pixels_grey_and_colour_with_a_constant_image(store, tmp_path, odd_folder):
    arms = ("transposed", "upsampling", "denoising", "clean")
    data = DataConfig(data=f"folder:{odd_folder}")
    main(replace(SMOKE, data=data, arms=arms, noise=(), channels=()))
    path, page = report(tmp_path)
    assert page["data"]["shape"] == [3, 30, 30]
    networks = pd.read_csv(path / "networks.csv")
    assert np.isfinite(networks.drop(columns="network").to_numpy()).all()


def test_images_too_small_are_refused_before_anything_is_stored(store, tmp_path):
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for index in range(10):
            pixels = random.integers(0, 256, (7, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{index}.png")
    with pytest.raises(UserError, match="7x7 pixels, 8x8 or more are wanted"):
        main(replace(SMOKE, data=DataConfig(data=f"folder:{tmp_path}")))
    assert MlflowClient().get_experiment_by_name("autoencoders") is None


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("arms", ("vae",), "--arms vae: one or more of linear, "),
        (
            "arms",
            ("linear", "linear"),
            "--arms linear linear: one or more names, none of them twice",
        ),
        ("seeds", 1, "--seeds 1: 2 to 10,000"),
        ("noise", (0.5,), "--noise 0.5: levels that are not 0.5, each once"),
        ("noise", (-1.0,), "--noise -1.0: a number above 0 and up to 100"),
        ("channels", (0,), "--channels 0: 1 to 256"),
        ("epochs", 0, "--epochs 0: 1 to 1,000,000"),
        ("batch_size", 0, "--batch-size 0: 1 to 1,000,000"),
        ("lr", 0.0, "--lr 0.0: a number above 0"),
    ],
)
def test_bad_options_are_named(option, value, message):
    with pytest.raises(UserError, match=message):
        Config(**{option: value})


def test_the_courses_set_up_is_the_default_on_large_sets():
    large = {arm: Config().settle(arm, 48_000) for arm in ARMS}
    assert large["transposed"].epochs == 30
    assert large["denoising"].epochs == 20
    assert {(each.batch_size, each.lr, each.optimizer) for each in large.values()} == {
        (20, 1e-3, "adam")
    }


def test_the_arms_are_the_networks_and_groups_are_seeds():
    assert set(ARMS) == set(NETWORKS)
    groups = list(grid(Config(seeds=3)))
    assert all([trial.seed for trial in group] == [0, 1, 2] for group in groups)
    keys = [trial.key for group in groups for trial in group]
    assert len(keys) == len(set(keys)) == 3 * (9 + 2 * 2 + 2)


def test_a_loss_that_is_not_finite_ends_in_one_line(store, monkeypatch):
    def diverge(*_):
        raise FloatingPointError("loss nan at step 7, epoch 1")
        yield

    monkeypatch.setattr(seeds, "fit_seeds", diverge)
    with pytest.raises(UserError, match=r"--lr 0.005: linear: loss nan at step 7.*lower rate"):
        main(replace(SMOKE, arms=("linear",)))


def test_help_answers_without_torch():
    script = Path(autoencoders.__file__)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import experiments.autoencoders; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(script.parents[1])], check=True)
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert "--arms" in done.stdout
