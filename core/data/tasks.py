"""The embedded grid of transfer tasks: two sizes of a similar and of a different task."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import torch

from core.data.card import Card
from core.data.config import DataConfig
from core.data.images import Images, Splits, concatenated
from core.data.sources import load
from core.data.subsets import few, only, resized

SOURCE, SIMILAR = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
"""classes of `digits` that the network learns first, and those of the similar task"""


@dataclass(frozen=True)
class Task:
    """One cell of the grid."""

    size: str
    """small or large"""
    similarity: str
    """similar or different, to what the network has learnt first"""
    train: Images
    test: Images
    n_classes: int

    @property
    def name(self) -> str:
        """Return both sides of the cell."""
        return f"{self.size}, {self.similarity}"


@dataclass(frozen=True)
class Tasks:
    """What the network learns first, and the four cells."""

    source: Images
    cells: tuple[Task, ...]
    card: Card

    def find(self, params: Mapping[str, str | int | float]) -> Task:
        """Return the cell with this size and task."""
        wanted = (params["size"], params["task"])
        return next(each for each in self.cells if (each.size, each.similarity) == wanted)


def tasks(side: int, per_class: int, split_seed: int) -> Tasks:
    """Make the grid from the embedded sets, grey images of side x side pixels.

    Validation images are tested too: nothing is chosen by them. A small task has `per_class`
    training images of each class.
    """
    digits, faces = (
        load(DataConfig(data=name, split_seed=split_seed)) for name in ("digits", "lfw-patches")
    )
    source = resized(only(concatenated([digits.train, digits.val, digits.test]), SOURCE), side)
    targets = {"similar": _target(digits, SIMILAR, side), "different": _target(faces, (0, 1), side)}
    cells = []
    for similarity, (train, test) in targets.items():
        n_classes = int(train.labels.max()) + 1
        small = few(train, per_class, split_seed)
        for size, own in (("small", small), ("large", train)):
            cells.append(Task(size, similarity, own, test, n_classes))
    return Tasks(source, tuple(cells), _card(digits.card, faces.card, source, cells, per_class))


def _target(splits: Splits, classes: tuple[int, ...], side: int) -> tuple[Images, Images]:
    test = concatenated([splits.val, splits.test])
    train, test = (resized(only(part, classes), side) for part in (splits.train, test))
    return train, test


def _card(digits: Card, faces: Card, source: Images, cells: list[Task], per_class: int) -> Card:
    names = (*digits.classes, *faces.classes)
    first = {"similar": min(SIMILAR), "different": len(digits.classes)}
    counts = {"learnt first": _count(source, 0, len(names))}
    for cell in cells:
        for part, images in (("train", cell.train), ("test", cell.test)):
            counts[f"{cell.name}: {part}"] = _count(images, first[cell.similarity], len(names))
    rows = [digits.fingerprint, faces.fingerprint, source.shape, per_class]
    return Card(
        name="digits+lfw-patches",
        source=f"{digits.source}, classes 0 to 4 learnt first, 5 to 9 the similar task; "
        f"{faces.source}, the different task",
        fingerprint=sha256(repr(rows).encode()).hexdigest(),
        classes=names,
        shape=source.shape,
        counts=counts,
        split=f"{digits.split}; validation and test images are tested, nothing is chosen by them",
        warnings=[
            "The different task has 120 training images at most: large in name only.",
            *faces.warnings,
        ],
    )


def _count(images: Images, first: int, n: int) -> list[int]:
    return torch.bincount(images.labels + first, minlength=n).tolist()
