"""Explanations: exact on a linear network; curves and neighbours by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from core.explain import agreement, attribute, can_explain, deletion, embed, neighbours, randomised
from core.models import backbones


@pytest.fixture
def linear():
    """A network whose class 1 looks at the upper left corner alone."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].weight[1].view(3, 8, 8)[:, :2, :2] = 4.0
    return model


@pytest.fixture
def pixels():
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.skipif(not can_explain(), reason="captum is not installed")
def test_attributions_of_a_linear_network_are_weight_times_difference(linear, pixels):
    maps = attribute(linear, pixels, target=1)
    weight = linear[1].weight[1].detach().view(3, 8, 8)
    expected = (weight * (pixels - pixels.mean((2, 3), keepdim=True))).abs().sum(1)
    assert torch.allclose(maps, expected, atol=1e-4)
    assert maps[:, 2:].abs().max() == 0


def test_deleting_what_matters_first_falls_first(linear, pixels):
    bright = pixels.clone()
    bright[:, :, :2, :2] = 1.0
    corner = torch.zeros(5, 8, 8)
    corner[:, :2, :2] = 1.0
    first = deletion(linear, bright, corner, target=1, steps=16)
    last = deletion(linear, bright, -corner, target=1, steps=16)
    whole, none = (
        linear(x).softmax(-1)[:, 1].detach().numpy()
        for x in (bright, 0 * bright + bright.mean((2, 3), keepdim=True))
    )
    assert first.shape == (5, 17)
    assert first[:, 0] == pytest.approx(whole)
    assert first[:, -1] == pytest.approx(none)
    assert first[:, 1] == pytest.approx(none)  # 4 of 64 pixels are one step of 16
    assert last[:, -2] == pytest.approx(whole)


def test_agreement_is_spearmans():
    from scipy.stats import spearmanr

    one, other = torch.rand(2, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    expected = [
        spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(one, other, strict=True)
    ]
    assert agreement(one, other) == pytest.approx(expected)
    assert agreement(one, one.exp()) == pytest.approx(np.ones(4))
    assert agreement(one, torch.zeros_like(one)).tolist() == [0] * 4


def test_randomised_weights_are_new_and_the_model_is_left(linear):
    before = linear[1].weight.clone()
    other = randomised(linear)
    assert torch.equal(linear[1].weight, before)
    assert not torch.equal(other[1].weight, before)
    assert torch.equal(other[1].weight, randomised(linear)[1].weight)


def test_a_randomised_network_stays_in_evaluation_mode():
    """torch puts the copy of a traced network into training mode."""
    trunk = backbones.load("resnet18", "random").trunk().freeze()
    assert not any(module.training for module in randomised(trunk).modules())


def test_an_embedding_keeps_separate_clouds_apart_and_follows_its_seed():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    clouds = (random.normal(size=(120, 8)) + 12 * np.eye(8)[labels]).astype(np.float32)
    near = neighbours(clouds)
    assert near.shape == (120, 10)
    assert not (near == np.arange(120)[:, None]).any()  # an image is not its own neighbour
    assert (labels[near] == labels[:, None]).all()
    points = embed(clouds, seed=0)
    assert points.shape == (120, 2)
    assert (labels[neighbours(points)] == labels[:, None]).mean() > 0.98
    assert np.array_equal(points, embed(clouds, seed=0))
    assert not np.array_equal(points, embed(clouds, seed=1))
    assert neighbours(clouds[:4]).shape == (4, 3)
