"""Copies of an image, exact and near, and the groups they form."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional as F

SIDE = 16
COMPONENTS = 16  # of the thumbnails; enough to leave few candidates to compare in full
THRESHOLD = 0.01
"""root mean square difference of two thumbnails, of a range of 1, below which images are copies

Measured: copies saved anew (JPEG at quality 50) or scaled by 0.8 differ by less; at 0.01 digits
has no pair, Fashion-MNIST 27 and a folder of 2,150 skin images 3; at 0.04 chance pairs begin.
Copies that were cropped, mirrored or made brighter are not found.
"""


def thumbnails(pixels: Tensor) -> NDArray[np.float32]:
    """Average images over a 16 x 16 grid.

    pixels: uint8 (n, C, H, W). Returns float32 (n, C * 256) in [0, 1].
    """
    chunks = (F.interpolate(each.float(), (SIDE, SIDE), mode="area") for each in pixels.split(4096))
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
    _, own, shared = np.unique([owners[i] for i in known], return_index=True, return_inverse=True)
    rows = np.concatenate([np.arange(n), first[near[:, 0]], known])
    columns = np.concatenate([first[same], first[near[:, 1]], known[own[shared]]])
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _near_pairs(thumbs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find the pairs closer than THRESHOLD, (pairs, 2).

    A projection onto principal components only shortens distances, so a search there loses none.
    """
    x = torch.from_numpy(thumbs - thumbs.mean(0))
    components = torch.linalg.eigh(x.T @ x).eigenvectors[:, -COMPONENTS:]
    radius = THRESHOLD * np.sqrt(thumbs.shape[1])
    pairs = cKDTree((x @ components).numpy()).query_pairs(radius, output_type="ndarray")
    gaps = [np.square(thumbs[part[:, 0]] - thumbs[part[:, 1]]).mean(1) for part in _chunks(pairs)]
    close = np.concatenate([np.empty(0), *gaps]) < THRESHOLD**2
    return pairs[close].astype(np.int64)


def _chunks(pairs: NDArray[np.int64], size: int = 65536) -> list[NDArray[np.int64]]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]
