"""Drawn digits: strokes of OpenCV's fonts, each turned, bent, thinned and dimmed. Synthetic.

There are as many as an interval of a point takes, which scikit-learn's 1,797 scans are not.
"""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 10
TRAIN, TEST = 12_000, 10_000
CLASSES = tuple("0123456789")
SOURCE = "drawn, not written: digits of OpenCV's Hershey fonts, turned and bent at random"

CANVAS = 3 * SIZE
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
THICKNESSES = (1, 2, 3)  # pixels of the canvas


def draw(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw n digits, each as often as the others, a function of the arguments alone.

    Returns pixels uint8 (n, 1, SIZE, SIZE) and labels int64 (n,) in 0..9.
    """
    random, stamps = torch.Generator().manual_seed(seed), _stamps()
    labels = torch.randperm(n, generator=random) % 10
    styles = torch.randint(stamps.shape[1], (n,), generator=random)
    parts = zip(labels.split(2048), styles.split(2048), strict=True)  # to bound the memory
    return torch.cat([_drawn(stamps[label, style], random) for label, style in parts]), labels


def _drawn(stamps: Tensor, random: torch.Generator) -> Tensor:
    """Turn, shear, scale, move, bend and dim digits on a canvas; add noise, average to SIZE.

    stamps: float32 (n, CANVAS, CANVAS) in [0, 1]. Returns uint8 (n, 1, SIZE, SIZE).
    """
    n = len(stamps)

    def normal(scale: float, *shape: int) -> Tensor:
        return scale * torch.randn(n, *shape, generator=random)

    angle, shear, (wide, high) = normal(0.1), normal(0.1), normal(0.1, 2).exp().T
    cos, sin = angle.cos(), angle.sin()
    rows = torch.stack([cos * wide, cos * shear - sin * high, sin * wide, sin * shear + cos * high])
    affine = torch.cat([rows.T.reshape(n, 2, 2), normal(0.05, 2, 1)], 2)
    grid = F.affine_grid(affine, [n, 1, CANVAS, CANVAS], align_corners=False)
    bend = F.interpolate(normal(0.04, 2, 4, 4), (CANVAS, CANVAS), mode="bicubic")
    bent = F.grid_sample(stamps[:, None], grid + bend.permute(0, 2, 3, 1), align_corners=False)
    ink = 0.7 + 0.3 * torch.rand(n, 1, 1, 1, generator=random)
    grey = ink * F.avg_pool2d(bent, CANVAS // SIZE) + normal(0.04, 1, SIZE, SIZE).abs()
    return (255 * grey.clamp(0, 1)).round().to(torch.uint8)


def _stamps() -> Tensor:
    """Return upright digits, float32 (10, fonts x thicknesses, CANVAS, CANVAS) in [0, 1]."""
    canvases = []
    for digit in CLASSES:
        for font in FONTS:
            for thickness in THICKNESSES:
                canvas = np.zeros((CANVAS, CANVAS), np.uint8)
                (width, height), _ = cv2.getTextSize(digit, font, 0.9, thickness)
                corner = ((CANVAS - width) // 2, (CANVAS + height) // 2)
                cv2.putText(canvas, digit, corner, font, 0.9, 255, thickness, cv2.LINE_AA)
                canvases.append(canvas)
    return torch.from_numpy(np.stack(canvases)).unflatten(0, (10, -1)) / 255
