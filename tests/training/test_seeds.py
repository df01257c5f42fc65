"""Seeds trained in the faster way are what they are alone, whichever way that is."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.config import DeviceConfig, TrainConfig
from core.data.images import InMemory
from core.device import pick
from core.training import checkpoints, seeds
from core.training.objective import add_noise, reconstruction, squared_error
from core.training.seeds import are_batched, fit_apart, fit_seeds
from core.training.single import fit, predict

CPU = pick(DeviceConfig(device="cpu"))
TRAIN = TrainConfig(epochs=2, batch_size=20, lr=1e-2)


def dense(seed):
    torch.manual_seed(seed)
    layers = (
        nn.Flatten(),
        nn.Linear(36, 5),
        nn.ReLU(),
        nn.Linear(5, 36),
        nn.Unflatten(1, (1, 6, 6)),
    )
    return nn.Sequential(*layers)


def convolutional(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1))


@pytest.fixture
def images():
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (100, 1, 6, 6), generator=random, dtype=torch.uint8)
    return InMemory(pixels, labels=torch.zeros(100, dtype=torch.int64))


def alone(build, seed, images, noise):
    model = build(seed)
    epochs = list(fit(model, images, images, TRAIN, seed, CPU, objective=reconstruction(noise)))
    return model, epochs


def check(build, images, noise=0.3):
    models = [build(seed) for seed in (3, 8)]
    epochs = list(
        fit_seeds(models, (3, 8), images, images, TRAIN, CPU, None, reconstruction(noise))
    )
    assert len(epochs) == 2
    for index, seed in enumerate((3, 8)):
        single, expected = alone(build, seed, images, noise)
        assert torch.allclose(
            predict(models[index], images, CPU), predict(single, images, CPU), atol=1e-5
        )
        for ours, theirs in zip(epochs, expected, strict=True):
            assert ours.step_losses.shape == (5, 2, 1)
            for name in ("train/loss", "val/loss"):
                assert ours.metrics[name][index, 0] == pytest.approx(
                    theirs.metrics[name].item(), rel=1e-4
                )


@pytest.mark.parametrize("build", [dense, convolutional])
def test_seeds_are_what_they_are_alone(build, images):
    assert are_batched(build(0), CPU, 20) == (build is dense)
    check(build, images)


def test_many_steps_are_worth_processes():
    assert are_batched(dense(0), CPU, seeds.MANY_STEPS)
    assert not are_batched(dense(0), CPU, seeds.MANY_STEPS + 1)


@pytest.mark.slow  # processes import torch
def test_processes_give_the_same_numbers(images, monkeypatch):
    monkeypatch.setattr(seeds, "FEW_STEPS", 0)
    monkeypatch.setattr(seeds.os, "cpu_count", lambda: 2)
    check(convolutional, images)


def test_networks_apart_have_their_own_rates_and_may_share_a_seed(images, tmp_path):
    models, rates = [convolutional(3), convolutional(8)], (1e-2, 1e-3)
    configs = [replace(TRAIN, lr=rate) for rate in rates]
    epochs = fit_apart(
        models, (5, 5), images, None, configs, CPU, tmp_path / "c.pt", reconstruction()
    )
    assert len(epochs) == TRAIN.epochs
    for index, (start, config) in enumerate(zip((3, 8), configs, strict=True)):
        single = convolutional(start)
        *_, last = fit(single, images, None, config, 5, CPU, objective=reconstruction())
        assert torch.equal(predict(models[index], images, CPU), predict(single, images, CPU))
        assert epochs[-1].metrics["train/loss"][index, 0] == last.metrics["train/loss"].item()


def test_a_killed_training_goes_on_where_it_was(images, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", -1.0)
    whole = [convolutional(seed) for seed in (0, 1)]
    list(fit_seeds(whole, (0, 1), images, None, TRAIN, CPU, None, reconstruction()))
    place = tmp_path / "group.pt"
    started = convolutional(1)  # the second seed had finished one epoch
    next(fit(started, images, None, TRAIN, 1, CPU, None, tmp_path / "group-1.pt", reconstruction()))
    assert (tmp_path / "group-1.pt").exists()
    resumed = [convolutional(seed) for seed in (0, 1)]
    epochs = list(fit_seeds(resumed, (0, 1), images, None, TRAIN, CPU, place, reconstruction()))
    assert [epoch.index for epoch in epochs] == [1, 2]
    for one, other in zip(whole, resumed, strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("build", [dense, convolutional])
def test_divergence_is_told(build, images):
    broken = copy.deepcopy(build(0))
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="epoch 1"):
        list(
            fit_seeds([build(1), broken], (0, 1), images, None, TRAIN, CPU, None, reconstruction())
        )


def test_noise_is_clipped_follows_its_generator_and_vanishes_at_level_0():
    pixels = torch.rand(50, 1, 6, 6)
    first, second = (
        add_noise(pixels, torch.Generator().manual_seed(5), level=0.5) for _ in range(2)
    )
    assert torch.equal(first, second)
    assert first.min() == 0
    assert first.max() == 1
    assert torch.equal(add_noise(pixels, torch.Generator(), level=0.0), pixels)
    assert reconstruction(0.0).corrupt is None


def test_squared_error_is_a_mean_over_pixels_an_image():
    outputs, pixels = torch.rand(2, 3, 4, 1, 6, 6), torch.rand(2, 1, 4, 1, 6, 6)
    found = squared_error(outputs, pixels, torch.empty(0))
    assert found.shape == (2, 3, 4)
    expected = np.square(outputs[1, 2, 3].numpy() - pixels[1, 0, 3].numpy()).mean()
    assert found[1, 2, 3] == pytest.approx(expected, rel=1e-5)
