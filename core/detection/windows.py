"""Windows of images: their pixels by way of an integral image, and their squares and nests.

Every resampled pixel is the mean of a rectangle (as in adaptive average pooling), so that pyramid
levels and crops are four look-ups a pixel in one integral image, exact in integers.

Source: integral images, Crow, SIGGRAPH 18 (1984) 207-212.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.detection.faces import Pixels


def integrate(images: Sequence[Pixels], device: torch.device) -> Tensor:
    """Sum images of one size from their upper left corner.

    images: uint8 (height, width, 3). Returns int32 (n, height + 1, width + 1, 3). Beyond 8 million
    pixels the sums wrap around, which their differences, the sums of rectangles, do not notice.
    """
    sums = [torch.from_numpy(cv2.integral(image, sdepth=cv2.CV_32S)) for image in images]
    return (torch.stack(sums) if len(sums) > 1 else sums[0][None]).to(device)


def resample(integral: Tensor, height: int, width: int) -> Tensor:
    """Resample whole images; return (n, 3, height, width) float32 in [-1, 1]."""
    (top, bottom), (left, right) = (
        _edges(torch.tensor([length - 1], device=integral.device), out)
        for length, out in zip(integral.shape[1:3], (height, width), strict=True)
    )
    rows = integral.index_select(1, bottom[0]).sub_(integral.index_select(1, top[0]))
    sums = rows.index_select(2, right[0]).sub_(rows.index_select(2, left[0]))
    return _pixels(sums, (bottom - top)[0, :, None] * (right - left)[0])


def crop(integral: Tensor, owner: Tensor, corners: Tensor, side: int) -> Tensor:
    """Cut windows out of images and resample them to squares.

    owner: (k,) int64, the image of each window; corners: (k, 4) int64, x0, y0, x1, y1 within the
    image, x1 and y1 excluded. Returns (k, 3, side, side) float32 in [-1, 1].
    """
    low, high = corners[:, :2], corners[:, 2:]
    (left, right), (top, bottom) = (
        tuple(low[:, axis, None] + edge for edge in _edges(high[:, axis] - low[:, axis], side))
        for axis in (0, 1)
    )
    _, rows, columns, _ = integral.shape
    flat, base = integral.view(-1, 3), (owner * rows * columns)[:, None]
    top_row, bottom_row = ((base + y * columns)[:, :, None] for y in (top, bottom))
    left, right = left[:, None], right[:, None]

    def at(index: Tensor) -> Tensor:
        return flat.index_select(0, index.flatten())

    sums = at(bottom_row + right).sub_(at(bottom_row + left))
    sums.sub_(at(top_row + right)).add_(at(top_row + left))
    area = (bottom - top)[:, :, None] * (right - left)
    return _pixels(sums.view(len(owner), side, side, 3), area)


def _edges(length: Tensor, out: int) -> tuple[Tensor, Tensor]:
    """Return where the `out` cells of lengths (k,) begin and end, (k, out) each; cells overlap."""
    index = torch.arange(out, device=length.device)
    first = index * length[:, None]
    return first // out, (first + length[:, None] + out - 1) // out


def _pixels(sums: Tensor, area: Tensor) -> Tensor:
    """Scale sums over rectangles, (n, h, w, 3), to MTCNN's pixels; (n, 3, h, w), channels last."""
    scale = (128.0 * area).reciprocal_().unsqueeze(-1)
    return sums.mul(scale).sub_(127.5 / 128).permute(0, 3, 1, 2)


def adjust(boxes: Tensor, shift: Tensor, extra: float) -> Tensor:
    """Move the sides of boxes (k, 4) by shares (k, 4) of their sizes plus `extra` pixels."""
    size = (boxes[:, 2:] - boxes[:, :2] + extra).repeat(1, 2)
    return boxes + shift * size


def square(boxes: Tensor) -> Tensor:
    """Widen boxes (k, 4) to squares around their centres."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(1, keepdim=True).values
    low = boxes[:, :2] + size * 0.5 - side * 0.5
    return torch.cat([low, low + side], 1)


def inside(boxes: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Cut boxes (k, 4) to whole pixels of the image.

    MTCNN counts pixels from 1 and both ends in. Returns corners as `crop` wants them, (k, 4) int64,
    and which of the boxes have any pixel, (k,) bool.
    """
    whole = boxes.trunc().long()
    low = whole[:, :2].clamp(min=1) - 1
    high = torch.minimum(whole[:, 2:], whole.new_tensor([width, height]))
    return torch.cat([low, high], 1), (high > low).all(1)


def without_nested(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], most: float = 0.7
) -> NDArray[np.int64]:
    """Pick boxes, best first, that share at most a part of themselves with a better one.

    boxes: (k, 4); most: shared area by the smaller of two areas. Returns indices, best first.
    """
    order, kept = np.argsort(-scores, kind="stable"), []
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(1)
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        size = high - np.maximum(boxes[best, :2], boxes[rest, :2]) + 1
        shared = size.clip(min=0).prod(1) / np.minimum(areas[best], areas[rest])
        order = rest[shared <= most]
    return np.array(kept, dtype=np.int64)
