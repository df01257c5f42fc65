"""Doctors: the published reader studies, and the user's own readers."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.data import tables
from core.data.card import readable
from core.data.matching import AmbiguousError, match
from core.errors import UserError
from core.evaluation.comparisons import paired
from core.evaluation.operating import specificity_at
from core.trials import Array
from reports.tables import columns

if TYPE_CHECKING:
    from core.data.images import Splits

SHARES, CALLS = ("reader", "sensitivity", "specificity"), ("reader", "image", "call")
WARNING = (
    "The readers of the published studies saw other images than these, with other shares of "
    "melanoma. A mean reader lies inside the readers' own curves, so that a curve above the mean "
    "point is not yet better than the readers."
)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A point on the ROC: a mean of readers from `readers.toml`, or one of the user's."""

    name: str
    sensitivity: float
    specificity: float
    images: str = "the user's"
    readers: str = "1"
    algorithm: str = ""
    dermoscopic: bool = True
    """dermoscopic images, melanoma against benign lesions: the task nearest to ours"""
    citation: str = "the user's file"
    calls: Mapping[int, bool] = field(default_factory=dict)
    """index of one of our test images -> the reader's call, where they saw the same images"""


@functools.cache
def published() -> tuple[Reader, ...]:
    """Read the published studies."""
    text = Path(__file__).with_name("readers.toml").read_text(encoding="utf-8")
    return tuple(Reader(**fields) for fields in tomllib.loads(text)["study"])


def read(path: Path, splits: "Splits", positive: str) -> tuple[Reader, ...]:
    """Read the user's readers: a csv with the columns reader, sensitivity, specificity.

    Or reader, image, call (1: `positive`): what readers said of our test images, known by their
    whole paths or the last parts of them, with suffix or without. Raises UserError, one line with
    the row, for a file that is neither, a share outside [0, 1], an image that is not among the test
    images, is several of them, or comes twice.
    """
    what = f"--readers {path.name}"
    has_images = "image" in tables.read(path, what, ["reader"]).columns
    wanted = CALLS if has_images else SHARES
    table = tables.read(path, what, wanted, wanted)
    if not has_images:
        return tuple(
            Reader(
                name=readable(cells["reader"]),
                sensitivity=_share(table, row, "sensitivity"),
                specificity=_share(table, row, "specificity"),
            )
            for row, cells in enumerate(table.rows)
        )
    if positive not in splits.card.classes:
        raise UserError(f"{what}: a class named {positive} is wanted in --data")
    labels = splits.test.labels.numpy() == splits.card.classes.index(positive)
    calls: dict[str, dict[int, bool]] = {}
    for row, (cells, place) in enumerate(zip(table.rows, _images(table, splits), strict=True)):
        said = calls.setdefault(readable(cells["reader"]), {})
        if place in said:
            raise table.refuse(row, f"{cells['reader']}, {cells['image']}: once is wanted")
        said[place] = bool(_share(table, row, "call"))
    return tuple(_of_calls(what, name, said, labels) for name, said in calls.items())


def _share(table: tables.Table, row: int, column: str) -> float:
    """Return a cell that is to hold a share, or a call."""
    text, span = table.rows[row][column], "0 or 1" if column == "call" else "a share from 0 to 1"
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1 or (column == "call" and value not in (0, 1)):
        raise table.refuse(row, f"{table.rows[row]['reader']}, {column} {text}: {span} is wanted")
    return value


def _images(table: tables.Table, splits: "Splits") -> list[int]:
    """Return the test image of every row; what was left out of the set is not taken for another."""
    n, names = len(splits.test), [*splits.test.names, *(q.path for q in splits.card.quarantined)]
    try:
        places = match([cells["image"] for cells in table.rows], names)
    except AmbiguousError as error:
        raise UserError(f"{table.what}: {error}; a path that only one has is wanted") from error
    for row, (cells, place) in enumerate(zip(table.rows, places, strict=True)):
        if place is None or place >= n:
            seen = "none of our test images" if place is None else "an image that was left out"
            wanted = f"one of our test images, such as {names[0]}, is wanted"
            raise table.refuse(row, f"{cells['reader']}, {cells['image']}: {seen}; {wanted}")
    return [place for place in places if place is not None]


