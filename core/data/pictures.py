"""Pictures of different sizes with what is known of the faces on them, for detectors.

Which pictures hold a face is known by the folder they lie in, or from a table of boxes: CSV with
the columns file, left, top, width, height in pixels and perhaps ignore (1: what is found there
counts neither as a face nor as a false alarm).
"""

import csv
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card, Quarantined
from core.data.decode import UnreadableError, decode
from core.data.folders import in_threads
from core.data.sources import LFW_BIAS
from core.device import derive
from core.errors import UserError

Pixels = NDArray[np.uint8]
"""an upright image, uint8 (height, width, 3), always RGB"""
Boxes = NDArray[np.float32]
"""(n, 4): x0, y0, x1, y1 in pixels"""

COLUMNS = ("file", "left", "top", "width", "height")
NONE: Boxes = np.empty((0, 4), dtype=np.float32)


@dataclass(frozen=True)
class Picture:
    """An image that is decoded when asked for."""

    name: str
    load: Callable[[], Pixels]
    """returns uint8 (height, width, 3) RGB"""
    face: bool
    """whether a human face is on it"""
    boxes: Boxes | None = None
    """its faces, none on a picture without; None where they were not marked"""
    ignored: Boxes = field(default_factory=lambda: NONE)
    """places that count neither as a face nor as a false alarm"""


@dataclass(frozen=True)
class Gallery:
    """A set of pictures."""

    name: str
    source: str
    pictures: tuple[Picture, ...]
    fingerprint: str
    size: tuple[int, int]
    """height and width of the largest"""
    warnings: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()

    def sample(self, n: int, seed: int) -> "Gallery":
        """Draw at most n pictures with a face and n without, in their order; pure in the seed."""
        random = np.random.default_rng(derive(seed))
        kept: list[int] = []
        for face in (True, False):
            of_kind = [i for i, each in enumerate(self.pictures) if each.face is face]
            kept += random.permutation(of_kind)[:n].astype(int).tolist()
        return replace(self, pictures=tuple(self.pictures[i] for i in sorted(kept)))


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


def boxed(table: Path) -> tuple[Gallery | None, dict[str, tuple[Boxes, Boxes]]]:
    """Read a table of boxes and gather the files that it names, from its folder and below.

    Returns them as a gallery, None if there are none, and the rows of files that are elsewhere.
    """
    marked = read_boxes(table)
    paths = {path.name: path for path in sorted(table.parent.rglob("*")) if path.is_file()}
    paths |= {name: table.parent / name for name in marked if (table.parent / name).is_file()}
    here = [paths[name] for name in marked if name in paths]
    elsewhere = {name: rows for name, rows in marked.items() if name not in paths}
    if not here:
        return None, elsewhere
    by_path = {paths[name]: marked[name] for name in marked if name in paths}
    name = table.resolve().parent.name
    return _gallery(table.parent, name, here, by_path, f"--boxes {table}", face=True), elsewhere


def mark(galleries: Sequence[Gallery], rows: dict[str, tuple[Boxes, Boxes]]) -> list[Gallery]:
    """Put boxes on the pictures of galleries that have those names; such a picture has a face.

    Raises UserError for a name that no picture has.
    """
    left, found = set(rows), []
    for gallery in galleries:
        pictures = []
        for each in gallery.pictures:
            key = next((k for k in (each.name, Path(each.name).name) if k in rows), None)
            left.discard(key or "")
            boxes, ignored = rows[key] if key else (each.boxes, each.ignored)
            face = each.face or (key is not None and boxes is not None and len(boxes) > 0)
            pictures.append(replace(each, boxes=boxes, ignored=ignored, face=face))
        before = [gallery.fingerprint.encode()] * len(pictures)
        after = fingerprint(pictures, before)
        found.append(replace(gallery, pictures=tuple(pictures), fingerprint=after))
    if left:
        raise UserError(
            f"--boxes: {sorted(left)[0]} is neither beside the table nor in the folders given"
        )
    return found


def read_boxes(table: Path) -> dict[str, tuple[Boxes, Boxes]]:
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


def describe(galleries: Sequence[Gallery]) -> Card:
    """Write the data card of a study on galleries; every picture is a test picture."""
    pictures = [each for gallery in galleries for each in gallery.pictures]
    with_face = sum(each.face for each in pictures)
    warnings = [line for gallery in galleries for line in gallery.warnings]
    return Card(
        name=" + ".join(gallery.name for gallery in galleries),
        source="; ".join(gallery.source for gallery in galleries),
        fingerprint=sha256(repr([g.fingerprint for g in galleries]).encode()).hexdigest(),
        classes=("face", "no face"),
        shape=(3, *max(gallery.size for gallery in galleries)),
        counts={"test": [with_face, len(pictures) - with_face]},
        split="none: nothing is trained, all images test",
        warnings=list(dict.fromkeys(warnings)),
        quarantined=[each for gallery in galleries for each in gallery.quarantined],
    )


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
        file = path.relative_to(root).as_posix()
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
            pictures.append(Picture(file, load, has_face, boxes, ignored))
    if not pictures:
        reason = f"{len(bad)} files, none readable" if bad else "no file"
        raise UserError(f"{option}: {reason}; one image or more is wanted")
    biased = "lfw" in root.resolve().as_posix().lower()
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


def fingerprint(pictures: Sequence[Picture], digests: Sequence[bytes]) -> str:
    """Hash pixels, names, faces and boxes of pictures (sha256, hexadecimal)."""
    total = sha256()
    for each, digest in zip(pictures, digests, strict=True):
        boxes = [None if b is None else b.tolist() for b in (each.boxes, each.ignored)]
        total.update(repr((each.name, each.face, boxes)).encode() + digest)
    return total.hexdigest()
