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
    the source has them. Sides that the source lacks get a fifth of train each. A group with several
    classes counts for the one that has the fewest groups. A copy of a test image leaves train and
    val, and a copy of a validation image leaves train: its side is empty. Returns (n,) str, a
    function of the images' order and the seed. Raises UserError for a class with too few images to
    divide, and for validation images that are all copies of test images.
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
    members, of, sizes = np.unique(groups[free], return_inverse=True, return_counts=True)
    within = np.zeros((len(members), len(classes)), dtype=bool)
    within[of, labels[free]] = True
    for name, n in zip(classes, within.sum(0), strict=True):
        if n < len(wanted):
            raise UserError(
                f"--data: class {name!r} has {n} images to train on, counting copies, and images "
                f"of one patient or lesion, once; {len(wanted)} or more are wanted"
            )
    class_of = _class_of(within)
    for label in range(len(classes)):
        order = random.permutation(np.flatnonzero(class_of == label))
        if len(order) >= len(wanted):  # else they stay in train, and the class is in other groups
            for target, part in zip(wanted, _cut(sizes[order], shares), strict=True):
                side[free & np.isin(groups, members[order[part]])] = target
    for target in wanted:
        lacking = set(range(len(classes))) - set(labels[side == target].tolist())
        if lacking:
            raise UserError(
                f"--data: class {classes[min(lacking)]!r} has no image for {target}, as copies, "
                "and images of one patient or lesion, stay together: more of them are wanted"
            )
    return side


def _class_of(within: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the class that each group counts for. within: (groups, classes), what it has."""
    class_of, n_classes = within.argmax(1), within.sum(1)
    counts = within[n_classes == 1].sum(0)
    for group in np.flatnonzero(n_classes > 1):
        among = np.flatnonzero(within[group])
        class_of[group] = among[counts[among].argmin()]
        counts[class_of[group]] += 1
    return class_of


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
