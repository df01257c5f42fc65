"""Look-ups in the integral image equal PyTorch's area interpolation of the pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from core.detection.windows import (
    adjust,
    crop,
    inside,
    integrate,
    resample,
    square,
    summed,
    without_nested,
)

CPU = torch.device("cpu")


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def area(image, size):
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    return (F.interpolate(pixels, size, mode="area") - 127.5) / 128


@given(*[st.integers(1, 40)] * 4)
def test_resampling_equals_area_interpolation(height, width, out_height, out_width):
    image = picture(height, width)
    found = resample(integrate([image], CPU), out_height, out_width)
    assert found.shape == (1, 3, out_height, out_width)
    assert torch.allclose(found.double(), area(image, (out_height, out_width)), atol=1e-6)


@given(st.integers(0, 99))
def test_crops_equal_area_interpolation_one_by_one(seed):
    random = np.random.default_rng(seed)
    images = [picture(30, 50, seed), picture(30, 50, seed + 1)]
    low = random.integers(0, (50, 30), (7, 2))
    high = low + 1 + random.integers(0, (50, 30), (7, 2)) % ((50, 30) - low)
    owner = torch.from_numpy(random.integers(0, 2, 7))
    corners = torch.from_numpy(np.concatenate([low, high], 1))
    found = crop(integrate(images, CPU), owner, corners, 24, 24)
    for each, which, (x0, y0, x1, y1) in zip(found, owner, corners, strict=True):
        expected = area(images[which][y0:y1, x0:x1], (24, 24))
        assert torch.allclose(each.double(), expected[0], atol=1e-6)


def test_sums_that_wrap_around_do_no_harm():
    image = np.full((3000, 3000, 3), 255, np.uint8)  # adds up to 2.3e9, beyond int32
    integral = integrate([image], CPU)
    assert integral.min() < 0
    white = torch.tensor((255 - 127.5) / 128)
    assert torch.equal(resample(integral, 12, 12), white.expand(1, 3, 12, 12))
    corners = torch.tensor([[2900, 2900, 3000, 3000]])
    assert torch.equal(
        crop(integral, torch.tensor([0]), corners, 24, 24), white.expand(1, 3, 24, 24)
    )


def test_boxes_are_moved_squared_and_cut():
    boxes = torch.tensor([[10.0, 20, 30, 60]])
    assert adjust(boxes, torch.tensor([[0.1, 0, 0, -0.5]]), 0).tolist() == [[12, 20, 30, 40]]
    assert adjust(boxes, torch.tensor([[1.0, 0, 0, 0]]), 1).tolist() == [[31, 20, 30, 60]]
    assert square(boxes).tolist() == [[0, 20, 40, 60]]
    corners, some = inside(torch.tensor([[-5.0, 3.9, 12, 99], [60.0, 1, 70, 9]]), 40, 50)
    assert corners[0].tolist() == [0, 2, 12, 40]  # pixels count from 1, both ends in
    assert some.tolist() == [True, False]


def test_nested_boxes_go_and_neighbours_stay():
    boxes = np.array([[0, 0, 99, 99], [10, 10, 29, 29], [90, 0, 189, 99]], np.float32)
    scores = np.array([0.8, 0.9, 0.7], np.float32)
    assert without_nested(boxes, scores).tolist() == [1, 2]
    assert without_nested(boxes[:0], scores[:0]).tolist() == []
    assert without_nested(boxes, scores, most=1.0) == pytest.approx([1, 0, 2])


def test_sums_are_the_same_wherever_they_are_made():
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (9, 14, 3), np.uint8) for _ in range(3)]
    assert summed(torch.from_numpy(np.stack(images))).equal(integrate(images, CPU))
    assert summed(torch.zeros(1, 2, 5, 3, dtype=torch.uint8)).dtype == torch.int32
