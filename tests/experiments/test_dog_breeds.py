"""The breeds study end to end: which networks it trains, and what of each it keeps."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

import reports
from core.data.augment import mirror_and_shift
from core.data.config import DataConfig
from core.data.decode import decode
from core.data.images import concatenated
from core.data.sources import load
from core.device import pick
from core.errors import UserError
from core.evaluation.metrics import correct
from core.models import backbones, features, kept
from core.models.config import DRIFTING, FROZEN, SCRATCH, TRAINED, BackboneConfig
from core.models.networks import linear_head
from core.store import Store
from core.training.single import fit, predict
from core.trials import programs
from experiments.dog_breeds import SMOKE, Config, alike, grid, heads, main, network
from reports.judge import judge
from reports.studies import collect

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


def test_scratch_frozen_and_drifting_networks_from_folder_to_dataset(store, config, capsys):
    main(config)
    study = reports.load("dog_breeds")
    assert study["trunk"].values.tolist() == [FROZEN, TRAINED]
    main(replace(config, drift=True))
    assert "4 of 6 trials are in the store: 2 to train" in capsys.readouterr().out
    study = reports.load("dog_breeds")
    assert study["arm"].values.tolist() == ["resnet18", SCRATCH]
    assert study["trunk"].values.tolist() == [FROZEN, DRIFTING, TRAINED]
    trained = study["trained"].all("seed")
    assert {
        (arm, trunk)
        for arm in study["arm"].values.tolist()
        for trunk in study["trunk"].values.tolist()
        if trained.sel(arm=arm, trunk=trunk)
    } == {("resnet18", FROZEN), ("resnet18", DRIFTING), (SCRATCH, TRAINED)}
    sizes = study["trained/parameters"].sel(seed=0)
    assert sizes.sel(arm="resnet18", trunk=FROZEN) == 512 * 3 + 3
    assert sizes.sel(arm="resnet18", trunk=DRIFTING) == 512 * 3 + 3
    # The course's network has 1,271,973 parameters with 133 classes; here with 3.
    assert sizes.sel(arm=SCRATCH, trunk=TRAINED) == 1_271_973 - 130 * 513
    for arm, trunk in (("resnet18", FROZEN), ("resnet18", DRIFTING), (SCRATCH, TRAINED)):
        for seed in (0, 1):
            own = study.sel(arm=arm, trunk=trunk, seed=seed)
            assert ((own["prediction"] == own["label"]) == own["correct"]).all()
            assert float(own["correct"].mean()) == pytest.approx(float(own["test/accuracy"]))
            assert int(own["val/loss"].notnull().sum()) == own["trained/epochs"] == 2
    assert study["shown"].values.tolist() == study["image"].values.tolist()
    assert study["picture"].shape == (study.sizes["image"], 3, 96, 96)
    brightest = study["picture"].mean(("y", "x")).argmax("channel").values
    painted = [BREEDS.index(name) for name in study.attrs["card"]["classes"]]
    assert brightest.tolist() == [painted[label] for label in study["label"].values]
    assert study.attrs["facts"]["weights"] == {"resnet18": "random"}
    assert {name: entry.verdict for name, entry in judge(study).items()} == dict.fromkeys(
        ("T1", "D5", "D6", "T4"), "not tested"
    )
    out = capsys.readouterr().out
    assert "ImageNet overlap" not in out  # random weights have seen nothing
    runs = MlflowClient().search_runs(
        [MlflowClient().get_experiment_by_name("dog_breeds").experiment_id],
        "tags.role = 'trial'",
    )
    assert {(run.data.params["network"], run.data.params["trunk"]) for run in runs} == {
        ("resnet18", FROZEN),
        ("resnet18", DRIFTING),
        (SCRATCH, TRAINED),
    }


def test_networks_of_seed_0_are_kept_where_asked_for_and_name_the_test_images(
    store, config, tmp_path, capsys
):
    config = replace(config, scratch=True, drift=True)
    main(config)
    ids = {run.tags["trial"]: run.id for run in Store().runs("tags.role = 'trial'")}
    capsys.readouterr()
    main(replace(config, keep_networks=True))
    assert "trained again, to keep the network: resnet18/0/" in capsys.readouterr().out
    runs = Store().runs("tags.role = 'trial'")
    assert {run.tags["trial"]: run.id for run in runs} == ids  # numbers and runs stay
    having = {run.tags["trial"]: run for run in runs if run.tags.get("kept") == "true"}
    assert {key.split("/")[1] for key in having} == {"0"}
    assert len(having) == 3
    study = reports.load("dog_breeds")
    pictures = sorted((tmp_path / "set").rglob("*.png"))
    for key, run in having.items():
        found = kept.load(Path(run.artifacts.removeprefix("file://"), kept.FILE))
        own = study.sel(arm=key.split("/")[0], trunk=key.split("=")[1], seed=0)
        shown = [next(p for p in pictures if str(p).endswith(n)) for n in own["image"].values]
        answers = found.probabilities([decode(path) for path in shown]).argmax(-1)
        assert answers.tolist() == own["prediction"].astype(int).values.tolist()
    main(replace(config, keep_networks=True))
    assert "trained again" not in capsys.readouterr().out


@pytest.mark.parametrize("mirror", [True, False])
def test_heads_on_cached_features_are_heads_on_the_network(config, mirror, capsys):
    """Train each head on the frozen network's own outputs, mirrored images too where asked for."""
    backbone = backbones.load("resnet18", "random")
    splits, device = load(config.data, backbone.preparation), pick(config.device)
    train_config = replace(config.train, epochs=6, patience=1, lr=0.02, batch_size=4)
    config = replace(config, mirror=mirror, train=train_config)
    trials = [trial for trial in grid(config) if trial.levels["trunk"] == FROZEN]
    job = SimpleNamespace(trials=trials, checkpoint=None, epoch=lambda epoch: None)
    found = heads(config, backbone, splits, device, job)
    assert "parameters trained on top of it: {'1.weight': 1536, '1.bias': 3}" in (
        capsys.readouterr().out
    )
    trunk = backbone.trunk().freeze()
    parts = [splits.train, splits.train.mirrored()] if mirror else [splits.train]
    with torch.no_grad():
        train, val, test = (
            replace(part, pixels=trunk(part.tensor() / 255)[:, :, None, None])
            for part in (concatenated(parts), splits.val, splits.test)
        )
    for trial, record in zip(trials, found, strict=True):
        head = linear_head(512, 3, trial.seed)
        epochs = list(fit(head, train, val, config.train, trial.seed, device))
        assert record.curves["train/loss"] == pytest.approx(
            [epoch.metrics["train/loss"].item() for epoch in epochs], rel=1e-3
        )
        hits = correct(predict(head, test, device), test.labels)
        assert record.arrays["correct"][1].tolist() == hits.int().tolist()


