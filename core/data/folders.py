"""Folders of images: one sub-folder per class, with train/, valid/ and test/ above if present."""

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core.data.card import Quarantined, readable
from core.data.config import DataConfig
from core.data.decode import UnreadableError, decode, scale
from core.data.duplicates import thumbnails
from core.data.images import Files
from core.errors import UserError

T = TypeVar("T")

SIDES = {"train": "train", "valid": "val", "val": "val", "test": "test"}
OWN_SIZE = 224  # larger images are not kept at their own size unless asked for
SIZE = 64


@dataclass(frozen=True)
class Entry:
    """A file, its class and its side of the split as the folder has them."""

    path: Path
    label: str
    side: str


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
    pixels: Tensor | Files
    """uint8 (n, 3, H, W)"""
    quarantined: list[Quarantined]


def read(root: Path, config: DataConfig) -> Folder:
    """Decode every file below `root`; those that give no image are named with their reason.

    Images come at `config.size`, or at their own size if all agree on one of at most 224 pixels,
    else at 64. Sets larger than `config.memory` stay on disk. Raises UserError for a folder that
    is missing, empty or has one class.
    """
    entries = list(_entries(root))
    looks = _in_threads(_look, [entry.path for entry in entries], "looking at the images")
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
    shape = _shape({look.size for look in seen}, config.size)
    return Folder(
        entries=good,
        classes=classes,
        digests=[look.digest for look in seen],
        thumbnails=np.stack([look.thumbnail for look in seen]),
        pixels=_pixels([entry.path for entry in good], shape, config.memory),
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
                for path in _files(folder):
                    yield Entry(path, readable(folder.name), side)
    except PermissionError as error:
        raise UserError(f"--data folder:{root}: {error.filename} may not be read") from error


def _folders(above: Path) -> list[Path]:
    """List the sub-folders, links to folders too, unless they lead back up."""
    here = above.resolve()
    visible = (path for path in above.iterdir() if path.is_dir() and path.name[0] != ".")
    return sorted(path for path in visible if not here.is_relative_to(path.resolve()))


def _files(folder: Path) -> list[Path]:
    """List what lies below a folder and is none; links to folders are not followed."""

    def stop(error: OSError) -> None:
        raise error  # os.walk, like rglob, would pass over it in silence

    found: list[Path] = []
    for place, below, names in os.walk(folder, onerror=stop):
        below[:] = [name for name in below if name[0] != "."]
        found += [Path(place, name) for name in names if name[0] != "."]
    return sorted(found)


def _look(path: Path) -> Seen | str:
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


def _load(path: Path, shape: tuple[int, int]) -> Tensor:
    return torch.from_numpy(scale(decode(path), shape))


def _pixels(paths: list[Path], shape: tuple[int, int], memory: float) -> Tensor | Files:
    """Hold the images if they fit into `memory` GiB, else decode them whenever they are used."""
    load = functools.partial(_load, shape=shape)
    if len(paths) * 3 * shape[0] * shape[1] > memory * 2**30:
        return Files(paths, (3, *shape), load)
    return torch.stack(_in_threads(load, paths, "decoding"))


def _in_threads(function: Callable[[Path], T], items: list[Path], label: str) -> list[T]:
    """Map a function over files in threads (Pillow lets go of the lock), with a progress bar."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(tqdm(pool.map(function, items), label, len(items), unit="image", disable=None))
