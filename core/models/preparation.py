"""What is done to an image before a network sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import functional as transforms


@dataclass(frozen=True)
class Preparation:
    """What a backbone wants done to an image: torchvision's preset of its weights."""

    resize: int
    """the shorter side in pixels"""
    crop: int
    """side of the square cut from the centre"""
    interpolation: str
    """bilinear or bicubic"""
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Read what `asdict` made, after JSON. Raises TypeError, KeyError for other names."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width) of a prepared image."""
        return 3, self.crop, self.crop

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """Scale and crop an RGB image; return uint8 (3, crop, crop)."""
        mode = transforms.InterpolationMode(self.interpolation)
        cut = transforms.center_crop(transforms.resize(image, [self.resize], mode), [self.crop])
        return np.ascontiguousarray(np.asarray(cut).transpose(2, 0, 1))

    def normalise(self, pixels: Tensor) -> Tensor:
        """Standardise pixels, (batch, 1 or 3, H, W) float in [0, 1].

        Those of another size, which did not pass through `__call__`, are scaled to the crop.
        """
        if pixels.shape[-2:] != self.shape[1:]:
            pixels = F.interpolate(pixels, self.shape[1:], mode="bilinear", antialias=True)
        mean, std = (
            torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (self.mean, self.std)
        )
        return (pixels.expand(-1, 3, -1, -1) - mean) / std
