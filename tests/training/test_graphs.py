import numpy as np
import pytest
import torch

from core.config import TrainConfig
from core.data.images import InMemory
from core.device import Device
from core.models.autoencoders import transposed
from core.models.networks import mlp
from core.training import graphs
from core.training.batched import fit_many
from core.training.objective import CLASSIFICATION, reconstruction
from core.training.replicas import Replicas
from core.training.single import fit

CPU = Device(torch.device("cpu"), bfloat16=False)
SIZES = [20] * 40 + [7]


def images(n=207, side=8):
    random = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (n, 1, side, side), generator=random, dtype=torch.uint8)
    return InMemory(pixels, labels=torch.randint(0, 3, (n,), generator=random))


def replicas(device, seeds=(0, 1), build=lambda: mlp((1, 8, 8), 3, (12, 6), 0.4)):
    torch.manual_seed(0)
    return Replicas([[build()] for _ in seeds], seeds, device)


def test_elsewhere_a_step_is_left_as_it_is():
    def step(batch):
        return batch["x"] + 1

    assert graphs.graphed(step, torch.device("cpu")) is step


def test_masks_of_an_epoch_are_those_of_its_steps_drawn_one_by_one():
    grid, shape = replicas(CPU), (1, 8, 8)
    whole = list(grid.masks(3, SIZES, shape))
    sources = grid.generators(3, 1)  # loop.MASKS
    assert [mask["3.mask"].shape[1] for mask in whole] == SIZES
    for size, masks in zip(SIZES, whole, strict=True):
        drawn = grid.draw_masks(sources, size, shape)
        assert masks.keys() == drawn.keys() == {"3.mask", "6.mask"}
        assert all(masks[name].equal(drawn[name]) for name in masks)
    values = torch.cat([masks["3.mask"].flatten() for masks in whole]).unique()
    torch.testing.assert_close(values, torch.tensor([0, 1 / 0.6]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs: no NVIDIA GPU here")
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("objective", [CLASSIFICATION, reconstruction(0.3)])
def test_captured_steps_give_what_steps_give_that_are_launched_one_by_one(
    monkeypatch, optimizer, objective
):
    device = Device(torch.device("cuda", 0), bfloat16=False)
    held = images().to(device.torch)  # the last batch is short: a second shape
    config = TrainConfig(epochs=3, batch_size=20, optimizer=optimizer, schedule="cosine")

    def build():
        return mlp((1, 8, 8), 3) if objective is CLASSIFICATION else transposed((1, 8, 8))

    def losses():
        grid = replicas(device, build=build)
        epochs = list(fit_many(grid, held, held, config, None, objective))
        return np.concatenate([epoch.step_losses for epoch in epochs]), grid.weights(1)

    captured, weights = losses()
    monkeypatch.setattr(graphs, "WARM_UP", 10**9)
    plain, wanted = losses()
    np.testing.assert_allclose(captured, plain, rtol=1e-4)
    for name, value in weights.items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA: no NVIDIA GPU here")
def test_what_a_seed_draws_on_a_gpu_does_not_depend_on_the_seeds_beside_it():
    device = Device(torch.device("cuda", 0), bfloat16=False)
    both, alone = replicas(device, (0, 5)), replicas(device, (5,))
    for two, one in zip(
        both.masks(1, SIZES, (1, 8, 8)), alone.masks(1, SIZES, (1, 8, 8)), strict=True
    ):
        assert all(two[name][1].equal(one[name][0]) for name in one)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA: no NVIDIA GPU here")
def test_batches_reach_a_gpu_from_memory_as_they_are_on_the_cpu():
    held, device = images(), torch.device("cuda", 0)
    batches = [torch.tensor([[3, 1], [0, 206]]), torch.tensor([5]), torch.tensor([2, 2, 9])]
    moved = list(held.stream(batches, device))
    for (pixels, labels), (wanted, truth) in zip(
        moved, held.stream(batches, CPU.torch), strict=True
    ):
        torch.testing.assert_close(pixels.cpu(), wanted)  # dividing rounds otherwise there
        assert labels.cpu().equal(truth)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA: no NVIDIA GPU here")
def test_one_network_trains_and_is_validated_on_a_gpu():
    device = Device(torch.device("cuda", 0), bfloat16=False)
    config = TrainConfig(epochs=2, batch_size=20, keep="best")
    *_, last = fit(mlp((1, 8, 8), 3, (12, 6)), images(), images(40), config, 0, device)
    assert np.isfinite(last.metrics["val/loss"]).all()
