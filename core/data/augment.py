"""Training images, changed in ways that leave their class alone."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from core.data.images import Files, Images, Loads

SHIFT = 1 / 14  # of the side: 16 pixels of 224


@dataclass(frozen=True)
class Mirrored:
    """Reads a file and mirrors it; its repr tells it from the file as it is."""

    decode: Loads

    def __call__(self, path: Path) -> Tensor:
        """Return uint8 (C, H, W)."""
        return self.decode(path).flip(-1)


def mirrored(images: Images) -> Images:
    """Return the images with left and right exchanged; those on disk stay there."""
    pixels = images.pixels
    if isinstance(pixels, Files):
        flipped = Files(pixels.paths, pixels.shape, Mirrored(pixels.decode))
        return replace(images, pixels=flipped)
    return replace(images, pixels=pixels.flip(-1))


def mirror_and_shift(pixels: Tensor) -> Tensor:
    """Mirror every second image and move each by up to a fourteenth of its side, at random.

    pixels: (batch, C, H, W) float. Returns the like; the border is reflected. Randomness is
    torch's global generator, which `fit` sets by seed and epoch.
    """
    n, _, height, width = pixels.shape
    turned = torch.rand(n, 1, 1, 1).to(pixels.device) < 0.5
    pixels = torch.where(turned, pixels.flip(-1), pixels)
    reach = max(1, round(min(height, width) * SHIFT))
    wide = F.pad(pixels, (reach,) * 4, mode="reflect")
    corners = torch.randint(0, 2 * reach + 1, (n, 2)).tolist()
    return torch.stack(
        [
            image[:, y : y + height, x : x + width]
            for image, (y, x) in zip(wide, corners, strict=True)
        ]
    )
