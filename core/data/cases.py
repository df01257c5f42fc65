"""Pictures that put the whole algorithm to the test: dogs, people, both on one, and neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.data import strata
from core.data.card import Card
from core.data.decode import WHITE, decode
from core.data.images import Images, Splits
from core.detection.config import KINDS
from core.device import derive

SEEN_TOO = (
    "Photographs of dogs and cats often show people too: a face found there counts as a mistake, "
    "though it may be real."
)
SHARE = 0.45
"""of the dog's picture that the person pasted into its corner takes, by side"""
COMPOSITE = (
    "Pictures of both are composites made here: a person pasted into the corner of a picture of a "
    "dog. They show what happens, not how often it happens in photographs."
)


@dataclass(frozen=True)
class Case:
    """A picture and what it shows."""

    kind: str
    """one of KINDS"""
    breed: int
    """class of the dog, -1 without one"""
    dog: Tensor | None
    """uint8 (3, H, W)"""
    person: Path | None
    """a file of a person, or of what is neither"""
    white: int = WHITE
    """of that file, if it has 16 bits"""

    def picture(self) -> Image.Image:
        """Return the RGB image."""
        if self.dog is None:
            assert self.person is not None
            return decode(self.person, self.white)
        image = Image.fromarray(self.dog.permute(1, 2, 0).numpy())
        if self.person is None:
            return image
        side = round(SHARE * min(image.size))
        face = decode(self.person, self.white).resize((side, side), Image.Resampling.BICUBIC)
        image.paste(face, (0, image.height - side))
        return image


@dataclass(frozen=True)
class Cases:
    """All pictures, and their card."""

    cases: tuple[Case, ...]
    card: Card

    @property
    def names(self) -> tuple[str, ...]:
        """Return a name for every picture: its kind and a number."""
        return tuple(f"{case.kind}-{number:04d}" for number, case in enumerate(self.cases))

    @property
    def kinds(self) -> NDArray[np.int64]:
        """Return the kind of every picture, an index into KINDS."""
        return np.array([KINDS.index(case.kind) for case in self.cases])

    @property
    def breeds(self) -> NDArray[np.int64]:
        """Return the class of every picture's dog, -1 without one."""
        return np.array([case.breed for case in self.cases])


def cases(
    splits: Splits, folders: Mapping[str, Sequence[Path]], root: Path, limit: int, seed: int
) -> Cases:
    """Gather at most `limit` pictures of every kind.

    splits: of breeds; dogs come from its test side, those of composites from validation. folders:
    people and neither -> folders, as `strata.read` takes them; raises UserError as that.
    """
    pictures = strata.read(folders, root, 2 * limit, seed, "app")
    people, neither = (
        [item.path for item in pictures.items if item.stratum == name] for name in folders
    )
    half = min(limit, len(people) // 2)
    dogs, others = (
        _draw(part, limit, derive(seed, i)) for i, part in enumerate((splits.test, splits.val))
    )
    gathered = [
        *(Case("dog", int(label), pixels, None) for pixels, label in dogs),
        *(Case("human", -1, None, path, pictures.white) for path in people[:half]),
        *(
            Case("both", int(label), pixels, path, pictures.white)
            for (pixels, label), path in zip(others, people[half : 2 * half], strict=False)
        ),
        *(Case("neither", -1, None, path, pictures.white) for path in neither[:limit]),
    ]
    counts = [sum(case.kind == kind for case in gathered) for kind in KINDS]
    key = repr((splits.card.fingerprint, pictures.card.fingerprint, counts, SHARE))
    card = replace(
        pictures.card,
        name=f"{splits.card.name}+people",
        source=f"{splits.card.source}; {pictures.card.source}",
        fingerprint=sha256(key.encode()).hexdigest(),
        classes=KINDS,
        counts={"test": counts},
        split=f"dogs: {splits.card.split}; nothing else is trained on",
        warnings=[COMPOSITE, SEEN_TOO, *splits.card.warnings, *pictures.card.warnings],
    )
    return Cases(tuple(gathered), card)


def _draw(images: Images, limit: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Draw images and labels, a function of the seed."""
    n = min(limit, len(images))
    index = np.sort(np.random.default_rng(seed).permutation(len(images))[:n])
    part = images.take(torch.from_numpy(index))
    return list(zip(part.tensor(), part.labels, strict=True))
