"""What every detector takes and returns, and how boxes are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from core.data.pictures import Pixels


@dataclass(frozen=True)
class Faces:
    """The faces found in one image, best first; none found is a result like any other."""

    boxes: NDArray[np.float32]
    """(n, 4): x0, y0, x1, y1 in pixels; parts may lie outside the image"""
    scores: NDArray[np.float32]
    """(n,): of one detector's own scale, not comparable between detectors"""
    landmarks: NDArray[np.float32] | None
    """(n, 5, 2): eyes, nose and corners of the mouth, x and y in pixels; None without them"""
    seconds: float
    """wall time; an even share of a batch's"""

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.boxes)


class Detector(Protocol):
    """A face detector."""

    def detect(self, images: Sequence[Pixels]) -> list[Faces]:
        """Find the faces in every image, whatever its size."""
        ...


def check(image: Pixels) -> Pixels:
    """Return an image as an array. Raises ValueError unless it is uint8 (height, width, 3)."""
    image = np.asarray(image)  # a tensor's row is a tensor
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        seen = f"{image.dtype} {image.shape}"
        raise ValueError(f"images: {seen}, wanted uint8 (height, width, 3) in RGB")
    return image


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Measure the overlap of boxes: shared area by joint area.

    a: (n, 4); b: (m, 4), as x0, y0, x1, y1. Returns (n, m) in [0, 1]; 0 for boxes without area.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1, dtype=np.float64)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(-1, dtype=np.float64) for x in (a, b)]
    joint = areas[0][:, None] + areas[1][None] - shared
    return np.divide(shared, joint, out=np.zeros_like(shared), where=joint > 0)


def match(
    boxes: NDArray[np.floating], true: NDArray[np.floating], least: float = 0.5
) -> NDArray[np.int64]:
    """Pair found boxes with true ones, each at most once, so that most are paired.

    boxes: (n, 4), found; true: (m, 4); least: IoU of a pair. Among equal counts the greatest total
    overlap wins. Returns (n,): the index of a true box, or -1.

    Source: the assignment problem, Kuhn, Naval Research Logistics Quarterly 2 (1955) 83-97.
    """
    overlap = iou(boxes, true)
    paired = np.full(len(boxes), -1)
    # A pair counts one, its overlap less than the smallest share of one, so that counts decide.
    worth = np.where(overlap >= least, 1 + overlap / (1 + min(overlap.shape)), 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    good = worth[rows, columns] > 0
    paired[rows[good]] = columns[good]
    return paired
