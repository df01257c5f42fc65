"""Strategies on both kinds of networks: what is trained, at which rate, which statistics move."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from core.config import TrainConfig
from core.data.config import DataConfig
from core.data.tasks import Task, folder_tasks, tasks
from core.device import Device
from core.models import features
from core.models.backbones import digest
from core.models.networks import transferred
from core.models.strategies import STRATEGIES
from core.training import loop, transfer
from core.training.single import fit, predict
from core.training.transfer import Large, Small
from core.trials import Trial

CPU = Device(torch.device("cpu"), bfloat16=False)
WHOLE = ["fine-tune", "scratch", "statistics", "shuffled"]


def job(arms, seed=0):
    """Trials of one seed that train as one program, and what they told of their epochs."""
    told = []
    trials = tuple(Trial(arm, seed) for arm in arms)
    return SimpleNamespace(trials=trials, checkpoint=None, told=told, epoch=told.append)


@pytest.fixture(scope="module")
def small():
    grid = tasks(16, 10, 0)
    return Small(grid.source, TrainConfig(epochs=2, batch_size=16, lr=3e-3), CPU), grid.cells[0]


def test_a_network_is_pretrained_once_a_seed_whatever_else_is(small):
    bench, _ = small
    assert bench.network(3) is bench.network(3)
    alone = Small(bench.source, bench.config, CPU)
    assert digest(alone.network(3)) == digest(bench.network(3)) != digest(bench.network(4))
    still = Small(bench.source, TrainConfig(epochs=1, batch_size=16, lr=1e-9), CPU)
    first, other = (still.network(seed).stage1[0].weight for seed in (3, 4))
    assert not torch.allclose(first, other, atol=0.01)  # each from its own weights


@pytest.mark.parametrize("arms", [["head"], ["cut"], WHOLE])
def test_small_networks_train_as_each_would_alone(small, arms):
    """Heads see cached features: the same numbers as a frozen network that is run every step."""
    bench, task = small
    images, config = task.train(1), TrainConfig(epochs=8, batch_size=16, lr=0.01)
    together = job(arms, seed=1)
    found = bench.train(together, images, task, config)
    assert len(together.told) == 8
    assert together.told[0].metrics["train/loss"].size == len(arms)
    for logits, arm, n in zip(found.logits, arms, found.parameters, strict=True):
        model = transferred(STRATEGIES[arm], bench.network(1), images.shape, task.n_classes, 1)
        before = digest(model.stage1)
        for _ in fit(model, images, None, config, 1, CPU):
            pass
        assert (digest(model.stage1) == before) == STRATEGIES[arm].frozen
        assert torch.allclose(logits, predict(model, task.test, CPU), atol=1e-3)
        assert n == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert found.rates == [0.01] * len(arms)


def test_a_look_is_at_the_seeds_own_network_and_images(small):
    bench, task = small
    looks = [bench.look(task.train(seed), network) for seed, network in ((0, 0), (1, 0), (0, 1))]
    assert len({seen.probes for seen in looks}) == 3
    assert all(seen.per_class == 10 and seen.distance > 0 for seen in looks)


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PLACE", tmp_path / "features")
    return Large("resnet18", "random", 32, CPU)


@pytest.fixture
def grid(large, tmp_path):
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


def test_the_cells_share_their_test_images_and_no_training_image(grid):
    assert [(c.name, c.n_classes, len(c.train(0))) for c in grid.cells] == [
        ("small, similar", 3, 15),
        ("large, similar", 3, len(grid.cells[1].images)),
        ("small, different", 2, 10),
        ("large, different", 2, len(grid.cells[3].images)),
    ]
    assert torch.equal(grid.cells[0].test.pixels, grid.cells[1].test.pixels)
    assert set(grid.cells[0].images.names).isdisjoint(grid.cells[0].test.names)
    assert grid.cells[0].images.shape == (3, 32, 32)
    assert sum(grid.card.counts["large, different: test"][3:]) == len(grid.cells[3].test)
    assert grid.source is None


@pytest.mark.parametrize(("arms", "trained"), [(["head"], 512), (["cut"], 64), (WHOLE, 512)])
def test_large_networks_train_heads_or_all(grid, large, arms, trained):
    before, task = digest(large.backbone), grid.cells[0]
    large.rates = (1e-3,)
    told = job(arms)
    found = large.train(told, task.train(0), task, TrainConfig(epochs=1, batch_size=8))
    assert found.logits.shape == (len(arms), len(task.test), 3)
    assert found.logits.isfinite().all()
    assert len(told.told) == 1
    assert digest(large.backbone) == before
    trunk = 11_176_512 if arms == WHOLE else 0  # resnet18 without its head
    assert found.parameters == [trunk + 3 * trained + 3] * len(arms)


def pretended(losses, seen, held):
    """Return a `fit_apart` that trains nothing and knows the loss of every arm at every rate."""

    def pretend(models, seeds, train, val, configs, device, checkpoint=None):
        rates = [config.lr for config in configs]
        seen.append((list(seeds), len(train), rates))
        rows = {"train/loss": np.full((len(models), 1), 0.25)}
        if val is not None:
            assert len(train) + len(val) == 15
            assert not set(train.names) & set(val.names)
            held.append(val.names)
            found = [losses[model, rate] for model, rate in zip(models, rates, strict=True)]
            if any(loss is None for loss in found):
                raise FloatingPointError("loss not finite in epoch 1")
            rows = {"val/loss": np.array(found)[:, None]}
        return [loop.Epoch(1, 1, rows, np.zeros((1, len(models), 1)))]

    return pretend


def test_each_strategy_trains_at_the_rate_with_the_lowest_loss_on_images_held_out(
    grid, large, monkeypatch
):
    seen, held, task = [], [], grid.cells[0]
    losses = {
        ("fine-tune", 1e-2): None,  # diverges, which costs `scratch` nothing
        ("fine-tune", 1e-3): 2.0,
        ("fine-tune", 1e-4): 1.0,
        ("scratch", 1e-2): 0.5,
        ("scratch", 1e-3): 0.7,
        ("scratch", 1e-4): 0.9,
    }
    monkeypatch.setattr(transfer, "fit_apart", pretended(losses, seen, held))
    monkeypatch.setattr(large, "_whole", lambda trials, task: [trial.arm for trial in trials])
    monkeypatch.setattr(transfer, "predict", lambda *rest: torch.zeros(2, 3))
    monkeypatch.setattr(transfer, "_size", lambda model: 1)
    large.rates = (1e-2, 1e-3, 1e-4)
    config = TrainConfig(epochs=1, batch_size=8)
    found = large.train(job(["fine-tune", "scratch"], 7), task.train(7), task, config)
    assert found.rates == [1e-4, 1e-2]
    assert [(seeds, n) for seeds, n, _ in seen] == [
        ([7, 7], 12),
        ([7], 12),
        ([7], 12),
        *[([7, 7], 12)] * 2,
        ([7, 7], 15),
    ]
    assert seen[-1][2] == found.rates
    assert len(set(held)) == 1
    large.train(job(["fine-tune", "scratch"], 8), task.train(7), task, config)
    assert len(set(held)) == 2  # another seed holds out other images


def test_one_rate_is_not_searched_for(grid, large):
    large.rates = (5e-4,)
    task, config = grid.cells[2], TrainConfig(epochs=1, batch_size=8)
    assert large.train(job(["scratch"]), task.train(0), task, config).rates == [5e-4]


def test_only_random_weights_learn_statistics(large):
    moved = {}
    for name in WHOLE:
        trunk = large._begin(STRATEGIES[name], seed=1)
        before = trunk.state_dict()["network.bn1.running_mean"].clone()
        trunk.train()(torch.rand(4, 3, 32, 32))
        moved[name] = not torch.equal(trunk.state_dict()["network.bn1.running_mean"], before)
        assert all(value.requires_grad for value in trunk.parameters())
    assert moved == {"fine-tune": False, "scratch": True, "statistics": False, "shuffled": False}


def test_the_look_of_a_large_network_needs_no_source(grid, large):
    seen = large.look(grid.cells[0].train(0), seed=0)
    assert len(seen.probes) == 3
    assert seen.distance is None
    assert seen.per_class == 5


def test_a_task_without_a_number_a_class_takes_all(grid):
    whole = grid.cells[1]
    assert isinstance(whole, Task)
    assert whole.per_class is None
    assert whole.train(3) is whole.images
