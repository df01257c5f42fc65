"""Folders of classes, with folders for the sides of a split above them if present."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.data.card import readable
from core.data.listing import SIDES, SOURCES, Listing, below, inside, is_picture, side_of
from core.errors import UserError

KNOWN = ", ".join(SIDES)


@dataclass(frozen=True)
class Entry:
    """A file, its class and its side of the split as the folder has them."""

    path: Path
    label: str
    side: str
    owner: str = ""
    """patient or lesion, where a table beside the images names one"""


@dataclass(frozen=True)
class Layout:
    """The files of a set by class and side, and what belongs to neither."""

    entries: list[Entry] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    """and why"""


def read(root: Path, *, labelled: bool = False) -> Layout:
    """List the files of one sub-folder per class; or of such sub-folders in folders of sides.

    labelled: a table names the classes, so that sides need no sub-folders. Folders are sides if one
    of them is called like the training side and has sub-folders; a class may be called so too, and
    has files. Raises UserError for what may be sides or not.
    """
    if not root.is_dir():
        raise UserError(f"--data folder:{root}: there is no such folder{SOURCES}")
    top = inside(root)
    layout = Layout(left_out=[*top.left_out, *_beside(top.files, "in no class's folder")])
    sides = {path: side for path in top.folders if (side := side_of(path.name))}
    deep = {path: inside(path) for path in top.folders}
    if sides and len(sides) == len(top.folders) and not any(deep[path].folders for path in sides):
        _check_flat(root, sides, labelled)
        for path, side in sides.items():
            _add(layout, path, "", side)
        return layout
    divided = [path for path in sides if deep[path].folders]
    _check_sides(root, sides, divided, deep)
    if "train" not in (sides[path] for path in divided):
        for path in top.folders:
            _add(layout, path, readable(path.name), "train")
        return layout
    for path in top.folders:
        if path in divided:
            layout.left_out.extend(deep[path].left_out)
            layout.left_out.extend(_beside(deep[path].files, "in no class's folder"))
            for folder in deep[path].folders:
                _add(layout, folder, readable(folder.name), sides[path])
        else:
            layout.left_out.extend(_beside(below(path).files, f"beside the sides ({KNOWN})"))
    return layout


def _add(layout: Layout, folder: Path, label: str, side: str) -> None:
    listing = below(folder)
    layout.entries.extend(Entry(path, label, side) for path in listing.files)
    layout.left_out.extend(listing.left_out)
    if not listing.files:
        layout.left_out.append((folder, "a folder without a file"))


def _beside(files: list[Path], reason: str) -> Iterator[tuple[Path, str]]:
    return ((path, reason) for path in files if is_picture(path))


def _check_flat(root: Path, sides: dict[Path, str], labelled: bool) -> None:
    if not labelled:
        names = " and ".join(path.name for path in sides)
        raise UserError(
            f"--data folder:{root}: {names} are sides of a split without a sub-folder per class; "
            "such sub-folders are wanted, or a table *metadata*.csv with image_id and dx"
        )


def _check_sides(
    root: Path, sides: dict[Path, str], divided: list[Path], deep: dict[Path, Listing]
) -> None:
    """Raise UserError where folders look like sides, by sub-folders or name, and are not known."""
    if divided and len(divided) == len(deep) and "train" not in map(sides.get, divided):
        seen = ", ".join(path.name for path in divided)
        raise UserError(f"--data folder:{root}: sides {seen}; a folder train is wanted too")
    names = {path: {folder.name for folder in listing.folders} for path, listing in deep.items()}
    hints = {path: _hints(path.name) for path in deep if names[path]}
    hinted = [path for path in hints if hints[path]]
    unknown = [
        path
        for path in deep
        if path not in divided
        and any(names[path] & names[other] for other in hinted if other != path)
    ]
    if not divided and len(set[str]().union(*hints.values())) > 1:  # seg_train and seg_test
        unknown = hinted
    if unknown:
        seen = ", ".join(readable(path.name) for path in unknown)
        raise UserError(
            f"--data folder:{root}: {seen}: sides of a split by names that are not known; "
            f"{KNOWN} are"
        )


def _hints(name: str) -> set[str]:
    """Return the sides that words of a name stand for."""
    return {SIDES[word] for word in re.split(r"[^a-z]+", name.casefold()) if word in SIDES}
