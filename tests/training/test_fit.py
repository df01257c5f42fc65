"""One model: against a loop written out plainly, and in the modes it must keep."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from core.config import TrainConfig
from core.data.decode import decode, scale
from core.data.images import Files, InMemory, OnDisk, order
from core.device import derive
from core.evaluation.metrics import accuracy
from core.models.networks import mlp, scratch_cnn
from core.training import loop
from core.training.single import fit, predict

FAST = TrainConfig(epochs=3, batch_size=20, lr=0.01)


def weights(model):
    return torch.cat([value.detach().flatten() for value in model.state_dict().values()])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_fit_equals_the_loop_written_out(parts, cpu, build, optimizer, dropout):
    train, val = parts
    config = TrainConfig(epochs=2, batch_size=20, lr=0.02, optimizer=optimizer, schedule="cosine")
    model, plain = build(3, dropout=dropout), build(3, dropout=dropout)
    epochs = list(fit(model, train, val, config, 3, cpu))
    maker = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    descent, step = maker(plain.parameters(), lr=0.02), 0
    for epoch in (1, 2):
        torch.manual_seed(derive(3, epoch, loop.MASKS))
        losses = []
        for batch in order(103, 3, epoch).split(20):
            for group in descent.param_groups:
                group["lr"] = 0.01 * (1 + np.cos(np.pi * step / 11))
            loss = F.cross_entropy(plain.train()(train.pixels[batch] / 255), train.labels[batch])
            descent.zero_grad()
            loss.backward()
            descent.step()
            losses.append((loss.item(), len(batch)))
            step += 1
        seen = epochs[epoch - 1]
        assert (seen.index, seen.step) == (epoch, step)
        assert seen.step_losses[:, 0, 0] == pytest.approx([loss for loss, _ in losses], abs=1e-5)
        mean = sum(loss * n for loss, n in losses) / 103
        assert seen.metrics["train/loss"].item() == pytest.approx(mean, abs=1e-5)
        logits = plain.eval()(val.pixels / 255)
        expected = F.cross_entropy(logits, val.labels).item()
        assert seen.metrics["val/loss"].item() == pytest.approx(expected, abs=1e-5)
        assert seen.metrics["val/accuracy"].item() == accuracy(logits, val.labels).item()
    assert torch.allclose(weights(model), weights(plain), atol=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_others(parts, cpu, build):
    def trained(seed):
        model = build(0, dropout=0.3)
        torch.rand(seed)  # the global generator plays no part
        return weights(model), list(fit(model, *parts, FAST, seed, cpu)), weights(model)

    start, one, end = trained(1)
    same_start, two, same_end = trained(1)
    assert torch.equal(start, same_start)
    assert torch.equal(end, same_end)
    assert all((a.step_losses == b.step_losses).all() for a, b in zip(one, two, strict=True))
    assert not torch.equal(trained(2)[2], end)


def test_the_callers_generator_is_left_alone(parts, cpu, build):
    model = build(0, dropout=0.3)
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    list(fit(model, *parts, FAST, 0, cpu))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 103, 500])
def test_the_reported_mean_does_not_depend_on_the_batches(parts, cpu, build, batch_size):
    """FACTS 5, rows 3 and 4: a mean of batch means, or the last batch, would differ."""
    train, val = parts
    config = TrainConfig(epochs=1, batch_size=batch_size, lr=1e-12)  # the weights stand still
    model = build(1)
    (epoch,) = fit(model, train, val, config, 1, cpu)
    logits = predict(build(1), train, cpu)
    whole = F.cross_entropy(logits, train.labels).item()
    assert epoch.metrics["train/loss"].item() == pytest.approx(whole, rel=1e-5)
    assert len(epoch.step_losses) == -(-103 // batch_size)


def test_prediction_does_not_depend_on_the_batches_and_drops_nothing(cpu, nonsense):
    """FACTS 5, row 2: a net of nothing but dropout must pass its input on."""
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9)).train()
    logits = predict(model, nonsense, cpu)
    assert torch.equal(logits, nonsense.pixels.flatten(1) / 255)
    many = nonsense.take(torch.arange(64).repeat(10))  # more than one batch
    assert torch.equal(predict(model, many, cpu), logits.repeat(10, 1))


def test_evaluation_leaves_every_module_in_its_own_mode(cpu, nonsense):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 10))
    model.train()
    model[1].eval()  # a frozen trunk inside a training model
    before = [module.training for module in model.modules()]
    buffers = [value.clone() for value in model.buffers()]
    logits = predict(model, nonsense, cpu)
    assert not logits.requires_grad
    assert [module.training for module in model.modules()] == before
    assert all(map(torch.equal, buffers, model.buffers()))
    with pytest.raises(RuntimeError):
        predict(nn.Sequential(model, nn.Linear(3, 3)), nonsense, cpu)
    assert [module.training for module in model.modules()] == before


def test_training_moves_batch_norm_and_only_training(parts, cpu):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    list(fit(model, *parts, FAST, 0, cpu))
    assert int(model[1].num_batches_tracked) == 3 * 6  # not one more for validation


def test_batch_norm_trains_where_one_image_would_be_left_over(parts, cpu):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    (epoch,) = fit(model, *parts, TrainConfig(epochs=1, batch_size=51), 0, cpu)
    assert epoch.step_losses.shape == (2, 1, 1)  # of 51 and 52 images


def test_frozen_parameters_are_not_trained(parts, cpu, build):
    model = build(0)
    model[1].requires_grad_(False)
    before = model[1].weight.clone()
    list(fit(model, *parts, FAST, 0, cpu))
    assert torch.equal(model[1].weight, before)
    assert not torch.equal(model[4].weight, build(0)[4].weight)


def test_a_loss_that_is_not_finite_names_its_step(parts, cpu, build):
    model = build(0)
    config = TrainConfig(epochs=3, batch_size=20, lr=1e30, optimizer="sgd")
    with pytest.raises(FloatingPointError, match=r"loss (nan|inf) at step (2|3), epoch 1"):
        list(fit(model, *parts, config, 0, cpu))


def test_augmentation_exists_for_training_only(parts, cpu, build):
    train, val = parts
    shapes, model = [], build(0)

    def flip(pixels):
        shapes.append(len(pixels))
        return pixels.flip(-1)

    epochs = list(fit(model, train, val, FAST, 0, cpu, augment=flip))
    assert shapes == [20, 20, 20, 20, 20, 3] * 3
    flipped = InMemory(train.pixels.flip(-1), labels=train.labels)
    reference = build(0)
    for one, other in zip(epochs, fit(reference, flipped, val, FAST, 0, cpu), strict=True):
        assert one.metrics["val/loss"] == other.metrics["val/loss"]
    assert torch.equal(weights(model), weights(reference))


def read(path):
    return torch.from_numpy(scale(decode(path), (8, 8)))


def test_images_on_disk_train_as_those_in_memory(cpu, nonsense, tmp_path):
    paths = []
    for index, each in enumerate(nonsense.pixels):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(each[0].numpy()).save(paths[-1])
    files = Files(paths, (3, 8, 8), read)
    on_disk = OnDisk(files, labels=nonsense.labels)
    held = InMemory(on_disk.tensor(), labels=nonsense.labels)
    config = TrainConfig(epochs=1, batch_size=20, lr=0.01)
    ends = []
    for images in (held, on_disk):
        model = mlp((3, 8, 8), 10, (9,), dropout=0.5)
        nn.init.constant_(model[1].weight, 0.01)
        nn.init.eye_(model[4].weight)
        nn.init.zeros_(model[1].bias)
        nn.init.zeros_(model[4].bias)
        list(fit(model, images, images, config, 0, cpu))
        ends.append(weights(model))
    assert torch.equal(*ends)


def test_a_convolutional_net_learns_noise_by_heart(cpu, nonsense):
    wide = InMemory(F.interpolate(nonsense.pixels, 16), labels=nonsense.labels)
    model = scratch_cnn((1, 16, 16), 10, dropout=0.0)
    config = TrainConfig(epochs=30, batch_size=16, lr=3e-3)
    epochs = list(fit(model, wide, None, config, 0, cpu))
    assert accuracy(predict(model, wide, cpu), wide.labels).item() > 0.9
    assert set(epochs[-1].metrics) == {"train/loss"}
