"""The study of dog detectors end to end, and what it concludes from known calls."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import reports
from core.detection.dogs import dog_mass, is_dog
from core.device import Device
from core.errors import UserError
from core.measures.dogs import detect
from core.models import backbones
from core.models.config import RANDOM, BackboneConfig
from experiments import dog_detectors
from experiments.dog_detectors import SMOKE, Config, main, read
from reports.judge import judge

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
    main(replace(config, backbone=BackboneConfig(backbones=backbones_, weights=(RANDOM,))))
    study = reports.load("dog_detectors")
    assert study["arm"].values.tolist() == list(backbones_)
    assert {"test/sensitivity", "test/false_alarms", "test/auc", "seconds/image"} <= set(study)
    assert study["of"].values.tolist() == [0] * 5 + [1] * 5 + [2] * 4 + [3] * 6  # the wolf moved
    assert study["image"].values[0] == "dog/0.png"
    entries = judge(study)
    assert {entry.verdict for entry in entries.values()} == {"not tested"}
    assert "were not available here" in entries["D3"].lacking
    exhibits = reports.exhibits(study)
    shown = exhibits["detectors"].frame()
    assert shown["dogs n"].eq(5).all()
    assert shown["others n"].eq(4).all()
    assert shown["hard n"].eq(6).all()
    assert ("pairs" in exhibits) == (len(backbones_) > 1)
    assert len(exhibits["mistakes"].plot().axes) >= 6
    out = capsys.readouterr().out
    assert "20 test; 4 classes, 3x40x50" in out
    assert "note: 1 of the images come from ImageNet" in out


def test_what_is_kept_is_what_the_network_says(config):
    strata, backbone = read(config), backbones.load("squeezenet1_1", RANDOM)
    record, images = detect(backbone, strata, CPU), strata.images(backbone.preparation)
    with torch.no_grad():
        logits = backbone(images.tensor().float() / 255)
    called, mass = (record.arrays[name][1] for name in ("called", "mass"))
    assert called.tolist() == is_dog(logits).int().tolist()
    assert np.allclose(mass, dog_mass(logits), atol=1e-6)
    assert record.metrics["test/sensitivity"] == is_dog(logits)[:5].float().mean()
    worst = record.arrays["surprising"][1]
    assert np.abs(mass - (strata.of == 0))[worst[0]] == np.abs(mass - (strata.of == 0)).max()
    assert record.arrays["picture"][1].shape == (20, 96, 96, 3)


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
    record = detect(backbones.load("mobilenet_v2", str(weights)), strata, CPU)
    called = record.arrays["called"][1]
    assert called[strata.of == 0].mean() >= 0.97
    assert called[(strata.of == 1) | (strata.of == 2)].mean() <= 0.02
