"""Training images, changed in ways that leave their class alone."""

import torch
from torch import Tensor
from torch.nn import functional as F

SHIFT = 1 / 14  # of the side: 16 pixels of 224


def mirror(pixels: Tensor) -> Tensor:
    """Mirror each image of a batch or not, as likely; (batch, C, H, W) float.

    Randomness is torch's global generator of the CPU, which `fit` sets by seed and epoch.
    """
    turned = torch.rand(len(pixels), 1, 1, 1).to(pixels.device) < 0.5
    return torch.where(turned, pixels.flip(-1), pixels)


def mirror_and_shift(pixels: Tensor) -> Tensor:
    """Mirror as `mirror` does, and move each image by up to a fourteenth of its side, at random.

    pixels: (batch, C, H, W) float. Returns the like; the border is reflected.
    """
    n, _, height, width = pixels.shape
    pixels = mirror(pixels)
    reach = max(1, round(min(height, width) * SHIFT))
    wide = F.pad(pixels, (reach,) * 4, mode="reflect")
    corners = torch.randint(0, 2 * reach + 1, (n, 2)).tolist()
    return torch.stack(
        [
            image[:, y : y + height, x : x + width]
            for image, (y, x) in zip(wide, corners, strict=True)
        ]
    )
