"""Images of a source, divided into splits and described on a card."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.card import Card, Quarantined
from core.data.config import DataConfig
from core.data.duplicates import groups_of, thumbnails
from core.data.images import Images, InMemory, Splits
from core.data.splits import NAMES, conflicts, divide

COPIES = "Copies of test or validation images, left out of training: {:,}."


class Facts(TypedDict):
    """What only the source knows of its images, for the card."""

    source: str
    classes: tuple[str, ...]
    synthetic: NotRequired[bool]
    warnings: NotRequired[Sequence[str]]
    quarantined: NotRequired[list[Quarantined]]


def in_memory(
    config: DataConfig,
    images: InMemory,
    given: NDArray[np.str_],
    card: Facts,
    owners: Sequence[str] = (),
) -> Splits:
    """Divide images that are held, as `assemble` does."""
    digests = [sha256(image.tobytes()).digest() for image in images.pixels.numpy()]
    thumbs = thumbnails(images.pixels)
    return assemble(images, config, given, digests, thumbs, card, owners)


def assemble(
    images: Images,
    config: DataConfig,
    given: NDArray[np.str_],
    digests: Sequence[bytes],
    thumbs: NDArray[np.float32],
    card: Facts,
    owners: Sequence[str] = (),
) -> Splits:
    """Divide the images by groups of copies and of owners, and write the card.

    given: (n,) of train, val and test, as the source has them; card: what only the source knows;
    owners: the patient or lesion of each image, empty where it is not known.
    """
    labels, classes = images.labels.numpy(), card["classes"]
    groups = groups_of(digests, thumbs, owners)
    side = divide(labels, groups, given, config.split_seed, classes)
    left_out = int((side == "").sum())
    parts = {name: images.take(torch.from_numpy(np.flatnonzero(side == name))) for name in NAMES}
    rows = zip(side.tolist(), labels.tolist(), map(bytes.hex, digests), strict=True)
    described = Card(
        name=config.name,
        source=card["source"],
        fingerprint=sha256(repr((classes, images.shape, *rows)).encode()).hexdigest(),
        classes=classes,
        shape=images.shape,
        counts={
            name: np.bincount(labels[side == name], minlength=len(classes)).tolist()
            for name in NAMES
        },
        split=_sentence(given, config.split_seed, bool(set(owners) - {""})),
        synthetic=card.get("synthetic", False),
        warnings=[*card.get("warnings", ()), *([COPIES.format(left_out)] if left_out else ())],
        quarantined=card.get("quarantined", []),
        conflicts=conflicts(labels, groups, images.names),
    )
    return Splits(parts["train"], parts["val"], parts["test"], described)


def _sentence(given: NDArray[np.str_], seed: int, owned: bool) -> str:
    """Say how the split was made."""
    brought = [name for name in NAMES if name in given]
    missing = [name for name in NAMES if name not in given]
    if not missing:
        return "as the source has it"
    as_given = f"{' and '.join(brought)} as the source has them; " if len(brought) > 1 else ""
    kept = "copies and images of one patient or lesion" if owned else "copies"
    share = f"{' and '.join(missing)} a fifth of the {'training ' if as_given else ''}images each"
    return f"{as_given}{share}, by class, {kept} kept together, seed {seed}"
