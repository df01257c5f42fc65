"""Splits from groups of copies: two copies never fall on two sides."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.device import derive
from core.errors import UserError

NAMES = ("train", "val", "test")
SHARE = 0.2  # of validation, and of test, where the source brings none


def divide(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    given: NDArray[np.str_],
    seed: int,
    classes: Sequence[str],
) -> NDArray[np.str_]:
    """Assign every image to train, val or test, class by class, whole groups at a time.

    labels: (n,) int64; groups: (n,) int64, equal for copies; given: (n,) of train, val, test, as
    the source has them. Sides that the source lacks get a fifth of train each. A copy of a test
    image leaves train and val, and a copy of a validation image leaves train: its side is empty.
    Returns (n,) str, a function of the images' order and the seed. Raises UserError for a class
    with too few images to divide, and for validation images that are all copies of test images.
    """
    rank = np.array([NAMES.index(side) for side in given])
    highest = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    np.maximum.at(highest, groups, rank)
    side = np.where(rank == highest[groups], given, "")
    if "val" in given and "val" not in side:
        n = int((given == "val").sum())
        raise UserError(f"--data: all {n} val images are copies of test images; others are wanted")
    wanted = ["train", *(name for name in NAMES[1:] if name not in given)]
    shares = [1 - SHARE * (len(wanted) - 1)] + [SHARE] * (len(wanted) - 1)
    free = side == "train"
    random = np.random.default_rng(derive(seed))
    members, first, sizes = np.unique(groups[free], return_index=True, return_counts=True)
    classes_of = labels[free][first]  # where labels conflict, that of the first image
    for label, name in enumerate(classes):
        order = random.permutation(np.flatnonzero(classes_of == label))
        if len(order) < len(wanted):
            raise UserError(
                f"--data: class {name!r} has {len(order)} images to train on, counting copies, and "
                f"images of one patient or lesion, once; {len(wanted)} or more are wanted"
            )
        for target, part in zip(wanted, _cut(sizes[order], shares), strict=True):
            side[free & np.isin(groups, members[order[part]])] = target
    return side


def _cut(sizes: NDArray[np.int64], shares: Sequence[float]) -> list[slice]:
    """Cut a list of groups where their cumulated sizes reach the shares; none is left empty."""
    total = np.cumsum(sizes)
    bounds = np.searchsorted(total, np.cumsum(shares[:-1]) * total[-1] + 0.5)
    for index in range(len(bounds)):  # every side gets a group
        room = len(sizes) - (len(bounds) - index)
        bounds[index] = np.clip(bounds[index], (bounds[index - 1] if index else 0) + 1, room)
    edges = [0, *bounds.tolist(), len(sizes)]
    return [slice(a, b) for a, b in pairwise(edges)]


def conflicts(
    labels: NDArray[np.int64], groups: NDArray[np.int64], names: Sequence[str]
) -> list[list[str]]:
    """List the groups of copies whose labels differ, as the names of their images."""
    order = np.lexsort((np.arange(len(groups)), groups))
    conflicting = []
    for part in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(set(labels[part].tolist())) > 1:
            conflicting.append([names[index] for index in part])
    return conflicting
