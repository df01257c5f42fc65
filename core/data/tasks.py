"""The embedded grid of transfer tasks: two sizes of a similar and of a different task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch

from core.data.card import Card
from core.data.config import DataConfig
from core.data.folders import Prepare
from core.data.images import Images, Splits, concatenated
from core.data.sources import load
from core.data.subsets import few, only, resized
from core.trials import Shared

SOURCE, SIMILAR = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
"""classes of `digits` that the network learns first, and those of the similar task"""

HALVES = "Of digits, classes 0 to 4 are learnt first, 5 to 9 are the similar task."
SMALL = "The different task has 120 training images at most: large in name only."


@dataclass(frozen=True)
class Task:
    """One cell of the grid."""

    size: str
    """small or large"""
    similarity: str
    """similar or different, to what the network has learnt first"""
    images: Images
    """all that there are to train on"""
    test: Images
    n_classes: int
    per_class: int | None = None
    """training images of a class that each seed draws for itself; None: all of them, for all"""

    @property
    def name(self) -> str:
        """Return both sides of the cell."""
        return f"{self.size}, {self.similarity}"

    def train(self, seed: int) -> Images:
        """Return the training images of a seed; as many for every seed."""
        return few(self.images, self.per_class, seed) if self.per_class else self.images


@dataclass(frozen=True)
class Tasks:
    """What the network learns first, and the four cells."""

    source: Images | None
    """None for a network that comes pretrained"""
    cells: tuple[Task, ...]
    card: Card

    def find(self, levels: Mapping[str, str | int | float]) -> Task:
        """Return the cell of a trial, by its levels of size and task."""
        wanted = (levels["size"], levels["task"])
        return next(task for task in self.cells if (task.size, task.similarity) == wanted)

    def shared(self, order: Mapping[str, Sequence[str]]) -> Shared:
        """Name the test images of both tasks, similar/NAME and different/NAME; keep their labels.

        order: `arm` and factors -> their levels as tables list them.
        """
        tests = {cell.similarity: cell.test for cell in self.cells}
        return Shared(
            {
                f"image@{k}": tuple(f"{k}/{name}" for name in test.names)
                for k, test in tests.items()
            },
            {f"label@{k}": ((f"image@{k}",), test.labels.numpy()) for k, test in tests.items()},
            {name: tuple(levels) for name, levels in order.items()},
        )


def tasks(side: int, per_class: int, split_seed: int) -> Tasks:
    """Make the grid from the embedded sets, grey images of side x side pixels.

    Validation images are tested too: nothing is chosen by them. Of a small task each seed draws
    `per_class` training images of each class.
    """
    digits, faces = (
        load(DataConfig(data=name, split_seed=split_seed)) for name in ("digits", "lfw-patches")
    )
    source = resized(only(concatenated([digits.train, digits.val, digits.test]), SOURCE), side)
    targets = {"similar": _target(digits, SIMILAR, side), "different": _target(faces, (0, 1), side)}
    cells: list[Task] = []
    for similarity, (train, test) in targets.items():
        n_classes = int(train.labels.max()) + 1
        cells += _sizes(similarity, train, test, n_classes, per_class)
    n_digits = len(digits.card.classes)
    counts = {"learnt first": _count(source, 0, n_digits + len(faces.card.classes))}
    first = {"similar": min(SIMILAR), "different": n_digits}
    cards = [digits.card, faces.card]
    card = _joint(cards, counts, cells, first, per_class, [HALVES, SMALL])
    return Tasks(source, tuple(cells), card)


def folder_tasks(
    similar: DataConfig, different: DataConfig, prepare: Prepare, per_class: int
) -> Tasks:
    """Make the grid from two sets of image files, as a network wants them.

    Large takes all training images. Validation images are tested too. Raises UserError as `load`.
    """
    cells: list[Task] = []
    cards = []
    for similarity, config in (("similar", similar), ("different", different)):
        splits = load(config, prepare)
        test, n_classes = concatenated([splits.val, splits.test]), len(splits.card.classes)
        cells += _sizes(similarity, splits.train, test, n_classes, per_class)
        cards.append(splits.card)
    first = {"similar": 0, "different": len(cards[0].classes)}
    return Tasks(None, tuple(cells), _joint(cards, {}, cells, first, per_class, []))


def _target(splits: Splits, classes: tuple[int, ...], side: int) -> tuple[Images, Images]:
    test = concatenated([splits.val, splits.test])
    train, test = (resized(only(part, classes), side) for part in (splits.train, test))
    return train, test


def _sizes(
    similarity: str, train: Images, test: Images, n_classes: int, per_class: int
) -> list[Task]:
    return [
        Task("small", similarity, train, test, n_classes, per_class),
        Task("large", similarity, train, test, n_classes),
    ]


def _joint(
    cards: Sequence[Card],
    counts: dict[str, list[int]],
    cells: Sequence[Task],
    first: Mapping[str, int],
    per_class: int,
    warnings: Sequence[str],
) -> Card:
    """Describe two sets on one card. first: of each task, the place of its first class."""
    names = tuple(name for card in cards for name in card.classes)
    for cell in cells:
        for part, images in (("train", cell.train(0)), ("test", cell.test)):
            row = _count(images, first[cell.similarity], len(names))
            counts[f"{cell.name}: {part}"] = row
    rows = [*(card.fingerprint for card in cards), cells[0].test.shape, per_class]
    return Card(
        name="+".join(card.name for card in cards),
        source="; ".join(card.source for card in cards),
        fingerprint=sha256(repr(rows).encode()).hexdigest(),
        classes=names,
        shape=cells[0].test.shape,
        counts=counts,
        split=f"{cards[0].split}; validation and test images are tested, nothing is chosen by "
        f"them; each seed draws its own {per_class} training images a class of a small task",
        synthetic=any(card.synthetic for card in cards),
        warnings=[*warnings, *(line for card in cards for line in card.warnings)],
        quarantined=[bad for card in cards for bad in card.quarantined],
        conflicts=[group for card in cards for group in card.conflicts],
    )


def _count(images: Images, first: int, n: int) -> list[int]:
    return torch.bincount(images.labels + first, minlength=n).tolist()
