"""The study of dog detectors end to end, and what it concludes from known calls."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

from core.detection.dogs import dog_mass, is_dog
from core.device import Device
from core.errors import UserError
from core.models import backbones
from core.models.config import BackboneConfig
from core.results import Result, Trial
from experiments import dog_detectors
from experiments.dog_detectors import SMOKE, Config, detect, main, read
from reports.dogs import detectors, halves

CPU = Device(torch.device("cpu"), bfloat16=False)
FOLDERS = {"dogs": "dog", "people": "man", "others": "thing", "hard": "cat"}


@pytest.fixture
def config(tmp_path):
    for index, name in enumerate(FOLDERS.values()):
        (tmp_path / name).mkdir()
        for number in range(5):
            noise = np.random.default_rng(10 * index + number).integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(noise).resize((50, 40)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "thing" / "4.png").rename(tmp_path / "thing" / "n02114548_white_wolf.png")
    return replace(SMOKE, data_root=tmp_path, **{k: (Path(v),) for k, v in FOLDERS.items()})


@pytest.mark.parametrize(
    "backbones_", [("resnet18", "squeezenet1_1"), pytest.param(("vgg16",), marks=pytest.mark.slow)]
)
def test_from_folders_to_report(store, config, tmp_path, capsys, backbones_):
    main(replace(config, backbone=BackboneConfig(backbones=backbones_, weights=("random",))))
    client = MlflowClient()
    place = client.get_experiment_by_name("dog_detectors").experiment_id
    (study,) = client.search_runs([place], "tags.role = 'study'")
    trials = client.search_runs([place], "tags.role = 'trial'")
    assert {run.data.params["backbone"] for run in trials} == set(backbones_)
    names = {"test/sensitivity", "test/false_alarms", "test/auc"}
    assert all(run.data.metrics.keys() == names for run in trials)
    report = Path(client.download_artifacts(study.info.run_id, "report", str(tmp_path)))
    page = json.loads((report / "study.json").read_text())
    assert page["weights"] == dict.fromkeys(backbones_, "random")
    verdicts = {row["claim"]: row for row in page["verdicts"]}
    assert verdicts["D3"]["verdict"] == verdicts["D4"]["verdict"] == "undecided"
    assert "were not available here" in verdicts["D3"]["needed"]
    shown = pd.read_csv(report / "detectors.csv")
    assert shown["dogs n"].eq(5).all()
    assert shown["others n"].eq(4).all()
    assert shown["hard n"].eq(6).all()  # the wolf moved here
    for exhibit in page["exhibits"]:
        assert len(pd.read_csv(report / f"{exhibit['name']}.csv")) > 0
        assert (report / f"{exhibit['name']}.png").exists() == exhibit["figure"]
    out = capsys.readouterr().out
    assert "20 test; 4 classes, 3x40x50" in out
    assert "note: 1 of the images come from ImageNet" in out


def test_what_is_logged_is_what_the_network_says(config):
    strata, backbone = read(config), backbones.load("squeezenet1_1", "random")
    result, images = detect(backbone, strata, CPU), strata.images(backbone.preparation)
    with torch.no_grad():
        logits = backbone(images.take(torch.arange(20)).tensor().float() / 255)
    assert result.arrays["called"].tolist() == is_dog(logits).int().tolist()
    assert np.allclose(result.arrays["mass"], dog_mass(logits), atol=1e-6)
    assert result.metrics["test/sensitivity"] == is_dog(logits)[:5].float().mean()


def results(**masses):
    """Make results in which a network calls a dog what has a mass above one half."""
    made = {}
    for arm, mass in masses.items():
        called, top = (mass > 0.5).astype(np.uint8), np.zeros(len(mass), dtype=np.int64)
        made[Trial(arm, 0)] = Result({}, {"mass": mass, "called": called, "top": top})
    return made


class Known:
    """Strata of known sizes, without files."""

    def __init__(self, *sizes):
        self.of = np.repeat(np.arange(4), sizes)
        self.half = np.arange(len(self.of)) % 2


def test_d3_and_d4_follow_the_calls_and_leave_hard_ones_out():
    strata = Known(400, 300, 300, 100)
    good = np.where(strata.of == 0, 0.9, 0.1)
    good[strata.of == 3] = 0.99  # every wolf is called a dog: a comment, no part of the verdict
    poor = good.copy()
    poor[:60] = 0.2
    weights = {"vgg16": "imagenet", "resnet18": "imagenet"}
    found = detectors.findings(results(vgg16=poor, resnet18=good), strata, weights)
    assert found["D3"].decision.verdict == "refuted"  # 85 % of dogs
    assert found["D4"].decision.verdict == "supported"
    assert found["D4"].decision.estimate.value == pytest.approx(0.06)
    assert "ResNet-18 on 60, VGG16 on 0 images" in found["D4"].comment
    assert "100.0% (" in found["D3"].comment
    swapped = detectors.findings(results(vgg16=good, resnet18=poor), strata, weights)
    assert swapped["D3"].decision.verdict == "supported"
    assert swapped["D4"].decision.verdict == "refuted"


def test_random_weights_decide_nothing():
    strata = Known(20, 20, 20, 20)
    made = results(vgg16=np.full(80, 0.1), resnet18=np.full(80, 0.9))
    found = detectors.findings(made, strata, {"vgg16": "random", "resnet18": "r18.pth"})
    assert found["D3"].decision is found["D4"].decision is None
    assert "weights of vgg16 were not available" in found["D3"].lacking


def test_an_image_is_never_called_by_a_threshold_that_it_chose():
    strata = Known(40, 40, 40, 10)
    mass = np.random.default_rng(0).random(130) * 0.5 + 0.5 * (strata.of == 0)
    whole = halves.crossed_threshold(mass, strata)
    for half, threshold in halves.thresholds(mass, strata).items():
        changed, own = mass.copy(), strata.half == half
        changed[own] = 0.7
        assert halves.thresholds(changed, strata)[half] == threshold
        assert np.array_equal(whole[own], mass[own] >= threshold)
    hard = mass.copy()
    hard[strata.of == 3] = 1
    assert halves.thresholds(hard, strata) == halves.thresholds(mass, strata)


def test_without_weights_or_data_it_is_one_line(config, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError, match=r"vgg16-397923af.pth and cannot be downloaded"):
        main(replace(config, backbone=BackboneConfig()))
    with pytest.raises(UserError, match=r"--dogs imagenet-sample/dog: .* is not there"):
        main(Config(data_root=tmp_path))


def test_a_wrong_option_is_one_line():
    script = [sys.executable, dog_detectors.__file__]
    done = subprocess.run([*script, "--limit", "1"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "--limit 1: 4 to 1,000,000,000 is wanted\n"


@pytest.mark.real_data
@pytest.mark.slow
def test_mobilenet_finds_97_percent_of_dogs_with_2_percent_false_alarms(real_data):
    weights = real_data("../weights/mobilenet_v2_imagenet.pth")
    root = real_data("imagenet-sample").parent
    strata = read(Config(dogs=(Path("imagenet-sample/dog"),), limit=100, data_root=root))
    called = detect(backbones.load("mobilenet_v2", str(weights)), strata, CPU).arrays["called"]
    assert called[strata.of == 0].mean() >= 0.97
    assert called[(strata.of == 1) | (strata.of == 2)].mean() <= 0.02