def _of_calls(what: str, name: str, calls: Mapping[int, bool], labels: NDArray[np.bool_]) -> Reader:
    truth, said = labels[list(calls)], np.array([*calls.values()])
    if truth.all() or not truth.any():
        raise UserError(f"{what}: {name}: images of both kinds are wanted")
    return Reader(
        name=name,
        sensitivity=float(said[truth].mean()),
        specificity=float((~said[~truth]).mean()),
        images="ours",
        calls=calls,
    )


def packed(
    readers: Sequence[Reader], n_images: int
) -> tuple[dict[str, tuple[str, ...]], dict[str, Array]]:
    """Return readers as a study keeps them: labels of dimensions, and arrays.

    `rates` (reader, rate): sensitivity and specificity; `calls` (reader, image): 1, 0, or -1 where
    the reader did not see the image.
    """
    calls = np.full((len(readers), n_images), -1, dtype=np.int8)
    for row, reader in zip(calls, readers, strict=True):
        row[list(reader.calls)] = list(reader.calls.values())
    rates = [[reader.sensitivity, reader.specificity] for reader in readers]
    names = [reader.name for reader in readers]
    distinct = (f"{n} ({i + 1})" if n in names[:i] else n for i, n in enumerate(names))
    coords = {"reader": tuple(distinct), "rate": ("sensitivity", "specificity")}
    return coords, {
        "rates": (("reader", "rate"), np.array(rates)),
        "calls": (("reader", "image"), calls),
    }


def stored(study: xr.Dataset) -> tuple[Reader, ...]:
    """Return the user's readers that a study keeps; indices are those of its test images."""
    if "rates" not in study:
        return ()
    readers = []
    for name in study["reader"].values.tolist():
        sensitivity, specificity = study["rates"].sel(reader=name).values.tolist()
        said = study["calls"].sel(reader=name).values
        calls = {int(index): bool(said[index]) for index in np.flatnonzero(said >= 0)}
        images = "ours" if calls else "the user's"
        rates: dict[str, Any] = {"sensitivity": sensitivity, "specificity": specificity}
        readers.append(Reader(name=name, images=images, calls=calls, **rates))
    return tuple(readers)


def against(
    called: NDArray[np.bool_], labels: NDArray[np.bool_], readers: Sequence[Reader]
) -> pd.DataFrame:
    """Compare our calls, (seeds, n), with those of readers who saw the same images, in pairs.

    Returns reader, images, and for sensitivity and specificity ours less theirs with interval: none
    from one image, which says nothing of others.
    """
    rows = []
    for reader in readers:
        index, said = np.array([*reader.calls]), np.array([*reader.calls.values()])
        row: dict[str, object] = {"reader": reader.name, "images": len(index)}
        for name, kind in (("sensitivity", True), ("specificity", False)):
            of_kind = labels[index] == kind
            ours = called[:, index[of_kind]] == kind
            theirs = np.tile(said[of_kind] == kind, (len(ours), 1))
            gap = paired(ours.astype(float), theirs.astype(float)) if of_kind.sum() > 1 else None
            row[f"their {name}"] = float(theirs.mean())
            row |= columns(f"{name}, ours - theirs", gap)
        rows.append(row)
    return pd.DataFrame(rows)


def beside(
    arm: str,
    scores: NDArray[np.float64],
    labels: NDArray[np.bool_],
    readers: Sequence[Reader],
) -> pd.DataFrame:
    """Set an arm's specificity at the readers' sensitivity beside the readers' own.

    scores: (seeds, n). Readers of other tasks are listed without ours.
    """
    rows = []
    for reader in readers:
        row: dict[str, object] = {
            "readers": f"{reader.name}: {reader.readers}",
            "images": reader.images,
            "sensitivity": reader.sensitivity,
            "specificity": reader.specificity,
        }
        near = reader.dermoscopic and reader.sensitivity > 0
        ours = specificity_at(scores, labels, reader.sensitivity) if near else None
        row |= columns(f"{arm}, specificity there", ours)
        rows.append({**row, "their algorithm": reader.algorithm, "source": reader.citation})
    return pd.DataFrame(rows)
