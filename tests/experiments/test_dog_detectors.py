"""The study of dog detectors end to end: what is kept, what one more network trains, refusals."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

import reports
from core.device import Device
from core.errors import UserError
from core.measures.dogs import detect
from core.models import backbones
from core.models.config import RANDOM, BackboneConfig
from experiments import dog_detectors
from experiments.dog_detectors import SMOKE, Config, main, read
from reports.judge import judge
from tests.small import estimates_are_what_was_logged

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


def with_networks(config, **pairs):
    names, weights = tuple(pairs), tuple(str(source) for source in pairs.values())
    return replace(config, backbone=BackboneConfig(backbones=names, weights=weights))


@pytest.mark.parametrize(
    "backbones_", [("squeezenet1_1",), pytest.param(("vgg16",), marks=pytest.mark.slow)]
)
def test_from_folders_to_report(store, config, capsys, backbones_):
    main(with_networks(config, **dict.fromkeys(backbones_, RANDOM)))
    study = reports.load("dog_detectors")
    assert estimates_are_what_was_logged(study) == 2
    assert study["trained"].dims == ("arm", "seed", "weights")
    assert study["arm"].values.tolist() == list(backbones_)
    assert {"test/sensitivity", "test/false_alarms", "test/auc", "seconds/image"} <= set(study)
    assert study["of"].values.tolist() == [0] * 5 + [1] * 5 + [2] * 4 + [3] * 6  # the wolf moved
    assert study["image"].values[0] == "dog/0.png"
    assert study["folder"].values[study["in"].values].tolist()[-2:] == ["cat", "cat"]
    assert study.attrs["card"]["name"] == "dog + man"
    entries = judge(study)
    assert {entry.verdict for entry in entries.values()} == {"not tested"}
    assert "It takes ImageNet weights of vgg16" in entries["D3"].lacking
    exhibits = reports.exhibits(study)
    assert exhibits["detectors"].frame()["images"].tolist() == [5, 5, 4, 6] * 2
    assert len(exhibits["mistakes"].plot().axes) >= 6
    out = capsys.readouterr().out
    assert "20 test; 4 classes, 3x40x50" in out
    assert "note: 1 of the images come from ImageNet" in out
    assert "No claim was tested; the report says what each takes." in out


def test_one_more_network_or_another_file_adds_what_is_missing(store, config, tmp_path, capsys):
    """A file's content tells trials apart: one replaced under its name is measured again."""
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1().state_dict(), tmp_path / "w.pth")
    main(with_networks(config, squeezenet1_1=tmp_path / "w.pth"))
    main(with_networks(config, squeezenet1_1=tmp_path / "w.pth", shufflenet_v2_x0_5=RANDOM))
    assert "1 of 2 trials are in the store: 1 to train" in capsys.readouterr().out
    first = reports.load("dog_detectors")
    (tmp_path / "w.pth").rename(tmp_path / "moved.pth")
    main(with_networks(config, squeezenet1_1=tmp_path / "moved.pth"))  # only its place is new
    assert "1 of 1 trials are in the store: 0 to train" in capsys.readouterr().out
    torch.save(models.squeezenet1_1().state_dict(), tmp_path / "w.pth")
    main(with_networks(config, squeezenet1_1=tmp_path / "w.pth"))
    study = reports.load("dog_detectors")
    trained = study["trained"].isel(seed=0)
    assert int(trained.sel(arm="squeezenet1_1").sum()) == 2
    assert int(trained.sum()) == 3
    (known,) = (level for level in first["weights"].values if level != RANDOM)
    mass = study["mass"].sel(arm="squeezenet1_1").isel(seed=0)
    one = first["mass"].sel(arm="squeezenet1_1", weights=known).isel(seed=0)
    assert np.array_equal(mass.sel(weights=known), one)
    other = next(level for level in study["weights"].values if level not in (RANDOM, known))
    assert not np.array_equal(mass.sel(weights=other), one)
    shown = reports.exhibits(study)["pairs"].frame()
    assert {f"squeezenet1_1 ({known})", f"squeezenet1_1 ({other})"} <= {*shown["a"], *shown["b"]}


def test_the_courses_data_need_no_other_kind(store, config):
    main(replace(with_networks(config, squeezenet1_1=RANDOM), others=(), hard=()))
    study = reports.load("dog_detectors")
    assert study["kind"].values.tolist() == ["dogs", "people"]
    shown = reports.exhibits(study)
    assert shown["detectors"].frame()["images"].tolist() == [5, 5] * 2
    assert set(shown["roc"].frame()["against"]) == {"people and other things"}


def test_without_weights_or_data_it_is_one_line(config, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError, match=r"vgg16-397923af.pth and cannot be downloaded"):
        main(replace(config, backbone=BackboneConfig()))
    with pytest.raises(UserError, match=r"--dogs imagenet-sample/dog: .* is not there"):
        main(Config(data_root=tmp_path))
    with pytest.raises(UserError, match=r"^--people \(none\): one folder or more is wanted$"):
        replace(config, people=())


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
