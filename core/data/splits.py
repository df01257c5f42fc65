"""Splits from groups of copies: two copies never fall on two sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.device import derive
from core.errors import UserError

SHARES = (0.6, 0.2, 0.2)
NAMES = ("train", "val", "test")


def divide(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int,
    is_test: NDArray[np.bool_] | None = None,
    shares: Sequence[float] = SHARES,
) -> NDArray[np.str_]:
    """Assign every image to train, val or test, class by class, whole groups at a time.

    labels: (n,) int64; groups: (n,) int64, equal for copies. is_test: (n,) bool, images of an
    official test set; they stay whole, copies of them get the empty side (left out), and `shares`
    then has two entries. A group's class is that of its first image. Returns (n,) str, a function
    of the images' order and the seed. Raises UserError for a class with fewer groups than sides.
    """
    side = np.full(len(labels), "", dtype="<U5")
    free = np.ones(len(labels), dtype=bool)
    if is_test is not None:
        side[is_test] = "test"
        free = ~np.isin(groups, groups[is_test])
    members, first, sizes = np.unique(
        groups[free], return_index=True, return_counts=True
    )
    classes = labels[free][first]
    random = np.random.default_rng(derive(seed))
    chosen: dict[int, str] = {}
    for label in np.unique(labels):
        own = random.permutation(np.flatnonzero(classes == label))
        if len(own) < len(shares):
            raise UserError(
                f"--data: class {label} has {len(own)} images that are not copies of each other, "
                f"{len(shares)} or more are wanted"
            )
        for name, part in zip(NAMES, _cut(sizes[own], shares), strict=False):
            chosen |= dict.fromkeys(members[own[part]].tolist(), name)
    side[free] = [chosen[group] for group in groups[free].tolist()]
    return side


def _cut(sizes: NDArray[np.int64], shares: Sequence[float]) -> list[slice]:
    """Cut a list of groups where their cumulated sizes reach the shares; none is left empty."""
    total = np.cumsum(sizes)
    bounds = np.searchsorted(total, np.cumsum(shares[:-1]) * total[-1] + 0.5)
    for index in range(len(bounds)):  # every side gets a group
        room = len(sizes) - (len(bounds) - index)
        bounds[index] = np.clip(bounds[index], (bounds[index - 1] if index else 0) + 1, room)
    edges = [0, *bounds.tolist(), len(sizes)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]


def conflicts(
    labels: NDArray[np.int64], groups: NDArray[np.int64], names: Sequence[str]
) -> list[list[str]]:
    """List the groups of copies whose labels differ, as the names of their images."""
    order = np.lexsort((np.arange(len(groups)), groups))
    found = []
    for part in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(set(labels[part].tolist())) > 1:
            found.append([names[index] for index in part])
    return found
