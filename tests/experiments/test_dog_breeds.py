"""The breeds study end to end, and what it concludes from known hits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from core.results import Result, Trial
from mlflow import MlflowClient
from PIL import Image

from core.data.card import Card
from core.data.config import DataConfig
from core.errors import UserError
from core.models import features
from core.models.config import BackboneConfig
from core.training.loop import Epoch
from experiments.dog_breeds import SMOKE, Config, grid, main
from reports.dogs import SCRATCH, drifting, transfer

BREEDS = ("n02085620-Chihuahua", "n02115641-dingo", "002.Unicorn")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PLACE", tmp_path / "features")
    for index, name in enumerate(BREEDS):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(7):
            random = np.random.default_rng(10 * index + number)
            picture = random.integers(0, 120, (9, 9, 3), np.uint8)
            picture[..., index] += 100
            image = Image.fromarray(picture).resize((60, 50))
            image.save(tmp_path / "set" / name / f"{number}.png")
    data = DataConfig(data=f"folder:{tmp_path / 'set'}")
    return replace(
        SMOKE, data=data, backbone=BackboneConfig(backbones=("resnet18",), weights=("random",))
    )


def smoke(config, tmp_path):
    main(config)
    client = MlflowClient()
    place = client.get_experiment_by_name("dog_breeds").experiment_id
    (study,) = client.search_runs([place], "tags.role = 'study'")
    trials = client.search_runs([place], "tags.role = 'trial'")
    report = Path(client.download_artifacts(study.info.run_id, "report", str(tmp_path)))
    return {run.data.tags["trial"]: run.data for run in trials}, report


def test_scratch_frozen_and_drifting_arms_from_folder_to_report(store, config, tmp_path, capsys):
    trials, report = smoke(replace(config, drift=True), tmp_path)
    arms = ("resnet18", SCRATCH, drifting("resnet18"))
    assert trials.keys() == {f"{arm}/{seed}" for arm in arms for seed in (0, 1)}
    assert trials["resnet18/0"].metrics["trained/parameters"] == 512 * 3 + 3
    assert trials[f"{drifting('resnet18')}/0"].metrics["trained/parameters"] == 512 * 3 + 3
    # The course's network has 1,271,973 parameters with 133 classes; here with 3.
    assert trials["scratch/1"].metrics["trained/parameters"] == 1_271_973 - 130 * 513
    page = json.loads((report / "study.json").read_text())
    assert {row["claim"]: row["verdict"] for row in page["verdicts"]} == dict.fromkeys(
        ("T1", "D5", "D6", "T4"), "undecided"
    )
    assert page["baseline"] == pytest.approx(1 / 3)
    for exhibit in page["exhibits"]:
        assert len(pd.read_csv(report / f"{exhibit['name']}.csv")) > 0
        assert (report / f"{exhibit['name']}.png").exists() == exhibit["figure"]
    shown = pd.read_csv(report / "breeds.csv").set_index("arm")
    own = [trials[f"scratch/{seed}"].metrics["test/accuracy"] for seed in (0, 1)]
    assert shown.loc[SCRATCH, "accuracy"] == pytest.approx(np.mean(own))
    out = capsys.readouterr().out
    assert "parameters trained on top of it: {'1.weight': 1536, '1.bias': 3}" in out
    assert "ImageNet overlap" not in out  # random weights have seen nothing


@pytest.mark.slow
def test_vgg16_runs_through_the_same_code(store, config, tmp_path):
    own = replace(
        config, backbone=BackboneConfig(backbones=("vgg16",), weights=("random",)), scratch=False
    )
    trials, _ = smoke(own, tmp_path)
    assert trials["vgg16/1"].metrics["trained/parameters"] == 4096 * 3 + 3


def test_a_file_of_weights_brings_the_overlap_warning(store, config, tmp_path, capsys):
    from torchvision import models

    torch.save(models.resnet18().state_dict(), tmp_path / "own.pth")
    backbone = BackboneConfig(backbones=("resnet18",), weights=(str(tmp_path / "own.pth"),))
    _, report = smoke(replace(config, backbone=backbone, scratch=False, mirror=False), tmp_path)
    assert "note: ImageNet overlap: 2 of 3 classes" in capsys.readouterr().out
    page = json.loads((report / "study.json").read_text())
    assert "ImageNet overlap: 2 of 3" in page["data"]["warnings"][0]
    assert page["weights"] == {"resnet18": "own.pth"}


def test_heads_train_together_and_the_others_alone():
    groups = list(grid(replace(SMOKE, seeds=3, drift=True)))
    assert [len(group) for group in groups] == [3, 3] + [1] * 9
    assert len({trial for group in groups for trial in group}) == 15


def test_options_that_do_not_fit_are_refused():
    for bad, wanted in (
        ({"seeds": 1}, "--seeds 1"),
        ({"data": DataConfig(size=64)}, "--size 64"),
        ({"train": replace(SMOKE.train, keep="last")}, "--keep last"),
    ):
        with pytest.raises(UserError, match=wanted):
            Config(**bad)


def test_measures_are_those_of_a_plain_count():
    logits = torch.tensor([[3.0, 2, 1, 0, -1, -2], [0, 1, 2, 3, 4, 5], [0, 9, 0, 0, 0, 0]])
    logits = torch.cat([logits, torch.full((1, 6), torch.nan)])
    epoch = Epoch(1, 1, {name: np.array([[1.0], [2.0]]) for name in transfer.CURVES}, np.empty(0))
    found = transfer.measure(logits, torch.tensor([0, 0, 1, 0]), [epoch], 1, 7)
    assert found.metrics["test/accuracy"] == 0.5
    assert found.metrics["test/top5"] == 0.5  # sixth of six, and NaN, are not among five
    assert found.arrays["predicted"].tolist() == [0, 5, 1, -1]
    assert found.arrays["curves"].tolist() == [[2.0, 2.0, 2.0]]


def test_epochs_that_a_stopped_network_only_watched_do_not_count():
    epochs = [
        Epoch(i, i, {name: np.array([[v], [9 - v]]) for name in transfer.CURVES}, np.empty(0))
        for i, v in enumerate((3.0, 4.0, 5.0, 1.0), 1)
    ]
    logits, labels = torch.eye(6)[:2], torch.tensor([0, 1])
    first, second = (transfer.measure(logits, labels, epochs, i, 7, patience=2) for i in (0, 1))
    assert first.arrays["curves"][:, 0].tolist() == [3, 4, 5]
    assert second.metrics["trained/epochs"] == 4


def card(n_classes):
    counts = {side: [5] * n_classes for side in ("train", "val", "test")}
    names = tuple(map(str, range(n_classes)))
    return Card(
        name="x",
        source="",
        fingerprint="",
        classes=names,
        shape=(3, 1, 1),
        counts=counts,
        split="",
    )


def results(n=836, seeds=4, **shares):
    made = {}
    for arm, share in shares.items():
        for seed in range(seeds):
            hits = np.random.default_rng(seed).permutation(np.arange(n) < round(share * n))
            made[Trial(arm, seed)] = Result({}, {"correct": hits.astype(np.uint8)})
    return made


def test_t1_d5_and_d6_on_the_courses_breeds():
    made = results(scratch=0.124, resnet18=0.745, vgg16=0.99)
    weights = {"resnet18": "imagenet", "vgg16": "random"}
    found = transfer.findings(made, card(133), weights)
    assert found["T1"].decision.verdict == "supported"
    assert found["T1"].names == ("resnet18, frozen - scratch",)  # vgg16 has learnt nothing
    assert found["D5"].decision.verdict == "supported"
    assert found["D6"].decision.verdict == "supported"
    other = transfer.findings(results(scratch=0.4, resnet18=0.3), card(133), weights)
    assert other.pop("T4").decision is None  # vgg16 is not among the arms
    verdicts = {name: each.decision.verdict for name, each in other.items()}
    assert verdicts == {"T1": "refuted", "D5": "refuted", "D6": "refuted"}


def test_t4_needs_five_classes():
    made = results(n=540, seeds=8, scratch=0.2, vgg16=0.746)
    weights = {"vgg16": "imagenet"}
    assert transfer.findings(made, card(5), weights)["T4"].decision.verdict == "supported"
    assert transfer.findings(made, card(6), weights)["T4"].decision is None


def test_on_other_breeds_only_t1_is_decided():
    made = results(scratch=0.2, mobilenet_v2=0.9)
    found = transfer.findings(made, card(20), {"mobilenet_v2": "m.pth"})
    assert found["T1"].decision.verdict == "supported"
    assert found["D5"].decision is found["D6"].decision is None
    assert "20.0%" in found["D5"].comment
    assert "133 classes" in found["D5"].lacking
    assert "ResNet-18's ImageNet weights were not available" in found["D6"].lacking
