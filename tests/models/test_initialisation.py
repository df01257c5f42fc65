"""Every scheme draws from the law it names, and schemes are paired by their seed."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from core.device import derive, generator
from core.errors import UserError
from core.models.initialisation import SCHEMES, initialise

FAN_OUT, FAN_IN = 300, 500
Y = 1 / math.sqrt(FAN_IN)  # the course's rule
GLOROT = math.sqrt(2 / (FAN_IN + FAN_OUT))  # eq. 16: U(-sqrt(3) s, sqrt(3) s) has this sd
HE = math.sqrt(2 / FAN_IN)

LAWS = {
    "uniform-0-1": stats.uniform(0, 1),
    "uniform-centred": stats.uniform(-0.5, 1),
    "uniform-rule": stats.uniform(-Y, 2 * Y),
    "normal-rule": stats.norm(0, Y),
    "normal-matched": stats.norm(0, Y / math.sqrt(3)),
    "xavier-uniform": stats.uniform(-math.sqrt(3) * GLOROT, 2 * math.sqrt(3) * GLOROT),
    "xavier-normal": stats.norm(0, GLOROT),
    "kaiming-uniform": stats.uniform(-math.sqrt(3) * HE, 2 * math.sqrt(3) * HE),
    "kaiming-normal": stats.norm(0, HE),
    "default": stats.uniform(-Y, 2 * Y),
}


def linear(scheme, seed=0):
    return initialise(nn.Sequential(nn.Linear(FAN_IN, FAN_OUT)), scheme, seed)[0]


def test_every_scheme_is_tested_here():
    assert set(LAWS) | {"zeros", "ones", "orthogonal"} == set(SCHEMES)
    assert all(name == scheme.name and scheme.source for name, scheme in SCHEMES.items())


@pytest.mark.parametrize("scheme", LAWS)
def test_weights_follow_the_law(scheme):
    law, weight = LAWS[scheme], linear(scheme).weight.detach().numpy().ravel().astype(np.float64)
    n = len(weight)
    assert stats.kstest(weight, law.cdf).pvalue > 0.001
    assert weight.mean() == pytest.approx(law.mean(), abs=4 * law.std() / math.sqrt(n))
    assert weight.std() == pytest.approx(law.std(), rel=0.01)
    low, high = law.support()
    assert low - 1e-7 <= weight.min()
    assert weight.max() <= high + 1e-7


def test_matched_means_the_variance_of_the_rule():
    assert LAWS["normal-matched"].var() == pytest.approx(LAWS["uniform-rule"].var())
    assert LAWS["normal-rule"].var() == pytest.approx(3 * LAWS["uniform-rule"].var())


def test_constants_are_constant():
    assert (linear("zeros").weight == 0).all()
    assert (linear("ones").weight == 1).all()


def test_orthogonal_rows_are_orthonormal():
    weight = linear("orthogonal").weight.detach().double()
    assert torch.allclose(weight @ weight.T, torch.eye(FAN_OUT).double(), atol=1e-5)
    tall = initialise(nn.Sequential(nn.Linear(20, 50)), "orthogonal", 0)[0].weight.detach()
    assert torch.allclose(tall.T @ tall, torch.eye(20), atol=1e-5)


@pytest.mark.parametrize("scheme", ["uniform-rule", "normal-rule", "kaiming-normal"])
def test_fan_in_of_a_convolution_counts_its_window(scheme):
    layer = initialise(nn.Sequential(nn.Conv2d(64, 128, 3)), scheme, 0)[0]
    y = 1 / math.sqrt(64 * 9)
    expected = {"uniform-rule": y / math.sqrt(3), "normal-rule": y}.get(scheme, math.sqrt(2) * y)
    assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "default"])
def test_biases_begin_at_zero(scheme):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(9, 9), nn.ConvTranspose2d(4, 3, 2))
    assert all((layer.bias == 0).all() for layer in initialise(model, scheme, 0))


def test_the_default_is_what_pytorch_does():
    torch.manual_seed(derive(7))
    plain = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    ours = initialise(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)), "default", 7)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (ours[0].bias != 0).any()
    assert ours[0].bias.abs().max() <= 1 / math.sqrt(20)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_are_a_function_of_the_seed_alone(scheme):
    one, other = linear(scheme, 3), linear(scheme, 3)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)
    if scheme not in ("zeros", "ones"):
        assert not torch.equal(linear(scheme, 4).weight, one.weight)


def test_the_callers_generator_is_left_alone():
    model = nn.Linear(4, 4)
    for scheme in SCHEMES:
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        initialise(model, scheme, 1)
        assert torch.equal(torch.rand(3), expected)


def test_schemes_are_paired_by_seed():
    """The same draws, moved and scaled: a difference of arms is not one of luck."""
    centred, rule = linear("uniform-centred").weight, linear("uniform-rule").weight
    assert torch.allclose(centred * 2 * Y, rule, atol=1e-6)
    assert torch.allclose(linear("uniform-0-1").weight - 0.5, centred, atol=1e-6)
    normal = linear("normal-rule").weight / Y
    for scheme in ("xavier-normal", "kaiming-normal", "normal-matched"):
        other = linear(scheme).weight
        assert torch.allclose(other / other.std(), normal / normal.std(), atol=1e-4)


def test_a_scheme_may_be_added_in_one_place(monkeypatch):
    from core.models.initialisation import Scheme

    own = Scheme("mine", lambda w, g: w.bernoulli_(0.5, generator=g), "a user")
    monkeypatch.setitem(SCHEMES, "mine", own)
    expected = torch.empty(3, 4).bernoulli_(0.5, generator=generator(torch.device("cpu"), 2))
    assert torch.equal(initialise(nn.Linear(4, 3), "mine", 2).weight, expected)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(UserError, match="scheme 'he': one of zeros, ones"):
        initialise(nn.Linear(2, 2), "he", 0)
