"""How close images come to their originals, image by image.

All images are float (n, C, H, W) in [0, 1]; every function returns one number an image.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BEST = 1e-10  # squared error that counts as none: PSNR is bounded at 100 dB, and a mean exists
FLOOR = 1e-6  # power of rounding to 8 bits, about: less is not told from none


def squared_errors(images: Tensor, originals: Tensor) -> Tensor:
    """Measure the mean squared error a pixel of every image; returns (n,).

    The course printed batch size times as much: it divided a sum over images by batches.
    """
    return (images - originals).square().flatten(1).mean(1)


def psnr(errors: Tensor) -> Tensor:
    """Turn squared errors (n,) into peak signal-to-noise ratios in dB, 100 at most."""
    return -10 * torch.log10(errors.clamp(min=BEST))


def ssim(images: Tensor, originals: Tensor) -> NDArray[np.float64]:
    """Measure the structural similarity of every image, in [-1, 1]; returns (n,).

    The window is 7x7, or the largest odd one that fits. Raises ValueError below 3x3 pixels.

    Source: Wang et al., IEEE Trans. Image Processing 13 (2004) 600-612; scikit-image's.
    """
    from skimage.metrics import structural_similarity

    side = min(images.shape[-2:])
    if side < 3:
        raise ValueError(f"images: {side} pixels on a side, wanted 3 or more")
    window = min(7, side - 1 + side % 2)
    pairs = zip(images.numpy(), originals.numpy(), strict=True)
    return np.array(
        [structural_similarity(a, b, win_size=window, data_range=1.0, channel_axis=0)
         for a, b in pairs]
    )  # fmt: skip


def spectrum(images: Tensor) -> Tensor:
    """Measure the power of every image at each frequency, the mean taken off, mean over channels.

    Returns (n, H, W), frequencies in the order of `torch.fft.fft2`; their mean is the variance.
    """
    centred = images - images.mean((-2, -1), keepdim=True)
    return torch.fft.fft2(centred, norm="ortho").abs().square().mean(1)


def checkerboard(images: Tensor) -> Tensor:
    """Measure how far the power at a period of two pixels stands out, in dB; returns (n,).

    It is the mean power on the highest row and column frequency over that on the two next to
    them: near or below 0 for natural images, whose power falls with frequency, above where a
    pattern repeats every second pixel. Blur lowers both and cancels. A constant image has 0.
    Raises ValueError below 6x6 pixels.
    """
    height, width = images.shape[-2:]
    if min(height, width) < 6:
        raise ValueError(f"images: {height}x{width} pixels, wanted 6x6 or more")
    rows, columns = (_below_highest(side)[shape] for side, shape in
                     ((height, (slice(None), None)), (width, (None, slice(None)))))  # fmt: skip
    nearest = torch.minimum(rows.expand(height, width), columns.expand(height, width))
    power = spectrum(images).double()
    highest, beside = (
        power[:, part].mean(1) for part in (nearest == 0, (nearest == 1) | (nearest == 2))
    )
    return (10 * torch.log10((highest + FLOOR) / (beside + FLOOR))).float()


def _below_highest(side: int) -> Tensor:
    """Return how many steps each frequency of an axis lies below the highest, (side,)."""
    index = torch.arange(side)
    return side // 2 - torch.minimum(index, side - index)
