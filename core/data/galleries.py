"""Galleries of files: folders of pictures, and tables of the faces marked on them.

Which pictures hold a face is known by the folder they lie in, or from a table of boxes: CSV with
the columns file, left, top, width, height in pixels and perhaps ignore (1: what is found there
counts neither as a face nor as a false alarm).
"""

import csv
import functools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from core.data.card import Quarantined, readable
from core.data.decode import UnreadableError, decode
from core.data.folders import in_threads
from core.data.pictures import NONE, Boxes, Gallery, Picture, Pixels, fingerprint
from core.data.sources import LFW_BIAS
from core.errors import UserError

COLUMNS = ("file", "left", "top", "width", "height")

Marks = dict[str, tuple[Boxes, Boxes]]
"""file -> its faces and its ignored places"""


def gather(
    people: Sequence[str], others: Sequence[str], tables: Sequence[Path], root: Path
) -> tuple[list[Gallery], list[str]]:
    """List the pictures of folders and tables, and the names of the galleries of others.

    people, others: `folder:PATH` with and without a face on every picture; tables: of boxes. Paths
    that do not exist are looked for below `root`. Raises UserError for what is missing or
    unusable, and for a set that is given twice.
    """
    galleries, without, elsewhere = [], [], Marks()
    for option, face, specs in (("people", True, people), ("others", False, others)):
        for spec in specs:
            path = _find(Path(spec.removeprefix("folder:")), root)
            galleries.append(folder(path, option, face))
            without += [] if face else [galleries[-1].name]
    known = {each.path for gallery in galleries for each in gallery.pictures if each.path}
    for table in tables:
        here, rows = boxed(_find(table, root), known)
        galleries += [here] if here else []
        elsewhere |= rows
    names = [gallery.name for gallery in galleries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"--people, --others, --boxes {twice}: every set once is wanted")
    return mark(galleries, elsewhere) if elsewhere else galleries, without


def _find(path: Path, root: Path) -> Path:
    own, below = path.expanduser(), root.expanduser() / path
    return below if below.exists() and not own.exists() else own


def folder(root: Path, option: str, face: bool) -> Gallery:
    """List every image below a folder, whatever its sub-folders; files that give none are named.

    option: the command line's, for errors. Exact copies count once. Raises UserError for a folder
    that is missing or has no image.
    """
    if not root.is_dir():
        raise UserError(f"--{option} folder:{root}: there is no such folder")
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and not _hidden(path, root)]
    below = any(path.parent != root for path in paths)
    name = root.resolve().name if below else "/".join(root.resolve().parts[-2:])
    return _gallery(root, name, paths, {}, f"--{option} folder:{root}", face)


def boxed(table: Path, known: Collection[Path] = ()) -> tuple[Gallery | None, Marks]:
    """Read a table of boxes and gather the files that it names, from its folder and below.

    known: files that are in other galleries already. Returns the others as a gallery, None if
    there are none, and the rows of files that are known or not there.
    """
    marked = read_boxes(table)
    paths = {path.name: path for path in sorted(table.parent.rglob("*")) if path.is_file()}
    paths |= {name: table.parent / name for name in marked if (table.parent / name).is_file()}
    own = {name for name in marked if name in paths and paths[name].resolve() not in known}
    elsewhere = {name: rows for name, rows in marked.items() if name not in own}
    if not own:
        return None, elsewhere
    here = {paths[name]: rows for name, rows in marked.items() if name in own}
    name = table.resolve().parent.name
    return _gallery(table.parent, name, [*here], here, f"--boxes {table}", face=True), elsewhere