@pytest.mark.parametrize("trunk", [DRIFTING, TRAINED])
def test_networks_of_their_own_see_changed_images_and_drift(config, monkeypatch, trunk):
    backbone = backbones.load("resnet18", "random")
    splits, seen = load(config.data, backbone.preparation), []
    config = replace(config, drift=True, train=config.train.resolve(len(splits.train)))

    def spy(model, train, val, config, seed, device, augment, checkpoint):
        seen.append((model, augment, seed))
        return fit(model, train, val, config, seed, device, augment, checkpoint)

    monkeypatch.setattr("core.training.single.fit", spy)
    (trial,) = (t for t in grid(config) if t.levels["trunk"] == trunk and t.seed == 1)
    job = SimpleNamespace(trials=[trial], checkpoint=None, epoch=lambda epoch: None)
    network(config, splits, pick(config.device), job)
    ((model, augment, seed),) = seen
    assert (augment, seed) == (mirror_and_shift, 1)
    if trunk == DRIFTING:
        ours, theirs = (net.state_dict() for net in (model[0], backbone.trunk()))
        assert torch.equal(ours["network.conv1.weight"], theirs["network.conv1.weight"])
        mean = "network.bn1.running_mean"
        assert not torch.equal(ours[mean], theirs[mean])


@pytest.mark.slow
@pytest.mark.slow
def test_vgg16_runs_through_the_same_code(store, config):
    backbone = BackboneConfig(backbones=("vgg16",), weights=("random",))
    main(replace(config, backbone=backbone, scratch=False))
    study = reports.load("dog_breeds")
    assert study["trained/parameters"].sel(arm="vgg16", trunk=FROZEN, seed=1) == 4096 * 3 + 3


def test_a_file_of_weights_brings_the_overlap_warning_and_counts_by_its_content(
    store, config, tmp_path, capsys
):
    from torchvision import models

    torch.manual_seed(0)
    torch.save(models.resnet18().state_dict(), tmp_path / "own.pth")
    backbone = BackboneConfig(backbones=("resnet18",), weights=(str(tmp_path / "own.pth"),))
    config = replace(config, backbone=backbone, scratch=False, mirror=False)
    main(config)
    assert "note: ImageNet overlap: 2 of 3 classes" in capsys.readouterr().out
    study = reports.load("dog_breeds")
    assert "ImageNet overlap: 2 of 3" in study.attrs["card"]["warnings"][0]
    assert len(study.attrs["facts"]["weights"]["resnet18"]) == 64  # sha256
    torch.save(models.resnet18().state_dict(), tmp_path / "own.pth")
    main(config)
    assert "trials are in the store" not in capsys.readouterr().out
    assert len(collect(Store(), ["dog_breeds"]).studies) == 2


def test_heads_train_together_and_the_others_alone():
    groups = list(programs(grid(replace(SMOKE, seeds=3, drift=True)), alike, 3))
    assert [len(group) for group in groups] == [3, 3] + [1] * 9
    assert len({trial for group in groups for trial in group}) == 15
    assert not [t for t in grid(replace(SMOKE, scratch=False)) if t.arm == SCRATCH]


def test_options_that_do_not_fit_are_refused():
    for bad, wanted in (
        ({"seeds": 1}, "--seeds 1"),
        ({"data": DataConfig(size=64)}, "--size 64"),
        ({"train": replace(SMOKE.train, keep="last")}, "--keep last"),
        ({"drift": True, "train": replace(SMOKE.train, batch_size=1)}, "--batch-size 1: 2 or more"),
    ):
        with pytest.raises(UserError, match=wanted):
            Config(**bad)
