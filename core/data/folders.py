"""Folders of images: one sub-folder per class, with train/, valid/ and test/ above if present."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.data import metadata
from core.data.card import Quarantined, readable
from core.data.config import DataConfig
from core.data.decode import WHITE, decode, scale
from core.data.images import Files, Images, InMemory, OnDisk
from core.data.layout import Entry, Layout
from core.data.layout import read as read_layout
from core.data.looks import Seen, look_at
from core.data.threads import in_threads
from core.errors import UserError


class Prepare(Protocol):
    """Scales and crops an image as a network wants it, see `core.models.preparation`."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width) of what it returns."""

    def __call__(self, image: Image.Image, /) -> NDArray[np.uint8]:
        """Return uint8 (3, height, width)."""


OWN_SIZE = 224  # larger images are not kept at their own size unless asked for
SIZE = 64


@dataclass(frozen=True)
class Folder:
    """The readable images of a folder."""

    entries: list[Entry]
    classes: tuple[str, ...]
    digests: list[bytes]
    thumbnails: NDArray[np.float32]
    images: Images
    """labelled by the place of their class"""
    quarantined: list[Quarantined]
    warnings: list[str]


def read(
    root: Path,
    config: DataConfig,
    prepare: Prepare | None = None,
    listed: Layout | None = None,
) -> Folder:
    """Decode every file below `root`; those that give no image are named with their reason.

    listed: the files, if not those of one sub-folder per class. Images come at `config.size`, or
    at their own size if all agree on one of at most 224 pixels, else at 64; or as `prepare` makes
    them. Sets larger than `config.memory` stay on disk. Raises UserError for a folder that is
    missing, empty or has one class, and for a table beside the images that does not fit them.
    """
    table = metadata.read(root)
    layout = listed or read_layout(root, labelled=table.is_labelled)
    names = [readable(entry.path.relative_to(root)) for entry in layout.entries]
    rows = table.find(names)
    looks = look_at([entry.path for entry in layout.entries], "looking at the images")
    seen = [index for index, look in enumerate(looks.files) if isinstance(look, Seen)]
    warnings = table.warnings([names[i] for i in seen], [rows[i] for i in seen])
    reasons = [_reason(look, row, table) for look, row in zip(looks.files, rows, strict=True)]
    bad = [Quarantined(name, why) for name, why in zip(names, reasons, strict=True) if why]
    bad += [Quarantined(readable(path.relative_to(root)), why) for path, why in layout.left_out]
    kept = [index for index in seen if not reasons[index]]
    good = [_named(layout.entries[index], rows[index]) for index in kept]
    views = [look for index in kept if isinstance(look := looks.files[index], Seen)]
    classes = _classes(root, good, bad)
    shape = prepare.shape[1:] if prepare else _shape({look.size for look in views}, config.size)
    files = Files([e.path for e in good], (3, *shape), Loader(shape, prepare, looks.white))
    labels = torch.tensor([classes.index(entry.label) for entry in good])
    return Folder(
        entries=good,
        classes=classes,
        digests=[look.digest for look in views],
        thumbnails=np.stack([look.thumbnail for look in views]),
        images=_images(files, labels, tuple(names[index] for index in kept), config.memory),
        quarantined=bad,
        warnings=[*looks.warnings, *warnings],
    )


def _reason(look: Seen | str, row: metadata.Row | None, table: metadata.Metadata) -> str:
    """Say why a file is left out; nothing if it is not."""
    if isinstance(look, str):
        return look
    return f"no row in {table.file}" if table.is_labelled and row is None else ""


def _named(entry: Entry, row: metadata.Row | None) -> Entry:
    return replace(entry, label=row.label or entry.label, owner=row.group) if row else entry


def _classes(root: Path, entries: Sequence[Entry], bad: Sequence[Quarantined]) -> tuple[str, ...]:
    classes = tuple(sorted({entry.label for entry in entries}))
    if len(classes) < 2:
        present = f"{len(entries)} readable images of {len(classes)} classes"
        left_out = f", and {len(bad)} left out ({bad[0].path}: {bad[0].reason})" if bad else ""
        raise UserError(
            f"--data folder:{root}: {present}{left_out}; a sub-folder of images for each of two "
            "or more classes is wanted"
        )
    return classes


def _shape(sizes: set[tuple[int, int]], size: int | None) -> tuple[int, int]:
    if size is not None:
        return size, size
    only = next(iter(sizes))
    return only if len(sizes) == 1 and max(only) <= OWN_SIZE else (SIZE, SIZE)


@dataclass(frozen=True)
class Loader:
    """Reads a file as pixels; its repr says how, so that what was made of them can be kept."""

    shape: tuple[int, int]
    prepare: Prepare | None
    white: int = WHITE
    """of files with 16 bits"""

    def __call__(self, path: Path) -> Tensor:
        """Return uint8 (3, H, W)."""
        image = decode(path, self.white)
        return torch.from_numpy(self.prepare(image) if self.prepare else scale(image, self.shape))


def _images(files: Files, labels: Tensor, names: tuple[str, ...], memory: float) -> Images:
    """Hold the images if they fit into `memory` GiB, else decode them whenever they are used."""
    if len(files) * math.prod(files.shape) > memory * 2**30:
        return OnDisk(files, labels=labels, names=names)
    pixels = torch.stack(in_threads(files.decode, files.paths, "decoding"))
    return InMemory(pixels, labels=labels, names=names)
