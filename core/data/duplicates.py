"""Copies of an image, exact and near, and the groups they form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist
from torch import Tensor
from torch.nn import functional as F

SIDE = 16
COMPONENTS = 16  # of the thumbnails; enough to leave few candidates to compare in full
THRESHOLD = 0.01
"""root mean square difference of two thumbnails, of a range of 1, above which no images are copies

Measured: copies saved anew (JPEG at quality 50) or scaled by 0.8 differ by less; at 0.01 digits
has no pair, Fashion-MNIST 27 and a folder of 2,150 skin images 3; at 0.04 chance pairs begin.
Copies that were cropped, mirrored or made brighter are not found.
"""
CONTRAST = 0.15
"""the same, of the lower of their contrasts (root mean square deviation from the channels' means):
pictures in the dark are no copies of each other. Of 300 pictures each of skin, dogs, cats and faces
copies differ by up to 0.15 of it, and no two others by less than 0.34"""
SPREAD = 0.03
"""the same, of the median difference in the set: small things on one ground are no copies of each
other. It counts where the median is below 0.33: photographs, garments and digits have 0.3 to 0.4,
skin 0.19 (at 0.0057, 99 % of the copies above are still found), small ellipses on black 0.005"""
SAMPLE = 500  # images that tell the median
PLAIN = 1e-5  # contrast of nothing but rounding


def thumbnails(pixels: Tensor) -> NDArray[np.float32]:
    """Average images over a 16 x 16 grid.

    pixels: uint8 (n, C, H, W). Returns float32 (n, C * 256) in [0, 1].
    """
    height = pixels.shape[2]  # row by row of the grid: large images need not fit in float32
    rows = [(i * height // SIDE, -(-(i + 1) * height // SIDE)) for i in range(SIDE)]
    chunks = (
        torch.cat([F.interpolate(x[:, :, a:b].float(), (1, SIDE), mode="area") for a, b in rows], 2)
        for x in pixels.split(4096)
    )
    return torch.cat(list(chunks)).flatten(1).div_(255).numpy()


def groups_of(
    digests: Sequence[bytes], thumbs: NDArray[np.float32], owners: Sequence[str] = ()
) -> NDArray[np.int64]:
    """Number the groups of copies: exact ones by digest, near ones by thumbnail, and their chains.

    digests: hashes of the images' pixels; thumbs: (n, features) float32; owners: patient or
    lesion of each image, who joins them too, empty where it is not known. Returns (n,) int64,
    equal for copies.
    """
    n = len(digests)
    _, first, same = np.unique(np.array(digests), return_index=True, return_inverse=True)
    near = _near_pairs(thumbs[first])
    known = np.array([i for i, owner in enumerate(owners) if owner], dtype=np.int64)
    _, lead, whose = np.unique([owners[i] for i in known], return_index=True, return_inverse=True)
    rows = np.concatenate([np.arange(n), first[near[:, 0]], known])
    columns = np.concatenate([first[same], first[near[:, 1]], known[lead[whose]]])
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _near_pairs(thumbs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find the pairs that are as near as THRESHOLD, CONTRAST and SPREAD say, (pairs, 2).

    A projection onto principal components only shortens distances, so a search there loses none.
    Images are searched with those of about their contrast: in the dark all are near.
    """
    contrast = np.sqrt(thumbs.reshape(len(thumbs), -1, SIDE**2).var(2).mean(1))
    most = min(THRESHOLD, SPREAD * _median(thumbs))
    reach = np.where(contrast > PLAIN, np.minimum(most, CONTRAST * contrast), 0)
    places, near = _projected(thumbs), [np.empty((0, 2), dtype=np.int64)]
    octave = np.ceil(np.log2(np.maximum(reach, CONTRAST * PLAIN) / THRESHOLD)).astype(int)
    for level in np.unique(octave[reach > 0]):
        members = np.flatnonzero((octave == level) | (octave == level + 1))
        radius = THRESHOLD * 2.0**level * np.sqrt(thumbs.shape[1])
        pairs = members[cKDTree(places[members]).query_pairs(radius, output_type="ndarray")]
        pairs = pairs[octave[pairs].min(1) == level]
        for part in _chunks(pairs):
            gaps = np.sqrt(np.square(thumbs[part[:, 0]] - thumbs[part[:, 1]]).mean(1))
            near.append(part[gaps <= reach[part].min(1)])
    return np.concatenate(near)


def _median(thumbs: NDArray[np.float32]) -> float:
    """Return the median root mean square difference of two pictures that differ, or infinity."""
    some = thumbs[np.unique(np.linspace(0, len(thumbs) - 1, SAMPLE).round().astype(int))]
    gaps = pdist(some) / np.sqrt(thumbs.shape[1])
    gaps = gaps[gaps > PLAIN]
    return float(np.median(gaps)) if len(gaps) else np.inf


def _projected(thumbs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first principal components of thumbnails, (n, COMPONENTS).

    In float64: in float32 the decomposition need not converge, as with small things on plain
    ground, whose covariance is all but singular.
    """
    mean = thumbs.mean(0, dtype=np.float64)
    scatter = np.zeros((thumbs.shape[1],) * 2)
    for part in _chunks(thumbs):
        scatter += (part - mean).T @ (part - mean)
    components = eigh(scatter)[1][:, -COMPONENTS:]
    return np.concatenate([(part - mean) @ components for part in _chunks(thumbs)])


def _chunks(rows: NDArray[Any], size: int = 8192) -> list[NDArray[Any]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
