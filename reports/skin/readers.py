"""Doctors: the published reader studies, and the user's own readers."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.errors import UserError
from core.evaluation.comparisons import paired
from core.evaluation.operating import specificity_at
from core.trials import Array
from reports.tables import columns

if TYPE_CHECKING:
    from core.data.images import Splits

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


def own(path: Path, splits: "Splits", positive: str) -> tuple[Reader, ...]:
    """Read the user's readers: a csv with the columns reader, sensitivity, specificity.

    Or reader, image, call (1: `positive`): what readers said of our test images, known by their
    file names without folder and suffix. Raises UserError, one line, for a file that is neither,
    a share outside [0, 1], an image that is not among the test images, or comes twice.
    """
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig", dtype={"reader": str, "image": str})
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"--readers {path.name}: a csv file is wanted ({reason})") from error
    kinds = (("reader", "image", "call"), ("reader", "sensitivity", "specificity"))
    wanted = kinds[0] if "image" in frame else kinds[1]
    if missing := [name for name in wanted if name not in frame]:
        raise UserError(f"--readers {path.name}: the column {missing[0]} is wanted too")
    for row in frame.to_dict("records"):
        for name in wanted[1:]:
            share = pd.to_numeric(row[name], errors="coerce") if name != "image" else 0
            if not (share in (0, 1) if name == "call" else 0 <= share <= 1):
                where = f"--readers {path.name}: {row['reader']}, {name} {row[name]}"
                span = "0 or 1" if name == "call" else "a share between 0 and 1"
                raise UserError(f"{where}: {span} is wanted")
    if wanted is kinds[0]:
        if positive not in splits.card.classes:
            raise UserError(f"--readers {path.name}: a class named {positive} is wanted in --data")
        labels = splits.test.labels.numpy() == splits.card.classes.index(positive)
        place = {PurePath(name).stem: index for index, name in enumerate(splits.test.names)}
        groups = frame.groupby("reader", sort=False)
        return tuple(_of_calls(path.name, str(n), rows, place, labels) for n, rows in groups)
    return tuple(
        Reader(name=name, sensitivity=float(found), specificity=float(spared))
        for name, found, spared in frame[list(wanted)].itertuples(index=False)
    )


def _of_calls(
    file: str, name: str, rows: pd.DataFrame, place: dict[str, int], labels: NDArray[np.bool_]
) -> Reader:
    calls: dict[int, bool] = {}
    for image, call in zip(rows["image"], rows["call"], strict=True):
        index = place.get(PurePath(image).stem)
        if index is None or index in calls:
            what = "once is wanted" if index is not None else "one of our test images is wanted"
            raise UserError(f"--readers {file}: {name}, {image}: {what}")
        calls[index] = bool(call)
    truth, said = labels[list(calls)], np.array([*calls.values()])
    if truth.all() or not truth.any():
        raise UserError(f"--readers {file}: {name}: images of both kinds are wanted")
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
    coords = {"reader": _distinct(readers), "rate": ("sensitivity", "specificity")}
    return coords, {
        "rates": (("reader", "rate"), np.array(rates)),
        "calls": (("reader", "image"), calls),
    }


def _distinct(readers: Sequence[Reader]) -> tuple[str, ...]:
    names = [reader.name for reader in readers]
    return tuple(f"{n} ({i + 1})" if n in names[:i] else n for i, n in enumerate(names))


def stored(study: xr.Dataset) -> tuple[Reader, ...]:
    """Return the user's readers that a study keeps; indices are those of its test images."""
    if "rates" not in study:
        return ()
    found = []
    for name in study["reader"].values.tolist():
        sensitivity, specificity = study["rates"].sel(reader=name).values.tolist()
        said = study["calls"].sel(reader=name).values
        calls = {int(index): bool(said[index]) for index in np.flatnonzero(said >= 0)}
        images = "ours" if calls else "the user's"
        found.append(
            Reader(
                name=name,
                sensitivity=sensitivity,
                specificity=specificity,
                images=images,
                calls=calls,
            )
        )
    return tuple(found)


def against(
    called: NDArray[np.bool_], labels: NDArray[np.bool_], readers: Sequence[Reader]
) -> pd.DataFrame:
    """Compare our calls, (seeds, n), with those of readers who saw the same images, in pairs.

    Returns reader, images, and for sensitivity and specificity ours less theirs with interval.
    """
    rows = []
    for reader in readers:
        index, said = np.array([*reader.calls]), np.array([*reader.calls.values()])
        row: dict[str, object] = {"reader": reader.name, "images": len(index)}
        for name, kind in (("sensitivity", True), ("specificity", False)):
            own = labels[index] == kind
            ours = called[:, index[own]] == kind
            theirs = np.tile(said[own] == kind, (len(ours), 1))
            gap = paired(ours.astype(float), theirs.astype(float))
            row[f"their {name}"] = float(theirs.mean())
            row |= columns(f"{name}, ours - theirs", gap)
        rows.append(row)
    return pd.DataFrame(rows)


def beside(
    scores: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.bool_],
    readers: Sequence[Reader],
) -> pd.DataFrame:
    """Set each arm's specificity at the readers' sensitivity beside the readers' own.

    scores: arm -> (seeds, n). Readers of other tasks are listed without ours.
    """
    rows = []
    for reader in readers:
        row: dict[str, object] = {
            "readers": f"{reader.name}: {reader.readers}",
            "images": reader.images,
            "sensitivity": reader.sensitivity,
            "specificity": reader.specificity,
        }
        for arm, each in scores.items():
            near = reader.dermoscopic and reader.sensitivity > 0
            estimate = specificity_at(each, labels, reader.sensitivity) if near else None
            row |= columns(f"{arm}, specificity there", estimate)
        rows.append({**row, "their algorithm": reader.algorithm, "source": reader.citation})
    return pd.DataFrame(rows)
