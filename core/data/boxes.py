"""Tables of faces marked on pictures, checked row by row.

CSV with the columns file, left, top, width, height in pixels and perhaps ignore (1: what is found
there counts neither as a face nor as a false alarm).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data import tables
from core.data.pictures import Boxes
from core.errors import UserError

COLUMNS = ("file", "left", "top", "width", "height")
LISTED = 3  # rows that an error names


@dataclass(frozen=True)
class Mark:
    """What a table says of one picture."""

    boxes: Boxes
    ignored: Boxes
    what: str
    """the option and the table, for errors"""
    rows: tuple[int, ...]
    """of the table, for the boxes and then the ignored ones"""

    def check(self, name: str, size: tuple[int, int]) -> None:
        """Raise UserError unless all boxes lie in the picture. size: its height and width."""
        far = np.concatenate([self.boxes, self.ignored])[:, 2:]
        for row, (right, bottom) in zip(self.rows, far, strict=True):
            if right > size[1] or bottom > size[0]:
                raise UserError(
                    f"{self.what}: row {row}: the box ends at {right:g}, {bottom:g}; a place in "
                    f"{name}, {size[1]}x{size[0]} pixels, is wanted"
                )


def read_boxes(table: Path) -> dict[str, Mark]:
    """Read a table of boxes: file -> its mark, in the table's order.

    Raises UserError, which names the rows, for a file that is no such table, and for a box that is
    not of finite numbers, has no area, begins outside the picture, or is there twice.
    """
    read = tables.read(table, f"--boxes {table}", COLUMNS, COLUMNS)
    by_file: dict[str, list[tuple[int, bool, tuple[float, ...]]]] = {}
    problems = []
    for number, cells in zip(read.numbers, read.rows, strict=True):
        rows = by_file.setdefault(cells["file"], [])
        box, problem = _box(cells)
        ignore = cells.get("ignore", "")
        if ignore not in ("", "0", "1"):
            problem = f"ignore {ignore}, 0 or 1 is wanted"
        same = next((row for row, _, other in rows if other == box), None)
        if same is not None and not problem:
            problem = f"the box of row {same} again"
        if problem:
            problems.append(f"row {number}, {cells['file']}: {problem}")
        rows.append((number, ignore == "1", box))
    if problems:
        more = f" and {len(problems) - LISTED} rows more" if len(problems) > LISTED else ""
        raise UserError(f"--boxes {table}: {'; '.join(problems[:LISTED])}{more}")
    return {name: _mark(rows, read.what) for name, rows in by_file.items()}


def _box(cells: dict[str, str]) -> tuple[tuple[float, ...], str]:
    """Return the corners x0, y0, x1, y1 of a row, and what is wrong with it."""
    try:
        left, top, width, height = (float(cells[name]) for name in COLUMNS[1:])
    except ValueError as error:
        return (), f"{error}; numbers are wanted"
    box = (left, top, left + width, top + height)
    if not all(map(math.isfinite, box)):
        return box, "finite numbers are wanted"
    if width <= 0 or height <= 0:
        return box, f"width {width:g}, height {height:g}; more than 0 is wanted"
    if left < 0 or top < 0:
        return box, f"left {left:g}, top {top:g}; 0 or more is wanted"
    return box, ""


def _mark(rows: list[tuple[int, bool, tuple[float, ...]]], what: str) -> Mark:
    parts = [[row for row in rows if row[1] is ignore] for ignore in (False, True)]
    true, ignored = (
        np.array([box for _, _, box in part], dtype=np.float32).reshape(-1, 4) for part in parts
    )
    return Mark(true, ignored, what, tuple(number for part in parts for number, _, _ in part))
