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
from torch.nn.functional import pad

from core.data.pictures import Pixels


def integrate(images: Sequence[Pixels], device: torch.device) -> Tensor:
    """Sum images of one size from their upper left corner.

    images: uint8 (height, width, 3). Returns int32 (n, height + 1, width + 1, 3). Beyond 8 million
    pixels the sums wrap around, which their differences, the sums of rectangles, do not notice.
    """
    if device.type != "cpu":
        return summed(torch.from_numpy(np.stack(images)).to(device))
    sums = [torch.from_numpy(cv2.integral(image, sdepth=cv2.CV_32S)) for image in images]
    return torch.stack(sums) if len(sums) > 1 else sums[0][None]


def summed(images: Tensor) -> Tensor:
    """Do the same to images, uint8 (n, height, width, 3), on the device where they are."""
    down = images.cumsum(1, dtype=torch.int32)
    return pad(down.cumsum(2, dtype=torch.int32), (0, 0, 1, 0, 1, 0))


def resample(integral: Tensor, height: int, width: int) -> Tensor:
    """Resample whole images; return (n, 3, height, width) float32 in [-1, 1]."""
    n, rows, columns, _ = integral.shape
    owner = torch.arange(n, device=integral.device)
    whole = torch.tensor([[0, 0, columns - 1, rows - 1]], device=integral.device)
    return crop(integral, owner, whole.expand(n, 4), height, width)


def crop(integral: Tensor, owner: Tensor, corners: Tensor, height: int, width: int) -> Tensor:
    """Cut windows out of images and resample them to one size.

    owner: (k,) int64, the image of each window; corners: (k, 4) int64, x0, y0, x1, y1 within the
    image, x1 and y1 excluded. Returns (k, 3, height, width) float32 in [-1, 1].
    """
    _, rows, columns, _ = integral.shape
    left, right = _edges(corners[:, 0], corners[:, 2], width)
    top, bottom = _edges(corners[:, 1], corners[:, 3], height)
    flat, base = integral.view(-1, 3), (owner * rows * columns)[:, None]
    upper, lower = ((base + y * columns)[:, :, None] for y in (top, bottom))

    def at(row: Tensor, column: Tensor) -> Tensor:
        return flat.index_select(0, (row + column[:, None]).flatten())

    sums = at(lower, right).sub_(at(lower, left)).sub_(at(upper, right)).add_(at(upper, left))
    area = (bottom - top)[:, :, None] * (right - left)[:, None]
    scale = (128.0 * area).reciprocal_().unsqueeze(-1)
    pixels = sums.view(len(owner), height, width, 3).mul(scale).sub_(127.5 / 128)
    return pixels.permute(0, 3, 1, 2)


def _edges(low: Tensor, high: Tensor, out: int) -> tuple[Tensor, Tensor]:
    """Divide stretches from low to high, (k,), into cells; return their ends, (k, out) each.

    Neighbours overlap by a pixel where the stretch is no multiple of `out`.
    """
    steps = torch.arange(out, device=low.device) * (high - low)[:, None]
    length = (high - low)[:, None]
    return low[:, None] + steps // out, low[:, None] + (steps + length + out - 1) // out


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
