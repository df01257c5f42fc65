"""Strategies on a torchvision trunk: what is trained, and which statistics move."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.config import TrainConfig
from core.data.config import DataConfig
from core.data.tasks import folder_tasks
from core.device import Device
from core.errors import UserError
from core.models import features
from core.models.backbones import digest
from core.models.regimes import STRATEGIES
from core.results import Trial
from core.training import loop, transfer
from core.training.transfer import Large
from experiments.transfer_regimes import Config

CPU = Device(torch.device("cpu"), bfloat16=False)


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PLACE", tmp_path / "features")
    return Large("resnet18", "random", 32, CPU)


@pytest.fixture
def tasks(large, tmp_path):
    configs = []
    for index, kind in enumerate(("near", "far")):
        for label in ("a", "b", "c")[: 3 - index]:
            (tmp_path / kind / label).mkdir(parents=True)
            for number in range(12):
                key = sum(map(ord, kind + label)) + 50 * number
                noise = np.random.default_rng(key).integers(0, 256, (9, 9, 3), np.uint8)
                place = tmp_path / kind / label / f"{number}.png"
                Image.fromarray(noise).resize((40, 40)).save(place)
        configs.append(DataConfig(data=f"folder:{tmp_path / kind}"))
    return folder_tasks(*configs, large.preparation, per_class=5)


def test_the_cells_share_their_test_images_and_no_training_image(tasks, large):
    assert [(c.name, c.n_classes, len(c.train)) for c in tasks.cells] == [
        ("small, similar", 3, 15),
        ("large, similar", 3, len(tasks.cells[1].train)),
        ("small, different", 2, 10),
        ("large, different", 2, len(tasks.cells[3].train)),
    ]
    assert torch.equal(tasks.cells[0].test.pixels, tasks.cells[1].test.pixels)
    assert tasks.cells[0].train.shape == (3, 32, 32)
    assert sum(tasks.card.counts["large, different: test"][3:]) == len(tasks.cells[3].test)
    assert tasks.source is None


@pytest.mark.parametrize("arm", ["head", "cut", "fine-tune"])
def test_a_group_gives_one_row_a_trial(tasks, large, tmp_path, arm):
    before, task = digest(large.backbone), tasks.cells[0]
    group = [Trial(arm, seed) for seed in (0, 1)]
    config = TrainConfig(epochs=1, batch_size=8)
    found = large.train(group, task, config, tmp_path / "c.pt")
    assert found.logits.shape == (2, len(task.test), 3)
    assert np.isfinite(found.losses).all()
    assert digest(large.backbone) == before
    width = {"head": 512, "cut": 64, "fine-tune": 512}[arm]
    trunk = 11_176_512 if arm == "fine-tune" else 0  # resnet18 without its head
    assert found.parameters == [trunk + 3 * width + 3] * 2


def test_each_strategy_trains_at_the_rate_with_the_lowest_loss_on_images_held_out(
    tasks, large, tmp_path, monkeypatch
):
    seen, losses = [], {("fine-tune", 1e-3): 2.0, ("fine-tune", 1e-4): 1.0, ("scratch", 1e-3): 0.5}
    arms = ["fine-tune", "scratch"]

    def pretend(models, seeds, train, val, configs, device, checkpoint=None):
        seen.append((seeds, len(train), [config.lr for config in configs]))
        if val is None:
            rows = {"train/loss": np.full((len(models), 1), 0.25)}
        else:
            assert len(train) + len(val) == 15
            rate = configs[0].lr
            if rate == 1e-2:
                raise FloatingPointError("loss not finite in epoch 1")
            rows = {"val/loss": np.array([[losses.get((arm, rate), 9.0)] for arm in arms])}
        return [loop.Epoch(1, 1, rows, np.zeros((1, len(models), 1)))]

    monkeypatch.setattr(transfer, "fit_apart", pretend)
    large.rates = (1e-2, 1e-3, 1e-4)
    group = [Trial(arm, seed) for seed in (4, 7) for arm in arms]
    found = large.train(group, tasks.cells[0], TrainConfig(epochs=1, batch_size=8), tmp_path / "c")
    assert found.rates == [1e-4, 1e-3, 1e-4, 1e-3]
    assert found.losses == [0.25] * 4
    assert seen[:3] == [([4, 4], 12, [rate] * 2) for rate in (1e-2, 1e-3, 1e-4)]
    assert seen[3:] == [([4, 4, 7, 7], 15, found.rates)]


def test_one_rate_is_not_searched_for(tasks, large, tmp_path):
    large.rates = (5e-4,)
    found = large.train(
        [Trial("scratch", 0)],
        tasks.cells[2],
        TrainConfig(epochs=1, batch_size=8),
        tmp_path / "c.pt",
    )
    assert found.rates == [5e-4]


def test_only_random_weights_learn_statistics(large):
    moved = {}
    for name in ("fine-tune", "scratch", "statistics", "shuffled"):
        trunk = large._begin(STRATEGIES[name], seed=1)
        before = trunk.state_dict()["network.bn1.running_mean"].clone()
        trunk.train()(torch.rand(4, 3, 32, 32))
        moved[name] = not torch.equal(trunk.state_dict()["network.bn1.running_mean"], before)
        assert all(value.requires_grad for value in trunk.parameters())
    assert moved == {"fine-tune": False, "scratch": True, "statistics": False, "shuffled": False}


def test_the_advice_needs_no_source(tasks, large):
    advice = large.advise(tasks.cells[0], seed=0)
    assert len(advice.probes) == 3
    assert np.isnan(advice.distance)
    assert advice.per_class == 5


def test_data_sets_and_networks_go_together():
    with pytest.raises(UserError, match=r"--similar \(none\): a data set with --network NAME"):
        Config(network="resnet18")
    with pytest.raises(UserError, match="--different digits: a data set with --network"):
        Config(different="digits")
