"""Pictures of different sizes with what is known of the faces on them, for detectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card, Quarantined
from core.device import derive

Pixels = NDArray[np.uint8]
"""an upright image, uint8 (height, width, 3), always RGB"""
Boxes = NDArray[np.float32]
"""(n, 4): x0, y0, x1, y1 in pixels"""

NONE: Boxes = np.empty((0, 4), dtype=np.float32)


@dataclass(frozen=True)
class Picture:
    """An image that is decoded when asked for."""

    name: str
    load: Callable[[], Pixels]
    """returns uint8 (height, width, 3) RGB"""
    face: bool
    """whether a human face is on it"""
    boxes: Boxes | None = None
    """its faces, none on a picture without; None where they were not marked"""
    ignored: Boxes = field(default_factory=lambda: NONE)
    """places that count neither as a face nor as a false alarm"""
    path: Path | None = None
    """its file, if it has one"""
    size: tuple[int, int] = (0, 0)
    """height and width, where a file was looked at"""


@dataclass(frozen=True)
class Gallery:
    """A set of pictures."""

    name: str
    source: str
    pictures: tuple[Picture, ...]
    fingerprint: str
    size: tuple[int, int]
    """height and width of the largest"""
    warnings: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()

    def sample(self, n: int, seed: int) -> "Gallery":
        """Draw at most n pictures with a face and n without, in their order; pure in the seed."""
        random = np.random.default_rng(derive(seed))
        kept: list[int] = []
        for face in (True, False):
            of_kind = [i for i, p in enumerate(self.pictures) if p.face is face]
            kept += random.permutation(of_kind)[:n].astype(int).tolist()
        return replace(self, pictures=tuple(self.pictures[i] for i in sorted(kept)))


def describe(galleries: Sequence[Gallery]) -> Card:
    """Write the data card of a study on galleries; every picture is a test picture."""
    pictures = [picture for gallery in galleries for picture in gallery.pictures]
    with_face = sum(picture.face for picture in pictures)
    warnings = [line for gallery in galleries for line in gallery.warnings]
    return Card(
        name=" + ".join(gallery.name for gallery in galleries),
        source="; ".join(gallery.source for gallery in galleries),
        fingerprint=sha256(repr([g.fingerprint for g in galleries]).encode()).hexdigest(),
        classes=("face", "no face"),
        shape=(3, *max(gallery.size for gallery in galleries)),
        counts={"test": [with_face, len(pictures) - with_face]},
        split="none: nothing is trained, all images test",
        warnings=list(dict.fromkeys(warnings)),
        quarantined=[file for gallery in galleries for file in gallery.quarantined],
    )


def fingerprint(pictures: Sequence[Picture], digests: Sequence[bytes]) -> str:
    """Hash pixels, names, faces and boxes of pictures (sha256, hexadecimal)."""
    total = sha256()
    for picture, digest in zip(pictures, digests, strict=True):
        boxes = [None if b is None else b.tolist() for b in (picture.boxes, picture.ignored)]
        total.update(repr((picture.name, picture.face, boxes)).encode() + digest)
    return total.hexdigest()
