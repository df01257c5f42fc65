"""Many replicas as one program give the numbers of as many single trainings."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.config import TrainConfig
from core.data.decode import decode, scale
from core.data.images import Files, OnDisk
from core.device import Device
from core.models.networks import mlp
from core.training import loop
from core.training.batched import fit_many, predict_many
from core.training.replicas import Replicas, networks_at_once
from core.training.single import fit, predict

SEEDS, ARMS = (4, 9), ("kaiming-uniform", "uniform-centred", "zeros")
BRIEF = TrainConfig(epochs=2, batch_size=20, lr=0.01)


def grid(build, dropout=0.0, arms=ARMS, seeds=SEEDS):
    return [[build(seed, arm, dropout) for arm in arms] for seed in seeds]


def flat(replicas, index):
    return torch.cat([value.flatten() for value in replicas.weights(index).values()])


@pytest.mark.parametrize(
    "config",
    [
        BRIEF,
        TrainConfig(epochs=2, batch_size=51, lr=0.1, optimizer="sgd", schedule="cosine"),
        TrainConfig(epochs=4, batch_size=20, lr=0.2, keep="best"),
    ],
)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_replica_is_a_single_training(parts, cpu, build, config, dropout):
    """With dropout on too: on the CPU the masks are those that fit would draw."""
    replicas = Replicas(grid(build, dropout), SEEDS, cpu)
    many = list(fit_many(replicas, *parts, config))
    for row, seed in enumerate(SEEDS):
        for column, arm in enumerate(ARMS):
            model = build(seed, arm, dropout)
            for one, every in zip(fit(model, *parts, config, seed, cpu), many, strict=True):
                assert (one.index, one.step) == (every.index, every.step)
                for name, value in one.metrics.items():
                    assert every.metrics[name][row, column] == pytest.approx(value.item(), abs=2e-3)
                own = every.step_losses[:, row, column]
                assert own == pytest.approx(one.step_losses[:, 0, 0], abs=2e-3)
            logits = predict(model, parts[1], cpu)
            assert torch.allclose(
                predict_many(replicas, parts[1])[row, column], logits, atol=2e-2, rtol=1e-2
            )


def test_arms_of_a_seed_share_batches_and_masks(parts, cpu, build):
    """Equal weights in two arms stay equal to the last bit, dropout on."""
    twins = [[build(seed, dropout=0.5), build(seed, dropout=0.5)] for seed in (1, 2)]
    replicas = Replicas(twins, (1, 2), cpu)
    for epoch in fit_many(replicas, *parts, BRIEF):
        assert (epoch.step_losses[..., 0] == epoch.step_losses[..., 1]).all()
        assert (epoch.step_losses[:, 0] != epoch.step_losses[:, 1]).any()
    assert torch.equal(flat(replicas, 0), flat(replicas, 1))


def test_masks_drop_the_share_they_should_and_keep_the_scale(cpu, build):
    replicas = Replicas(grid(build, dropout=0.3), SEEDS, cpu)
    masks = replicas.draw_masks(replicas.generators(1, loop.MASKS), 4000, (1, 8, 8))
    assert [tuple(mask.shape) for mask in masks.values()] == [(2, 4000, 12), (2, 4000, 7)]
    for mask in masks.values():
        assert mask.unique().tolist() == pytest.approx([0, 1 / 0.7])
        assert (mask == 0).float().mean((1, 2)).tolist() == pytest.approx([0.3, 0.3], abs=0.01)
        assert not torch.equal(mask[0], mask[1])  # seeds have their own


def test_a_result_depends_neither_on_the_neighbours_nor_on_the_group(parts, cpu, build):
    """The study trains as many seeds at once as fit; numbers must not follow the packing."""
    wide = Replicas(grid(build, 0.2), SEEDS, cpu)
    alone = Replicas(grid(build, 0.2, ARMS[:1], SEEDS[1:]), SEEDS[1:], cpu)
    together, single = list(fit_many(wide, *parts, BRIEF)), list(fit_many(alone, *parts, BRIEF))
    for many, one in zip(together, single, strict=True):
        assert many.step_losses[:, 1, 0] == pytest.approx(one.step_losses[:, 0, 0], abs=1e-4)


def poisoned(build, seed):
    model = build(seed, dropout=0.2)
    with torch.no_grad():
        model[1].weight.fill_(torch.inf)
    return model


def test_a_replica_that_diverges_never_reaches_its_neighbours(parts, cpu, build):
    healthy = [[build(s, a, 0.2) for a in ("kaiming-uniform", "zeros", "ones")] for s in SEEDS]
    ill = [[row[0], poisoned(build, s), row[2]] for row, s in zip(healthy, SEEDS, strict=True)]
    replicas, reference = Replicas(ill, SEEDS, cpu), Replicas(healthy, SEEDS, cpu)
    config = TrainConfig(epochs=3, batch_size=20, lr=0.01, keep="best")
    seen = list(fit_many(replicas, *parts, config))
    expected = list(fit_many(reference, *parts, config))
    assert all(np.isnan(epoch.step_losses[1:, :, 1]).all() for epoch in seen[1:])
    assert np.isnan(seen[-1].metrics["train/loss"][:, 1]).all()
    for one, other in zip(seen, expected, strict=True):
        for column in (0, 2):  # bit by bit: the same kernels on the same shapes
            assert (one.step_losses[:, :, column] == other.step_losses[:, :, column]).all()
            for name, values in one.metrics.items():
                assert (values[:, column] == other.metrics[name][:, column]).all()
    for index in (0, 2, 3, 5):
        assert torch.equal(flat(replicas, index), flat(reference, index))
    assert not flat(replicas, 1).isfinite().all()


def test_the_best_epoch_is_each_replicas_own(parts, cpu, build):
    config = TrainConfig(epochs=6, batch_size=20, lr=0.3, keep="best")
    replicas = Replicas(grid(build), SEEDS, cpu)
    seen, history = [], []
    for epoch in fit_many(replicas, *parts, config):
        seen.append([flat(replicas, index) for index in range(6)])
        history.append(epoch.metrics["val/loss"].flatten())
    best = np.argmin(history, axis=0)
    assert len(set(best.tolist())) > 1  # else the test shows nothing
    for index in range(6):
        assert torch.equal(flat(replicas, index), seen[best[index]][index])


def test_prediction_with_dropout_left_on_is_a_function_of_the_seed(parts, cpu, build):
    replicas = Replicas(grid(build, dropout=0.5), SEEDS, cpu)
    quiet, noisy = (predict_many(replicas, parts[1], dropout=on) for on in (False, True))
    assert noisy.shape == quiet.shape == (2, 3, 50, 10)
    assert torch.equal(predict_many(replicas, parts[1], dropout=True), noisy)
    assert not torch.equal(quiet[:, 0], noisy[:, 0])
    assert torch.equal(quiet, predict_many(replicas, parts[1]))
    twins = Replicas([[build(4, dropout=0.5)] * 2], (4,), cpu)
    one, other = predict_many(twins, parts[1], dropout=True)[0]
    assert torch.equal(one, other)  # arms share the noise


def read(path):
    return torch.from_numpy(scale(decode(path), (8, 8)))[:1]


def test_images_on_disk_train_as_those_in_memory(nonsense, cpu, build, tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(len(nonsense))]
    for path, each in zip(paths, nonsense.pixels, strict=True):
        Image.fromarray(each[0].numpy()).save(path)
    on_disk = OnDisk(Files(paths, (1, 8, 8), read), labels=nonsense.labels)
    config, ends = TrainConfig(epochs=1, batch_size=20, lr=0.01), []
    for images in (nonsense, on_disk):
        replicas = Replicas(grid(build, 0.3), SEEDS, cpu)
        list(fit_many(replicas, images, None, config))
        ends.append(predict_many(replicas, images))
    assert torch.equal(*ends)


def test_weights_are_named_and_ordered_as_the_grid(cpu, build):
    models = grid(build)
    replicas = Replicas(models, SEEDS, cpu)
    for index, model in enumerate(model for row in models for model in row):
        own = replicas.weights(index)
        assert own.keys() == dict(model.named_parameters()).keys()
        for name, value in model.named_parameters():
            assert torch.equal(own[name], value)


def test_layers_that_cannot_be_batched_are_refused(cpu):
    normed = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    with pytest.raises(ValueError, match="batch norm"):
        Replicas([[normed]], (0,), cpu)
    spatial = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Dropout2d(0.5), nn.Flatten())
    with pytest.raises(ValueError, match="Dropout2d is not batched"):
        Replicas([[spatial]], (0,), cpu)


def test_as_many_networks_train_at_once_as_fit_a_cpus_cache():
    cpu = Device(torch.device("cpu"), bfloat16=False)
    small, course = (mlp((1, side, side), 10) for side in (8, 28))
    assert networks_at_once(small, cpu) == 2**25 // (
        16 * 50_826
    )  # parameters, gradient, two moments
    assert (
        networks_at_once(course, cpu) == networks_at_once(mlp((1, 28, 28), 10, (2048,)), cpu) == 16
    )
    assert networks_at_once(mlp((1, 2, 2), 10, (4,)), cpu) == 64
    assert networks_at_once(course, Device(torch.device("cuda"), bfloat16=True)) == 128