def mark(galleries: Sequence[Gallery], rows: Marks) -> list[Gallery]:
    """Put boxes on the pictures that have those names.

    A picture of a folder without people that has a face after all is left out and named: faces
    that were marked because a detector saw them cannot tell what a detector misses. Raises
    UserError for a name that no picture has, or several.
    """
    seen, found = Counter[str](), []
    for gallery in galleries:
        pictures, out = [], []
        for each in gallery.pictures:
            key = next((k for k in (each.name, Path(each.name).name) if k in rows), "")
            seen[key] += 1
            boxes, ignored = rows.get(key, (each.boxes, each.ignored))
            if key and not each.face and boxes is not None and len(boxes):
                out.append(each.name)
            else:
                pictures.append(replace(each, boxes=boxes, ignored=ignored))
        before = [gallery.fingerprint.encode()] * len(pictures)
        changed = replace(
            gallery, pictures=tuple(pictures), fingerprint=fingerprint(pictures, before)
        )
        line = f"{len(out)} pictures of {gallery.name} show a face and were left out: "
        warnings = (*gallery.warnings, *([line + ", ".join(out)] if out else []))
        found.append(replace(changed, warnings=warnings))
    wrong = sorted(name for name in rows if seen[name] != 1)
    if wrong:
        where = "in several places" if seen[wrong[0]] else "neither beside the table nor"
        raise UserError(f"--boxes: {wrong[0]} is {where} in the folders given; one is wanted")
    return found


def read_boxes(table: Path) -> Marks:
    """Read a table of boxes: file -> (boxes, ignored boxes), in its order.

    Raises UserError for a file that is missing, not such a table, or has a row that is not numbers.
    """
    found: dict[str, tuple[list[list[float]], list[list[float]]]] = {}
    wanted = f"CSV with the columns {', '.join(COLUMNS)} and perhaps ignore is wanted"
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                left, top, width, height = (float(row[name]) for name in COLUMNS[1:])
                kinds = found.setdefault(row["file"], ([], []))
                ignore = bool(int(row.get("ignore") or 0))
                kinds[ignore].append([left, top, left + width, top + height])
    except OSError as error:
        raise UserError(f"--boxes {table}: {error.strerror}; {wanted}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"--boxes {table}: {error}; {wanted}") from error
    return {name: (_as_boxes(true), _as_boxes(ignored)) for name, (true, ignored) in found.items()}


def _as_boxes(rows: list[list[float]]) -> Boxes:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def _gallery(
    root: Path,
    name: str,
    paths: Sequence[Path],
    marked: Mapping[Path, tuple[Boxes, Boxes]],
    option: str,
    face: bool,
) -> Gallery:
    looks = in_threads(_look, list(paths), f"looking at {name}")
    pictures, digests, sizes, bad = [], [], [(0, 0)], []
    for path, look in zip(paths, looks, strict=True):
        file = readable(path.relative_to(root).as_posix())
        if isinstance(look, str):
            bad.append(Quarantined(f"{name}/{file}", look))
        elif look[0] in digests:
            bad.append(Quarantined(f"{name}/{file}", "copy of another file"))
        else:
            digests.append(look[0])
            sizes.append(look[1])
            boxes, ignored = marked.get(path, (None, NONE))
            load = functools.partial(_decoded, path)
            has_face = face and (boxes is None or len(boxes) > 0)
            pictures.append(Picture(file, load, has_face, boxes, ignored, path.resolve()))
    if not pictures:
        reason = f"{len(bad)} files, none readable" if bad else "no file"
        raise UserError(f"{option}: {reason}; one image or more is wanted")
    biased = any("lfw" in part.lower() for part in root.resolve().parts[-2:])
    return Gallery(
        name=name,
        source=f"the folder {name}",
        pictures=tuple(pictures),
        fingerprint=fingerprint(pictures, digests),
        size=max(sizes),
        warnings=(LFW_BIAS,) if biased else (),
        quarantined=tuple(bad),
    )


def _decoded(path: Path) -> Pixels:
    return np.array(decode(path))


def _look(path: Path) -> tuple[bytes, tuple[int, int]] | str:
    """Decode a file; return the hash of its pixels and their size, or why it cannot be read."""
    try:
        pixels = _decoded(path)
    except UnreadableError as error:
        return str(error)
    return sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest(), pixels.shape[:2]


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
