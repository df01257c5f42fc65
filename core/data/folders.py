"""Folders of images: one sub-folder per class, with train/, valid/ and test/ above if present."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from core.data import metadata
from core.data.card import Quarantined, readable
from core.data.config import DataConfig
from core.data.decode import UnreadableError, decode, scale
from core.data.duplicates import thumbnails
from core.data.images import Files, Images, InMemory, OnDisk
from core.errors import UserError

T = TypeVar("T")


class Prepare(Protocol):
    """Scales and crops an image as a network wants it, see `core.models.backbones.Preparation`."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width) of what it returns."""

    def __call__(self, image: Image.Image, /) -> NDArray[np.uint8]:
        """Return uint8 (3, height, width)."""


SIDES = {"train": "train", "valid": "val", "val": "val", "test": "test"}
OWN_SIZE = 224  # larger images are not kept at their own size unless asked for
SIZE = 64


@dataclass(frozen=True)
class Entry:
    """A file, its class and its side of the split as the folder has them."""

    path: Path
    label: str
    side: str
    owner: str = ""
    """patient or lesion, where a table beside the images names one"""


@dataclass(frozen=True)
class Seen:
    """What one look at a readable image gave."""

    size: tuple[int, int]
    digest: bytes
    thumbnail: NDArray[np.float32]


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


def read(
    root: Path,
    config: DataConfig,
    prepare: Prepare | None = None,
    listed: Sequence[Entry] | None = None,
) -> Folder:
    """Decode every file below `root`; those that give no image are named with their reason.

    listed: the files, if not those of one sub-folder per class. Images come at `config.size`, or
    at their own size if all agree on one of at most 224 pixels, else at 64; or as `prepare` makes
    them. Sets larger than `config.memory` stay on disk. Raises UserError for a folder that is
    missing, empty or has one class.
    """
    rows = metadata.read(root)
    entries = [_named(entry, rows.get(entry.path.stem)) for entry in listed or _entries(root)]
    looks = in_threads(look, [entry.path for entry in entries], "looking at the images")
    bad = [
        Quarantined(readable(entry.path.relative_to(root)), look)
        for entry, look in zip(entries, looks, strict=True)
        if isinstance(look, str)
    ]
    seen = [look for look in looks if isinstance(look, Seen)]
    good = [entry for entry, look in zip(entries, looks, strict=True) if isinstance(look, Seen)]
    classes = tuple(sorted({entry.label for entry in good}))
    if len(classes) < 2:
        found = f"{len(good)} readable images of {len(classes)} classes"
        left_out = f", and {len(bad)} unreadable ({bad[0].path}: {bad[0].reason})" if bad else ""
        raise UserError(
            f"--data folder:{root}: {found}{left_out}; a sub-folder of images for each of two "
            "or more classes is wanted"
        )
    shape = prepare.shape[1:] if prepare else _shape({look.size for look in seen}, config.size)
    load = Loader(shape, prepare)
    labels = torch.tensor([classes.index(entry.label) for entry in good])
    names = tuple(readable(entry.path.relative_to(root)) for entry in good)
    files = Files([entry.path for entry in good], (3, *shape), load)
    return Folder(
        entries=good,
        classes=classes,
        digests=[look.digest for look in seen],
        thumbnails=np.stack([look.thumbnail for look in seen]),
        images=_images(files, labels, names, config.memory),
        quarantined=bad,
    )


def _entries(root: Path) -> Iterator[Entry]:
    """Walk in sorted order, so that nothing depends on the file system."""
    if not root.is_dir():
        raise UserError(f"--data folder:{root}: there is no such folder")
    try:
        below = _folders(root)
        # A class may be called "train" too; then its images lie right in it.
        divided = any(path.name == "train" and _folders(path) for path in below)
        parts = [(path, SIDES[path.name]) for path in below if path.name in SIDES]
        for part, side in parts if divided else [(root, "train")]:
            for folder in _folders(part):
                for path in files_below(folder):
                    yield Entry(path, readable(folder.name), side)
    except PermissionError as error:
        raise UserError(f"--data folder:{root}: {error.filename} may not be read") from error


def _folders(above: Path) -> list[Path]:
    """List the sub-folders, links to folders too, unless they lead back up."""
    here = above.resolve()
    visible = (path for path in above.iterdir() if path.is_dir() and path.name[0] != ".")
    return sorted(path for path in visible if not here.is_relative_to(path.resolve()))


def files_below(folder: Path) -> list[Path]:
    """List what lies below a folder and is none; links to folders are not followed."""

    def stop(error: OSError) -> None:
        raise error  # os.walk, like rglob, would pass over it in silence

    found: list[Path] = []
    for place, below, names in os.walk(folder, onerror=stop):
        below[:] = [name for name in below if name[0] != "."]
        found += [Path(place, name) for name in names if name[0] != "."]
    return sorted(found)


def _named(entry: Entry, row: metadata.Row | None) -> Entry:
    return replace(entry, label=row.label or entry.label, owner=row.group) if row else entry


def look(path: Path) -> Seen | str:
    """Decode a file; return what is needed of it, or the reason why it cannot be read."""
    try:
        image = decode(path)
    except UnreadableError as error:
        return str(error)
    pixels = np.asarray(image)
    digest = sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
    thumbnail = thumbnails(torch.tensor(pixels).permute(2, 0, 1)[None])[0]
    return Seen((image.height, image.width), digest, thumbnail)


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

    def __call__(self, path: Path) -> Tensor:
        """Return uint8 (3, H, W)."""
        image = decode(path)
        return torch.from_numpy(self.prepare(image) if self.prepare else scale(image, self.shape))


def _images(files: Files, labels: Tensor, names: tuple[str, ...], memory: float) -> Images:
    """Hold the images if they fit into `memory` GiB, else decode them whenever they are used."""
    if len(files) * math.prod(files.shape) > memory * 2**30:
        return OnDisk(files, labels=labels, names=names)
    pixels = torch.stack(in_threads(files.decode, files.paths, "decoding"))
    return InMemory(pixels, labels=labels, names=names)


def in_threads(function: Callable[[Path], T], items: Sequence[Path], label: str) -> list[T]:
    """Map a function over files in threads (Pillow lets go of the lock), with a progress bar."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(tqdm(pool.map(function, items), label, len(items), unit="image", disable=None))


def stamp(config: DataConfig) -> str:
    """Return a text that changes with the files of a set: for folders their names, sizes and times.

    What was made from a set can be kept under it without reading the images again.
    """
    kind, _, path = config.data.partition(":")
    if kind != "folder":
        return f"{config.data} in {config.data_root.resolve()}"
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UserError(f"--data {config.data}: there is no such folder")
    seen = ((each, each.stat()) for each in files_below(root))
    rows = [(str(each.relative_to(root)), s.st_size, s.st_mtime_ns) for each, s in seen]
    return sha256(repr(rows).encode()).hexdigest()
