"""A table beside the images that names classes, lesions or patients: HAM10000's, or the like."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.data import tables
from core.data.listing import inside
from core.data.matching import AmbiguousError, match
from core.errors import UserError

GROUPS = ("patient_id", "lesion_id")
"""columns that tell images apart that must stay together; the first one found counts"""
DX = {"mel": "melanoma", "nv": "nevus", "bkl": "seborrheic_keratosis"}
"""HAM10000's codes for the course's classes (its bkl also holds solar lentigines)"""
FEW = 0.5  # share of the images with a row, below which the table is another set's


@dataclass(frozen=True)
class Row:
    """What the table says of an image; empty where it says nothing."""

    label: str = ""
    group: str = ""


@dataclass(frozen=True)
class Metadata:
    """The rows of a table, by the names that it gives the images."""

    file: str = ""
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def is_labelled(self) -> bool:
        """Tell whether it names classes."""
        return any(row.label for row in self.rows.values())

    def find(self, names: Sequence[str]) -> list[Row | None]:
        """Return the row of each image, None without one. names: paths below the folder.

        Raises UserError for a name that is several images', and an image that two rows name.
        """
        ids = [*self.rows]
        try:
            places = match(ids, names)
        except AmbiguousError as error:
            wanted = "a path that only one image has is wanted"
            raise UserError(f"--data: {self.file}: {error}; {wanted}") from error
        by: dict[int, str] = {}
        for image, place in zip(ids, places, strict=True):
            if place is None:
                continue
            if place in by:
                both = f"{by[place]} and {image} are both {names[place]}"
                raise UserError(f"--data: {self.file}: {both}; one row an image is wanted")
            by[place] = image
        return [self.rows[by[place]] if place in by else None for place in range(len(names))]

    def warnings(self, names: Sequence[str], rows: Sequence[Row | None]) -> list[str]:
        """Say how many images have no row; raise UserError if more than half of them have none."""
        lacking = [name for name, row in zip(names, rows, strict=True) if row is None]
        if not self.file or not lacking:
            return []
        seen = f"{len(lacking):,} of {len(names):,} images have no row in {self.file}"
        if len(lacking) > FEW * len(names):
            raise UserError(
                f"--data: {seen}, such as {lacking[0]}; its image_id is {next(iter(self.rows))} or "
                "the like; the images' names, with or without folder and suffix, are wanted there"
            )
        return [f"{seen}: {', '.join(lacking[:3])}{' ...' * (len(lacking) > 3)}"]


def read(root: Path) -> Metadata:
    """Read <root>/*metadata*.csv, in any case; nothing without a file.

    Columns: image_id, and of patient_id, lesion_id and dx those that there are. Raises UserError
    for two tables, a table without image_id, an empty cell, and an image named twice.
    """
    visible = inside(root) if root.is_dir() else None
    paths = [p for p in (*visible.files, *visible.folders) if _is_table(p)] if visible else []
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise UserError(f"--data: {names} lie in {root}; one table is wanted")
    return _rows(paths[0]) if paths else Metadata()


def _is_table(path: Path) -> bool:
    return path.suffix.lower() == ".csv" and "metadata" in path.name.lower()


def _rows(path: Path) -> Metadata:
    table = tables.read(path, f"--data: {path.name}", ["image_id"], ["image_id"])
    has_label = "dx" in table.columns
    group = next((name for name in GROUPS if name in table.columns), None)
    rows: dict[str, Row] = {}
    for index, cells in enumerate(table.rows):
        image, code = cells["image_id"], cells["dx"] if has_label else ""
        if image in rows:
            raise table.refuse(index, f"names {image} twice; once is wanted")
        if has_label and not code:
            raise table.refuse(index, "dx is empty; a class is wanted")
        rows[image] = Row(DX.get(code, code), cells[group] if group else "")
    return Metadata(path.name, rows)
