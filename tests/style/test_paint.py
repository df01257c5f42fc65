"""Painting lowers the losses; stopping and going on changes nothing."""

import numpy as np
import pytest
import torch

from core.style import paint as painting
from core.style.config import StyleConfig
from core.style.losses import TransferLoss, settle
from core.style.paint import paint
from core.training import checkpoints

LIMITS = (torch.full((3, 1, 1), -2.0), torch.full((3, 1, 1), 2.0))
MODES = [
    {"optimizer": "lbfgs"},
    {"optimizer": "adam"},
    {"mode": "published", "lr": 0.02, "beta": 1e3},
]


def make(network, batch, device, **options):
    contents, styles = batch
    if options.get("mode") == "published":
        styles = [2 * each for each in contents]
    config = settle(StyleConfig(**{"steps": 12, "every": 5, **options}), network)
    return TransferLoss(network, config, contents, styles, device)


@pytest.mark.parametrize("options", MODES)
def test_losses_fall(network, batch, device, options):
    steps = list(paint(make(network, batch, device, **options), batch[0], LIMITS))
    assert [step.index for step in steps] == list(range(13))
    assert (steps[-1].losses["total"] < 0.7 * steps[0].losses["total"]).all()
    for name in ("style_1", "style_2"):
        assert (steps[-1].losses[name] < steps[0].losses[name]).all()
    assert [step.index for step in steps if step.pictures is not None] == [0, 5, 10, 12]
    torch.testing.assert_close(steps[0].pictures, batch[0])


@pytest.mark.parametrize("options", MODES)
def test_losses_of_a_step_are_those_of_its_picture(network, batch, device, options):
    objective = make(network, batch, device, **options)
    for step in paint(objective, batch[0], LIMITS):
        if step.pictures is not None:
            found = objective(step.pictures)
            assert step.losses["total"] == pytest.approx(found.total.numpy(), rel=1e-5)
            assert step.losses["style_2"] == pytest.approx(found.style[:, 1].numpy(), rel=1e-4)


@pytest.mark.parametrize("options", MODES)
def test_a_resumed_run_equals_an_uninterrupted_one(
    network, batch, device, options, tmp_path, monkeypatch
):
    whole = list(paint(make(network, batch, device, **options), batch[0], LIMITS))
    monkeypatch.setattr(checkpoints, "SECONDS", -1.0)  # save after every step
    place = tmp_path / "checkpoint.pt"
    first = paint(make(network, batch, device, **options), batch[0], LIMITS, place)
    for _ in range(7):
        next(first)
    first.close()
    assert place.exists()
    again = list(paint(make(network, batch, device, **options), batch[0], LIMITS, place))
    assert not place.exists()
    assert len(again) == len(whole)
    for one, other in zip(whole, again, strict=True):
        assert one.index == other.index
        for name, values in one.losses.items():
            np.testing.assert_array_equal(values, other.losses[name])
        assert (one.pictures is None) == (other.pictures is None)
        if one.pictures is not None:
            assert torch.equal(one.pictures, other.pictures)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_picture_does_not_depend_on_its_batch(network, batch, device, optimizer):
    contents, styles = batch
    *_, both = paint(make(network, batch, device, optimizer=optimizer), contents, LIMITS)
    for index in range(2):
        one = (contents[index : index + 1], styles[index : index + 1])
        *_, alone = paint(make(network, one, device, optimizer=optimizer), one[0], LIMITS)
        # Equal but for the order of sums inside a batched convolution, which 12 steps magnify.
        assert (alone.pictures[0] - both.pictures[index]).abs().mean() < 1e-3
        assert alone.losses["total"][0] == pytest.approx(both.losses["total"][index], rel=0.02)


def test_pixels_stay_in_range_unless_published(network, batch, device):
    tight = (torch.full((3, 1, 1), -0.5), torch.full((3, 1, 1), 0.5))
    *_, inside = paint(make(network, batch, device), batch[0], tight)
    assert inside.pictures.abs().max() == 0.5
    *_, free = paint(make(network, batch, device, mode="published"), batch[0], tight)
    assert free.pictures.abs().max() > 1


def test_beta_and_alpha_pull_apart(network, batch, device):
    def last(**options):
        objective = make(network, batch, device, optimizer="adam", tv=0.0, steps=30, **options)
        *_, step = paint(objective, batch[0], LIMITS)
        return step.losses

    little, much = last(beta=1.0), last(beta=1e4)
    assert (much["style_1"] < little["style_1"]).all()
    assert (much["content"] > little["content"]).all()
    still = last(beta=0.0)
    assert still["content"].tolist() == [0, 0]


def test_total_variation_smooths(network, batch, device):
    def last(tv):
        objective = make(network, batch, device, optimizer="adam", steps=30, beta=1.0, tv=tv)
        *_, step = paint(objective, batch[0], LIMITS)
        return step.losses["tv"]

    assert (last(10.0) < 0.5 * last(0.0)).all()


def test_a_step_that_goes_astray_is_taken_back(network, batch, device):
    """L-BFGS alone diverges on this objective: noise, and a smoothness that fights the style."""
    objective = make(network, batch, device, tv=100.0, steps=40)
    steps = list(paint(objective, batch[0], LIMITS))
    totals = np.array([step.losses["total"] for step in steps])
    assert (totals[1:] <= painting.RETREAT * totals[:-1] * (1 + 1e-6)).all()
    assert (totals[-1] < 0.7 * totals[0]).all()


def test_without_a_retreat_it_would_diverge(network, batch, device, monkeypatch):
    monkeypatch.setattr(painting, "RETREAT", 1e9)
    objective = make(network, batch, device, tv=100.0, steps=40)
    totals = np.array([step.losses["total"] for step in paint(objective, batch[0], LIMITS)])
    assert (totals[1:] > 1.5 * totals[:-1]).any()


def test_a_loss_that_is_not_finite_names_its_step(network, batch, device):
    objective = make(network, batch, device, optimizer="adam", lr=1e30, mode="published")
    with pytest.raises(FloatingPointError, match=r"loss \w+ .* at step [1-9]"):
        list(paint(objective, batch[0], LIMITS))
