"""Galleries of files: folders of pictures, and tables of the faces marked on them.

Which pictures hold a face is known by the folder they lie in, or from a table of boxes.
"""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.data.boxes import Mark, read_boxes
from core.data.card import Quarantined, readable
from core.data.config import found
from core.data.decode import decode
from core.data.listing import SOURCES, Listing, below
from core.data.looks import look_at
from core.data.matching import AmbiguousError, match
from core.data.pictures import NONE, Gallery, Picture, Pixels, fingerprint
from core.data.sources import LFW_BIAS
from core.errors import UserError

_LFW = re.compile("(?<![a-z])lfw")  # not in "halfway"


def gather(
    people: Sequence[str], others: Sequence[str], tables: Sequence[Path], root: Path
) -> tuple[list[Gallery], list[str]]:
    """List the pictures of folders and tables, and the names of the galleries of others.

    people, others: `folder:PATH` with and without a face on every picture; tables: of boxes. Paths
    that do not exist are looked for below `root`. Raises UserError for what is missing or
    unusable, and for a set or a picture's marks that are given twice.
    """
    galleries, without = [], []
    elsewhere: dict[str, Mark] = {}
    for option, face, specs in (("people", True, people), ("others", False, others)):
        for spec in specs:
            path = found(Path(spec.removeprefix("folder:")), root)
            galleries.append(folder(path, option, face))
            without += [] if face else [galleries[-1].name]
    known = {p.path for gallery in galleries for p in gallery.pictures if p.path}
    for table in tables:
        here, rows = boxed(found(table, root), known)
        galleries += [here] if here else []
        if both := sorted(rows.keys() & elsewhere.keys()):
            raise UserError(f"--boxes {table}: {both[0]} is in another table too; one is wanted")
        elsewhere |= rows
    names = [gallery.name for gallery in galleries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"--people, --others, --boxes {twice}: every set once is wanted")
    return mark(galleries, elsewhere) if elsewhere else galleries, without


def folder(root: Path, option: str, face: bool) -> Gallery:
    """List every image below a folder, whatever its sub-folders; files that give none are named.

    option: the command line's, for errors. Exact copies count once. Raises UserError for a folder
    that is missing or has no image.
    """
    if not root.is_dir():
        raise UserError(f"--{option} folder:{root}: there is no such folder{SOURCES}")
    listing = below(root)
    deep = any(path.parent != root for path in listing.files)
    name = root.resolve().name if deep else "/".join(root.resolve().parts[-2:])
    return _gallery(root, name, listing, {}, f"--{option} folder:{root}", face)


def boxed(table: Path, known: Set[Path] = frozenset()) -> tuple[Gallery | None, dict[str, Mark]]:
    """Read a table of boxes and gather the files that it names, from its folder and below.

    known: files that are in other galleries already. Returns the others as a gallery, None if
    there are none, and the marks of files that are known or not there. Raises UserError for a name
    that several files have, and a file that two names have.
    """
    marks = read_boxes(table)
    files = below(table.parent).files
    names = [readable(path.relative_to(table.parent).as_posix()) for path in files]
    others = known - {path.resolve() for path in files}
    names += [readable(path.as_posix()) for path in sorted(others)]
    places = _match(f"--boxes {table}", list(marks), names)
    here = {name: files[place] for name, place in places.items() if place < len(files)}
    fresh = {name: path for name, path in here.items() if path.resolve() not in known}
    elsewhere = {name: mark for name, mark in marks.items() if name not in fresh}
    if not fresh:
        return None, elsewhere
    marked = {path: marks[name] for name, path in fresh.items()}
    name = table.resolve().parent.name
    listing = Listing([*marked])
    return _gallery(table.parent, name, listing, marked, f"--boxes {table}", face=True), elsewhere


