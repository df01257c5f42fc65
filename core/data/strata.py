"""Folders of images that are measured, not trained on: one stratum for each kind of image."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.card import Card, Quarantined, readable
from core.data.duplicates import groups_of
from core.data.folders import Loader, Prepare
from core.data.images import Files, Images, OnDisk
from core.data.listing import below
from core.data.looks import Seen, look_at
from core.data.splits import conflicts
from core.device import derive
from core.errors import UserError

IMAGENET_FILE = re.compile(r"n\d{8}")
IMAGENET = (
    "{:,} of the images come from ImageNet (by their names): a network trained on ImageNet has "
    "probably seen them, and what it scores on them is optimistic."
)
COPIES = "Copies of other images here, left out: {:,}."
HALVES = 2**16  # purpose of a derived seed; the strata have the numbers below


@dataclass(frozen=True)
class Item:
    """An image file and where it belongs."""

    stratum: str
    folder: str
    """as it was named, without the path of this machine"""
    path: Path
    name: str
    """folder and file"""


@dataclass(frozen=True)
class Strata:
    """Images by kind, without copies, in an order that follows from the files alone."""

    names: tuple[str, ...]
    items: tuple[Item, ...]
    of: NDArray[np.int64]
    """(n,) stratum of each image"""
    half: NDArray[np.int64]
    """(n,) 0 or 1: every stratum in two halves, so that what one half chooses the other tests"""
    card: Card
    white: int
    """of files with 16 bits, the value that is white"""

    def images(self, prepare: Prepare) -> Images:
        """Return the images as a network wants them, decoded when asked for; labels: strata."""
        _, height, width = prepare.shape
        load = Loader((height, width), prepare, self.white)
        files = Files([item.path for item in self.items], prepare.shape, load)
        return OnDisk(
            files, labels=torch.from_numpy(self.of), names=tuple(i.name for i in self.items)
        )


def read(
    folders: Mapping[str, Sequence[Path]],
    root: Path,
    limit: int,
    seed: int,
    name: str,
    kind: Callable[[str, Path], str] = lambda stratum, _: stratum,
) -> Strata:
    """Read the images below the folders of every stratum, at most `limit` drawn from each.

    folders: stratum -> folders, absolute or below `root`. kind: (stratum, file) -> the stratum in
    which the file counts. Copies of earlier images are left out and counted, unreadable files
    quarantined. Raises UserError for a missing folder and a stratum with fewer than 4 images.
    """
    listed = {stratum: _list(stratum, places, root) for stratum, places in folders.items()}
    chosen = [
        replace(item, stratum=kind(stratum, item.path))
        for index, (stratum, (items, _)) in enumerate(listed.items())
        for item in _draw(items, limit, derive(seed, index))
    ]
    looks = look_at([item.path for item in chosen], "looking at the images")
    pairs = list(zip(chosen, looks.files, strict=True))
    seen = [(item, look) for item, look in pairs if isinstance(look, Seen)]
    bad = [Quarantined(item.name, reason) for item, reason in pairs if isinstance(reason, str)]
    bad += [file for _, left_out in listed.values() for file in left_out]
    digests = [look.digest for _, look in seen]
    strata = tuple(folders)
    of = np.array([strata.index(item.stratum) for item, _ in seen], dtype=np.int64)
    _check(strata, of)
    groups = groups_of(digests, np.stack([look.thumbnail for _, look in seen]))
    kept = np.sort(np.unique(groups, return_index=True)[1])
    _check(strata, of[kept])
    items = tuple(seen[index][0] for index in kept)
    rows = [(strata[of[index]], digests[index].hex()) for index in kept]
    card = Card(
        name=name,
        source=f"the folders {', '.join(dict.fromkeys(item.folder for item in items))}",
        fingerprint=sha256(repr(rows).encode()).hexdigest(),
        classes=strata,
        shape=(3, *np.max([seen[index][1].size for index in kept], axis=0).tolist()),
        counts={"test": np.bincount(of[kept]).tolist()},
        split="nothing is trained; each image is tested with the threshold that the other half "
        f"of the images chose, halves by stratum, seed {seed}",
        warnings=[*looks.warnings, *_warnings(items, len(seen) - len(kept))],
        quarantined=bad,
        conflicts=conflicts(of, groups, [item.name for item, _ in seen]),
    )
    return Strata(strata, items, of[kept], _halves(of[kept], seed), card, looks.white)


def _list(stratum: str, places: Sequence[Path], root: Path) -> tuple[list[Item], list[Quarantined]]:
    """List the files of a stratum, and what else lies in its folders and is left out."""
    items, left_out = [], []
    for place in places:
        folder = root / place
        if not folder.is_dir():
            raise UserError(
                f"--{stratum} {place}: {folder} is not there; a folder of images, absolute or "
                "below --data-root (default: the environment's DATA_ROOT), is wanted"
            )
        name = place.name if place.is_absolute() else str(place)
        name, listing = readable(name), below(folder)
        items += [
            Item(stratum, name, path, f"{name}/{readable(path.relative_to(folder))}")
            for path in listing.files
        ]
        left_out += [
            Quarantined(f"{name}/{readable(path.relative_to(folder))}", reason)
            for path, reason in listing.left_out
        ]
    return items, left_out


def _draw(items: list[Item], limit: int, seed: int) -> list[Item]:
    """Draw `limit` of the files, or take all."""
    if len(items) <= limit:
        return items
    picked = np.random.default_rng(seed).choice(len(items), limit, replace=False)
    return [items[index] for index in np.sort(picked)]


def _check(strata: Sequence[str], of: NDArray[np.int64]) -> None:
    for stratum, count in zip(strata, np.bincount(of, minlength=len(strata)), strict=True):
        if count < 4:
            raise UserError(f"--{stratum}: {count} readable images; 4 or more are wanted")


def _warnings(items: Sequence[Item], copies: int) -> list[str]:
    known = sum(
        any(IMAGENET_FILE.match(part) for part in (item.path.name, item.path.parent.name))
        for item in items
    )
    lines = [IMAGENET.format(known)] if known else []
    return [*lines, COPIES.format(copies)] if copies else lines


def _halves(of: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    half = np.empty(len(of), dtype=np.int64)
    random = np.random.default_rng(derive(seed, HALVES))
    for stratum in np.unique(of):
        members = random.permutation(np.flatnonzero(of == stratum))
        half[members] = np.arange(len(members)) % 2
    return half
