"""Copies of an image, exact and near, and the groups they form."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional as F

SIDE = 16
COMPONENTS = 16
THRESHOLD = 0.01


def thumbnails(pixels: Tensor) -> NDArray[np.float32]:
    small = F.interpolate(pixels.float() / 255, size=(SIDE, SIDE), mode="area")
    return small.flatten(1).numpy()


def near_pairs(thumbs, threshold):
    x = torch.from_numpy(thumbs)
    x = x - x.mean(0)
    cov = x.T @ x
    _, vectors = torch.linalg.eigh(cov)
    low = (x @ vectors[:, -COMPONENTS:]).numpy()
    radius = threshold * np.sqrt(x.shape[1])
    pairs = cKDTree(low).query_pairs(radius, output_type="ndarray")
    d = np.sqrt(np.mean((thumbs[pairs[:, 0]] - thumbs[pairs[:, 1]]) ** 2, axis=1)) if len(pairs) else np.empty(0)
    return pairs, d
