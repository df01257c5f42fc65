"""What the neighbours of embedded images tell of their classes, and what chance alone would.

near: int (n, k), indices of the images nearest to each; labels: int (n,).
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Floats

SHUFFLES = 9_999
CHUNK = 500  # shuffles at a time: they hold chunk x n x k labels


def hits(near: NDArray[np.integer], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Tell which images most of their neighbours name right, ties to the lower class.

    labels: (..., n), of which the leading axes may be shuffles. Returns bool (..., n).
    """
    kinds = labels.astype(np.min_scalar_type(labels.max()))  # a shuffle copies n x k of them
    votes = kinds[..., near]
    tally = np.stack([(votes == c).sum(-1) for c in range(int(labels.max()) + 1)])
    return tally.argmax(0) == labels


def kept(near: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the share of each image's neighbours that are its neighbours among others too."""
    return (near[:, :, None] == others[:, None, :]).any(2).mean(1)


@dataclass(frozen=True)
class Shuffled:
    """A number less what chance gives: its law is that of the same number of shuffled labels.

    A truth is rejected where the number, less this truth, is beyond all but a share alpha of the
    shuffled ones; the number itself counts as one of them.

    Source: Phipson, Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) article 39.
    """

    value: float
    chance: NDArray[np.float64]
    """sorted, of mean 0"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the value less the highest and the lowest that chance gives."""
        beyond = np.floor(np.asarray(alpha) * (len(self.chance) + 1) + 1e-9).astype(int)
        at = np.clip(beyond, 1, len(self.chance)) - 1
        low, high = self.value - self.chance[::-1][at], self.value - self.chance[at]
        return np.where(beyond < 1, -np.inf, low), np.where(beyond < 1, np.inf, high)


class AtHand(Components):
    """Components of one embedding: more images would make another."""

    can_grow = False


def above_chance(
    near: NDArray[np.integer], labels: NDArray[np.integer], shuffles: int = SHUFFLES
) -> Estimate:
    """Estimate by how much neighbours name more images right than with shuffled labels.

    Give it equally many images of every class. The interval is that of a permutation test, and of
    this one embedding: an image's neighbours are no independent draws, so that no number of images
    is advised.
    """
    random, share, n = np.random.default_rng(0), float(hits(near, labels).mean()), len(labels)
    shuffled = np.concatenate(
        [
            hits(near, random.permuted(np.tile(labels, (len(part), 1)), axis=1)).mean(1)
            for part in np.array_split(np.arange(shuffles), ceil(shuffles / CHUNK))
        ]
    )
    value, chance = share - shuffled.mean(), np.sort(shuffled - shuffled.mean())
    parts = AtHand(0.0, float(chance.var()) * n, 0.0, 1, n)
    law = Shuffled(value, chance)
    return Estimate.of(parts, law, f"{shuffles:,} shuffles of the labels", bounds=(-1, 1))
