"""Boxes are compared as a slow loop compares them; pairs are one to one and as many as can be."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from core.detection.faces import check, iou, match


def boxes(numbers):
    low = np.array(numbers, dtype=np.float32).reshape(-1, 4)
    return np.concatenate([low[:, :2], low[:, :2] + low[:, 2:]], 1)


some = st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(0, 12)] * 2), max_size=5).map(
    boxes
)


@given(some, some)
def test_iou_equals_torchvision(a, b):
    expected = box_iou(torch.from_numpy(a), torch.from_numpy(b)).nan_to_num(0).numpy()
    assert iou(a, b) == pytest.approx(expected, abs=1e-6)


@given(some, some, st.sampled_from([0.1, 0.5, 0.9]))
def test_no_other_pairing_has_more_pairs_or_as_many_and_more_overlap(found, true, least):
    paired, overlap = match(found, true, least), iou(found, true)
    kept = paired[paired >= 0]
    assert len(set(kept)) == len(kept)
    own = [overlap[i, j] for i, j in enumerate(paired) if j >= 0]
    assert all(each >= least for each in own)
    small, large = (overlap, overlap.T) if len(found) <= len(true) else (overlap.T, overlap)
    small = small if small.shape[0] <= small.shape[1] else large
    best = (0, 0.0)
    for order in permutations(range(small.shape[1]), small.shape[0]):
        good = [small[i, j] for i, j in enumerate(order) if small[i, j] >= least]
        best = max(best, (len(good), sum(good)))
    assert (len(own), sum(own)) == pytest.approx(best)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_image_is_refused(image):
    with pytest.raises(ValueError, match="wanted uint8"):
        check(image)
