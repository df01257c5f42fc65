"""Which files of a folder are read, and on which side of a split: one rule for all readers.

What begins with a dot is skipped, and so are the ._ files of macOS. Links to folders are followed;
a folder counts once, where it lies itself or else at the first link. Whatever else is left out is
named, with a reason.
"""

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from core.data.decode import SUFFIXES
from core.errors import UserError

SIDES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""usual names of the sides of a split, in lower case"""


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, in an order that follows from the names alone."""

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    """and why"""


def side_of(name: str) -> str | None:
    """Return the side, train, val or test, that a folder's name stands for; None if it is none."""
    return SIDES.get(name.casefold())


def is_picture(path: Path) -> bool:
    """Tell whether a file is named like a picture."""
    return path.suffix.lower() in SUFFIXES


def inside(folder: Path) -> Listing:
    """List what lies right in a folder. Raises UserError for one that may not be read."""
    listing = Listing()
    here = Path(os.path.realpath(folder))
    for path in _visible(folder):
        if not path.is_dir():
            listing.files.append(path)
        elif here.is_relative_to(os.path.realpath(path)):
            listing.left_out.append((path, "a link that leads back up"))
        else:
            listing.folders.append(path)
    return listing


SOURCES = ", here or below DATA_ROOT; docs/data.md says where the course's sets come from"


def below(folder: Path) -> Listing:
    """List all files below a folder, however deep. Raises UserError as `inside`."""
    listing = Listing()
    start, seen = Path(os.path.realpath(folder)), dict[str, Path]()
    places, links = deque([folder]), deque[Path]()
    while places or links:
        place = (places or links).popleft()
        real = os.path.realpath(place)
        if place != folder and start.is_relative_to(real):
            listing.left_out.append((place, "a link that leads back up"))
            continue
        if real in seen:
            listing.left_out.append((place, f"the same folder as {seen[real].name}"))
            continue
        seen[real] = place
        for path in _visible(place):
            if path.is_dir():
                (links if path.is_symlink() else places).append(path)
            else:
                listing.files.append(path)
    return Listing(sorted(listing.files), [], sorted(listing.left_out))


def _visible(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UserError(f"{folder} may not be read: {error.strerror}") from error
    return [folder / name for name in names if name[0] != "."]
