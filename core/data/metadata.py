"""A table beside the images that names classes, lesions or patients: HAM10000's, or the like."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.errors import UserError

GROUPS = ("patient_id", "lesion_id")
"""columns that tell images apart that must stay together; the first one found counts"""
DX = {"mel": "melanoma", "nv": "nevus", "bkl": "seborrheic_keratosis"}
"""HAM10000's codes for the course's classes (its bkl also holds solar lentigines)"""


@dataclass(frozen=True)
class Row:
    """What the table says of an image; empty where it says nothing."""

    label: str = ""
    group: str = ""


def read(root: Path) -> dict[str, Row]:
    """Read <root>/*metadata*.csv: image name without suffix -> its row; nothing without a file.

    Columns: image_id, and of patient_id, lesion_id and dx those that there are. Raises UserError
    for a table without image_id, and for an image named twice.
    """
    paths = sorted(root.glob("*metadata*.csv")) if root.is_dir() else []
    return dict(_rows(paths[0])) if paths else {}


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if "image_id" not in frame:
        seen = ", ".join(map(str, frame.columns[:6]))
        raise UserError(f"--data: {path.name} has the columns {seen}; image_id is wanted")
    twice = frame["image_id"][frame["image_id"].duplicated()]
    if len(twice):
        raise UserError(f"--data: {path.name} names {twice.iloc[0]} twice; once is wanted")
    group = next((name for name in GROUPS if name in frame), None)
    labels = (
        frame["dx"].map(lambda code: DX.get(code, code)) if "dx" in frame else [""] * len(frame)
    )
    groups = frame[group] if group else [""] * len(frame)
    for image, label, own in zip(frame["image_id"], labels, groups, strict=True):
        yield image, Row(label, own)
