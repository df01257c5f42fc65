"""How large the structures of a texture are."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft


def artefacts(painted: NDArray[np.float64], content: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what was painted over the content: all that no recolouring of it explains.

    painted, content: (H, W, 3). A new sky colour is as large as the sky, and is no artefact; so
    the best affine map of the content's colours is taken out. Returns (H, W, 3), of mean zero.
    """
    colours = np.concatenate([content.reshape(-1, 3), np.ones((content.size // 3, 1))], 1)
    flat = painted.reshape(-1, 3)
    mapped = colours @ np.linalg.lstsq(colours, flat, rcond=None)[0]
    return (flat - mapped).reshape(painted.shape)


def autocorrelation(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of a texture with itself by distance, rings of one pixel.

    field: (H, W) or (H, W, channels); channels are added up. Pairs across the border do not
    count. Returns (n,): distances 0, 1, ... up to half the shorter side; NaN for a flat field.
    """
    layers = np.atleast_3d(field - field.mean((0, 1)))
    height, width = field.shape[:2]
    shape = (2 * height, 2 * width)  # padded: the transform is periodic and the picture is not
    power = np.square(np.abs(fft.rfft2(layers, shape, axes=(0, 1)))).sum(2)
    pairs = fft.irfft2(np.square(np.abs(fft.rfft2(np.ones((height, width)), shape))), shape)
    products = fft.irfft2(power, shape)
    rows, columns = np.meshgrid(
        fft.fftfreq(shape[0], 1 / shape[0]), fft.fftfreq(shape[1], 1 / shape[1]), indexing="ij"
    )
    ring = np.hypot(rows, columns).round().astype(int)
    n = min(height, width) // 2 + 1
    near = ring < n
    sums = np.bincount(ring[near], products[near], n) / np.bincount(ring[near], pairs[near], n)
    return sums / sums[0] if sums[0] > 1e-12 else np.full(n, np.nan)


def autocorrelation_length(field: NDArray[np.float64]) -> float:
    """Return the distance in pixels at which the correlation first falls to 1/e.

    field: (H, W) or (H, W, channels). Interpolated between rings; NaN if it never falls so low,
    or the field is flat.
    """
    profile = autocorrelation(field)
    below = np.flatnonzero(profile < np.exp(-1))
    if not len(below):
        return float("nan")
    last = below[0] - 1
    high, low = profile[last], profile[last + 1]
    return float(last + (high - np.exp(-1)) / (high - low))
