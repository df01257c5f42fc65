"""The lesson's autoencoders to the letter on its images, and something sensible on all others."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.errors import UserError
from core.models.autoencoders import (
    NETWORKS,
    denoising,
    linear,
    parameters,
    transposed,
    upsampling,
    width_for,
)

MNIST = (1, 28, 28)


@pytest.mark.parametrize(
    ("build", "count", "code"),
    [
        (linear, 50_992, 32),
        (transposed, 1_077, 196),
        (upsampling, 1_477, 196),
        (denoising, 9_585, 72),
    ],
)
def test_the_lessons_sizes(build, count, code):
    model = build(MNIST)
    assert parameters(model) == count
    assert model.code_size(MNIST) == code
    assert model(torch.rand(2, *MNIST)).shape == (2, *MNIST)


def test_rivals_have_equal_code_or_equal_parameters():
    sizes = {name: build(MNIST) for name, build in NETWORKS.items()}
    assert sizes["linear-code"].code_size(MNIST) == sizes["transposed"].code_size(MNIST) == 196
    assert sizes["transposed-wide"].code_size(MNIST) == 196
    assert parameters(sizes["transposed-wide"]) == parameters(sizes["linear"])
    ours, theirs = (parameters(sizes[n].decoder) for n in ("transposed-decoder", "upsampling"))
    assert (ours, theirs) == (736, 737)


def test_pooling_before_the_relu_is_the_lessons_network():
    conv = [nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 4, 3, padding=1)]
    up = [nn.ConvTranspose2d(4, 16, 2, 2), nn.ConvTranspose2d(16, 1, 2, 2)]
    pool, relu = nn.MaxPool2d(2), nn.ReLU()
    lesson = nn.Sequential(
        conv[0], relu, pool, conv[1], relu, pool, up[0], relu, up[1], nn.Sigmoid()
    )
    ours = transposed(MNIST)
    for value, theirs in zip(ours.parameters(), lesson.parameters(), strict=True):
        value.data.copy_(theirs.data)
    pixels = torch.rand(3, *MNIST)
    assert torch.allclose(ours(pixels), lesson(pixels), atol=1e-6)
    for model in (ours, lesson):
        (model(pixels) - pixels).square().mean().backward()
    for value, theirs in zip(ours.parameters(), lesson.parameters(), strict=True):
        assert torch.allclose(value.grad, theirs.grad, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(8, 33),
    width=st.integers(8, 33),
    name=st.sampled_from(["linear", "transposed", "transposed-k3", "upsampling", "denoising"]),
)
def test_every_size_comes_back_in_its_own_shape(channels, height, width, name):
    shape = (channels, height, width)
    outputs = NETWORKS[name](shape)(torch.rand(2, *shape))
    assert outputs.shape == (2, *shape)
    assert outputs.min() >= 0
    assert outputs.max() <= 1


@pytest.mark.parametrize(("build", "side"), [(transposed, 3), (upsampling, 3), (denoising, 7)])
def test_images_too_small_are_refused_in_one_line(build, side):
    with pytest.raises(UserError, match=rf"--data: images of {side}x30 pixels, \dx\d or more"):
        build((1, side, 30))


@given(slope=st.integers(1, 100), start=st.integers(0, 500), width=st.integers(1, 2000))
def test_width_for_inverts_a_straight_line(slope, start, width):
    assert width_for(start + slope * width, lambda w: start + slope * w) == width
