"""Other objectives than classification: same loops, same pairing, the corruption paired too."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.config import DeviceConfig, TrainConfig
from core.data.images import InMemory, order
from core.device import generator, pick
from core.evaluation.metrics import accuracy, cross_entropy
from core.training import loop
from core.training.batched import fit_many
from core.training.objective import CLASSIFICATION, Objective, Validation
from core.training.replicas import Replicas
from core.training.single import evaluating, fit, predict

CPU = pick(DeviceConfig(device="cpu"))


def squares(outputs, pixels, labels):
    return (outputs - pixels).square().flatten(-3).mean(-1)


def add_noise(pixels, noise):
    return pixels + 0.3 * torch.randn(pixels.shape, generator=noise)


DENOISING = Objective(cost=squares, measures={"loss": squares}, corrupt=add_noise)
TRAIN = TrainConfig(epochs=2, batch_size=16, lr=1e-2)


@pytest.fixture
def images():
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (300, 1, 6, 6), generator=random, dtype=torch.uint8)
    return InMemory(pixels, labels=torch.randint(0, 3, (300,), generator=random))


def build(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1))


def test_replicas_denoise_as_single_networks_do(images):
    replicas = Replicas([[build(0), build(5)], [build(1), build(6)]], [0, 1], CPU)
    together = list(fit_many(replicas, images, images, TRAIN, objective=DENOISING))
    for seed, arm in np.ndindex(2, 2):
        model = build(seed + 5 * arm)
        for many, one in zip(
            together,
            fit(model, images, images, TRAIN, seed, CPU, objective=DENOISING),
            strict=True,
        ):
            assert many.metrics.keys() == one.metrics.keys() == {"train/loss", "val/loss"}
            for name, value in one.metrics.items():
                assert value.item() == pytest.approx(many.metrics[name][seed, arm], rel=1e-5)


def test_a_step_is_the_one_written_out_by_hand(images):
    model, byhand = build(3), build(3)
    list(
        fit(
            model,
            images,
            None,
            TrainConfig(epochs=1, batch_size=300),
            7,
            CPU,
            None,
            None,
            DENOISING,
        )
    )
    optimizer = torch.optim.Adam(byhand.parameters(), lr=1e-3)
    clean = images.pixels[order(300, 7, 1)].float() / 255
    noisy = add_noise(clean, generator(torch.device("cpu"), 7, 1, loop.CORRUPTION))
    F.mse_loss(byhand(noisy), clean).backward()
    optimizer.step()
    for ours, theirs in zip(model.parameters(), byhand.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_validation_noise_is_the_same_in_every_epoch(images):
    still = TrainConfig(epochs=2, batch_size=100, lr=1e-30)  # nothing is learned
    first, second = fit(build(0), images, images, still, 0, CPU, objective=DENOISING)
    assert first.metrics["val/loss"] == second.metrics["val/loss"]
    assert first.metrics["train/loss"] != second.metrics["train/loss"]


def test_augmented_pixels_are_the_target(images):
    # A network that returns its input has no loss, however the input was augmented.
    model = nn.Conv2d(1, 1, 1)
    nn.init.ones_(model.weight), nn.init.zeros_(model.bias)
    plain = Objective(cost=squares, measures={"loss": squares})
    (epoch,) = fit(
        model, images, None, TrainConfig(epochs=1), 0, CPU, lambda x: x.flip(-1), None, plain
    )
    assert epoch.step_losses.max() < 1e-12


def test_classification_measures_what_predict_gives(images):
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    *_, last = fit(model, images, images, TRAIN, 0, CPU)
    logits = predict(model, images, CPU)
    assert last.metrics["val/loss"].item() == pytest.approx(cross_entropy(logits, images.labels))
    assert last.metrics["val/accuracy"].item() == pytest.approx(accuracy(logits, images.labels))
    assert last.metrics["val/loss"].shape == (1, 1)


def test_cost_of_classification_is_cross_entropy_an_image():
    logits, labels = torch.randn(2, 3, 5, 4), torch.randint(0, 4, (2, 1, 5))
    cost = CLASSIFICATION.cost(logits, torch.empty(0), labels)
    for seed, arm in np.ndindex(2, 3):
        expected = F.cross_entropy(logits[seed, arm], labels[seed, 0], reduction="none")
        assert torch.allclose(cost[seed, arm], expected)


def test_validation_weighs_images_not_batches():
    seen = Validation(Objective(cost=squares, measures={"loss": lambda o, p, y: o}))
    for part in (torch.tensor([1.0, 1.0, 1.0]), torch.tensor([5.0])):
        seen.add(part, part, part)
    assert seen.means()["val/loss"] == 2.0


def test_evaluating_restores_every_mode_and_keeps_no_graph():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 4))
    model[0].eval()
    with evaluating(model):
        assert not model.training
        assert torch.equal(model[0](torch.ones(9)), torch.ones(9))
        assert not model(torch.ones(1, 4)).requires_grad
    assert model.training
    assert not model[0].training
    assert model(torch.ones(1, 4)).requires_grad