def _match(what: str, ids: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Return the place among `names` of those ids that have one."""
    try:
        matched = dict(zip(ids, match(ids, names), strict=True))
    except AmbiguousError as error:
        raise UserError(f"{what}: {error}; a path that only one has is wanted") from error
    places = {name: place for name, place in matched.items() if place is not None}
    twice = [name for name, n in Counter(places.values()).items() if n > 1]
    if twice:
        both = " and ".join(name for name, place in places.items() if place == twice[0])
        raise UserError(f"{what}: {both} are both {names[twice[0]]}; one name is wanted")
    return places


def mark(galleries: Sequence[Gallery], marks: Mapping[str, Mark]) -> list[Gallery]:
    """Put boxes on the pictures that have those names.

    A picture of a folder without people that has a face after all is left out and named: faces
    that were marked because a detector saw them cannot tell what a detector misses. Raises
    UserError for a name that no picture has, or several, and a box outside its picture.
    """
    names = [f"{g.name}/{p.name}" for g in galleries for p in g.pictures]
    places = _match("--boxes", list(marks), names)
    if missing := sorted(marks.keys() - places.keys()):
        raise UserError(
            f"--boxes: {missing[0]} is neither beside the table nor in the folders given, and so "
            f"are {len(missing)} of {len(marks)} names; pictures there"
            f"{f', such as {names[0]},' if names else ''} are wanted"
        )
    by_picture = {names[place]: marks[name] for name, place in places.items()}
    marked = []
    for gallery in galleries:
        pictures, out = [], []
        for picture in gallery.pictures:
            mark = by_picture.get(f"{gallery.name}/{picture.name}")
            if mark is None:
                pictures.append(picture)
            elif len(mark.boxes) and not picture.face:
                out.append(picture.name)
            else:
                mark.check(picture.name, picture.size)
                pictures.append(replace(picture, boxes=mark.boxes, ignored=mark.ignored))
        before = [gallery.fingerprint.encode()] * len(pictures)
        changed = replace(
            gallery, pictures=tuple(pictures), fingerprint=fingerprint(pictures, before)
        )
        line = f"{len(out)} pictures of {gallery.name} show a face and were left out: "
        warnings = (*gallery.warnings, *([line + ", ".join(out)] if out else []))
        marked.append(replace(changed, warnings=warnings))
    return marked


def _gallery(
    root: Path,
    name: str,
    listing: Listing,
    marked: Mapping[Path, Mark],
    option: str,
    face: bool,
) -> Gallery:
    name = readable(name)
    looks = look_at(listing.files, f"looking at {name}")
    pictures: list[Picture] = []
    digests: dict[bytes, str] = {}
    bad = []
    for path, look in zip(listing.files, looks.files, strict=True):
        file = readable(path.relative_to(root).as_posix())
        if isinstance(look, str):
            bad.append(Quarantined(f"{name}/{file}", look))
        elif look.digest in digests:
            bad.append(Quarantined(f"{name}/{file}", f"copy of {digests[look.digest]}"))
        else:
            digests[look.digest] = file
            mark = marked.get(path)
            if mark:
                mark.check(file, look.size)
            boxes, ignored = (mark.boxes, mark.ignored) if mark else (None, NONE)
            load = functools.partial(_decoded, path, looks.white)
            has_face = face and (boxes is None or len(boxes) > 0)
            pictures.append(
                Picture(file, load, has_face, boxes, ignored, path.resolve(), look.size)
            )
    bad += [
        Quarantined(f"{name}/{readable(path.relative_to(root).as_posix())}", reason)
        for path, reason in listing.left_out
    ]
    if not pictures:
        reason = f"{len(bad)} files, none readable" if bad else "no file"
        raise UserError(f"{option}: {reason}; one image or more is wanted")
    biased = any(_LFW.search(part.lower()) for part in root.resolve().parts[-2:])
    return Gallery(
        name=name,
        source=f"the folder {name}",
        pictures=tuple(pictures),
        fingerprint=fingerprint(pictures, [*digests]),
        size=max(picture.size for picture in pictures),
        warnings=(*((LFW_BIAS,) if biased else ()), *looks.warnings),
        quarantined=tuple(bad),
    )


def _decoded(path: Path, white: int) -> Pixels:
    return np.array(decode(path, white))
