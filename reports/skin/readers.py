"""Doctors: the published reader studies, and the user's own readers."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import UserError
from core.evaluation.roc import specificity_at
from reports.tables import columns

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


@functools.cache
def published() -> tuple[Reader, ...]:
    """Read the published studies."""
    text = Path(__file__).with_name("readers.toml").read_text(encoding="utf-8")
    return tuple(Reader(**fields) for fields in tomllib.loads(text)["study"])


def own(path: Path) -> tuple[Reader, ...]:
    """Read the user's readers: a csv with the columns reader, sensitivity, specificity.

    Raises UserError, one line, for a file that is not that, and for a share outside [0, 1].
    """
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"--readers {path.name}: a csv file is wanted ({reason})") from error
    wanted = ("reader", "sensitivity", "specificity")
    if missing := [name for name in wanted if name not in frame]:
        raise UserError(f"--readers {path.name}: the column {missing[0]} is wanted too")
    found = []
    for row in frame.to_dict("records"):
        for name in wanted[1:]:
            share = pd.to_numeric(row[name], errors="coerce")
            if not 0 <= share <= 1:
                where = f"--readers {path.name}: {row['reader']}, {name} {row[name]}"
                raise UserError(f"{where}: a share between 0 and 1 is wanted")
        sensitivity, specificity = float(row["sensitivity"]), float(row["specificity"])
        found.append(
            Reader(name=str(row["reader"]), sensitivity=sensitivity, specificity=specificity)
        )
    return tuple(found)


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
