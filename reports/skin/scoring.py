"""The challenge's scorer: predictions joined to the truth by image, areas with intervals.

Both files are csv with the columns Id, task_1 (melanoma) and task_2 (seborrheic keratosis). An id
is a string; those of one image may differ in a picture's suffix and in the folders above it.

Source: ISIC 2017 part 3, as the course's get_results.py scores it (which joins by position).
"""

import functools
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data import tables
from core.data.matching import AmbiguousError, match
from core.errors import UserError
from core.evaluation.components import ROUNDING, crossed
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Floats, Law
from core.evaluation.roc import auc, auc_table
from core.evaluation.thresholds import rates
from core.trials import Array

TASKS = {"task_1": "melanoma", "task_2": "keratosis"}
PREDICTIVE = ("ppv", "npv")  # they depend on the prevalence
LISTED = 20  # ids that an error names


@dataclass(frozen=True)
class Scores:
    """What a file of predictions scores."""

    areas: dict[str, Estimate]
    """melanoma, keratosis and mean, the challenge's three categories"""
    counts: dict[str, NDArray[np.int64]]
    """task -> ((TN, FP), (FN, TP)) at the threshold"""
    rates: dict[str, dict[str, Estimate]]
    positives: dict[str, int]
    n: int


def read(path: Path, *, truth: bool = False) -> pd.DataFrame:
    """Read a file of predictions, or of the truth: image -> task_1, task_2, float64.

    LF or CRLF, with or without a byte order mark. An id is a string. Raises UserError, one line,
    for a file or a column that is missing, an image that comes twice, and a value that is not a
    number (of the truth: not 0 or 1).
    """
    table = tables.read(path, path.name, ("Id", *TASKS), ("Id",))
    names = pd.Index([cells["Id"] for cells in table.rows], name="image")
    _refuse(path.name, "more than once", list(names[names.duplicated()].unique()))
    texts = pd.DataFrame([[c[task] for task in TASKS] for c in table.rows], names, list(TASKS))
    values = texts.apply(pd.to_numeric, errors="coerce")
    allowed = values.isin([0, 1]) if truth else np.isfinite(values)
    for row, column in zip(*np.nonzero(~allowed.to_numpy()), strict=True):
        wanted = "0 or 1 is wanted" if truth else "a number is wanted"
        where = f"{names[row]}, {list(TASKS)[column]}"
        raise table.refuse(int(row), f"{where}: {texts.iloc[row, column]!r}: {wanted}")
    return values.astype(np.float64)


def _refuse(name: str, what: str, images: Sequence[str]) -> None:
    if images:
        more = f" and {len(images) - LISTED} more" if len(images) > LISTED else ""
        shown = " ".join(images[:LISTED])
        raise UserError(f"{name}: {len(images)} images {what}: {shown}{more}; each once is wanted")


def _joined(predictions: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions in the truth's order.

    Raises UserError that lists the images missing from, or unknown to, the predictions.
    """
    ids, names = list(predictions.index), list(truth.index)
    try:
        places = match(ids, names)
    except AmbiguousError as error:
        raise UserError(f"predictions: {error}; a path that only one has is wanted") from error
    rows = {place: row for row, place in enumerate(places) if place is not None}
    pairs = list(zip(ids, places, strict=True))
    twice = [image for row, (image, at) in enumerate(pairs) if at is not None and rows[at] != row]
    _refuse("predictions", "more than once", twice)
    _refuse("predictions", "missing", [name for n, name in enumerate(names) if n not in rows])
    _refuse("predictions", "not in the truth", [image for image, place in pairs if place is None])
    return predictions.iloc[[rows[place] for place in range(len(names))]]


def score(
    predictions: pd.DataFrame, truth: pd.DataFrame, threshold: float, prevalence: float
) -> Scores:
    """Score predictions whatever the order of their rows.

    The intervals rest on DeLong's variance; the mean's knows that the two tasks share their images.
    threshold: frozen, for the counts and rates. Raises UserError that lists the images missing
    from, or unknown to, the predictions, and for a task that has one class.
    """
    from sklearn.metrics import confusion_matrix

    joined = _joined(predictions, truth)
    labels = {task: truth[task].to_numpy() == 1 for task in TASKS}
    for task, label in labels.items():
        if not 2 <= label.sum() <= len(label) - 2:
            wanted = "2 or more of each class are wanted"
            raise UserError(f"truth: {task} has {label.sum()} positives of {len(label)}; {wanted}")
    columns = {task: joined[task].to_numpy() for task in TASKS}
    areas = {name: auc(columns[task], labels[task]) for task, name in TASKS.items()}
    areas["mean"] = _mean(columns, labels, areas)
    return Scores(
        areas=areas,
        counts={n: confusion_matrix(labels[t], columns[t] >= threshold) for t, n in TASKS.items()},
        rates={n: rates(columns[t], labels[t], threshold, prevalence) for t, n in TASKS.items()},
        positives={n: int(labels[t].sum()) for t, n in TASKS.items()},
        n=len(truth),
    )


COORDS = {"rows": ("in order", "shuffled"), "category": ("melanoma", "keratosis", "mean")}
"""dimensions of what `course` returns"""


def course(folder: Path) -> dict[str, Array]:
    """Score the course's sample submission, its rows in order and shuffled: `submission`.

    folder: holds ground_truth.csv and sample_predictions.csv; nothing is returned without them.
    """
    files = [folder / name for name in ("ground_truth.csv", "sample_predictions.csv")]
    if not all(file.is_file() for file in files):
        return {}
    truth, predictions = read(files[0], truth=True), read(files[1])
    areas = [
        [area.value for area in score(rows, truth, 0.5, 0.5).areas.values()]
        for rows in (predictions, predictions.sample(frac=1, random_state=0))
    ]
    return {"submission": (("rows", "category"), np.array(areas))}


@dataclass(frozen=True)
class Mean:
    """The mean of two areas on the same images: the distances to their limits, added as errors.

    Source: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702.
    """

    areas: tuple[Law, Law]
    correlation: float
    """of the areas' errors"""

    @property
    def value(self) -> Floats:
        """The mean itself."""
        return (self.areas[0].value + self.areas[1].value) / 2

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the mean less, and plus, half of what the distances add up to."""
        limits = np.stack([area.limits(alpha) for area in self.areas])
        a, b = (limits.T - [area.value for area in self.areas]).T
        half = np.sqrt(a**2 + b**2 + 2 * self.correlation * a * b) / 2
        return self.value - half[0], self.value + half[1]


def _mean(
    columns: dict[str, NDArray[np.float64]],
    labels: dict[str, NDArray[np.bool_]],
    areas: dict[str, Estimate],
) -> Estimate:
    """Average the two areas; their pseudo-values per image carry the covariance."""
    tables = np.concatenate([auc_table(columns[task], labels[task]) for task in TASKS])
    parts, deviations = crossed(tables.mean(0, keepdims=True)), tables.std(1)
    # An area without an error that is seen, such as a perfect one, has one all the same.
    correlation = float(np.corrcoef(tables)[0, 1]) if deviations.min() > ROUNDING else 1.0
    law = Mean((areas["melanoma"].law, areas["keratosis"].law), correlation)
    return Estimate.of(parts, law, areas["melanoma"].method, bounds=(0.0, 1.0))


@functools.cache
def leaderboard() -> dict[str, Any]:
    """Read the published leaderboard."""
    text = Path(__file__).with_name("leaderboard.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def ranks(estimate: Estimate, category: str) -> tuple[int, int]:
    """Return the best and the worst rank on the published board that the interval allows.

    Of the board only the best places are known: below the last of them, the worst rank is the
    one after all entries.
    """
    known, entries = leaderboard()[category], leaderboard()["entries"]

    def place(value: float) -> int:
        return 1 + sum(other > value for other in known)

    worst = place(estimate.low)
    return place(estimate.high), entries + 1 if worst > len(known) else worst


def _shown(estimate: Estimate, where: str) -> str:
    if np.isnan(estimate.value):
        return "undefined: no image is called so"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f}){where}"


def lines(scores: Scores, threshold: float, prevalence: float) -> Iterator[str]:
    """Yield what the scorer prints."""
    board = leaderboard()
    yield f"{scores.n} images, joined by name; intervals are 95 %"
    for name, area in scores.areas.items():
        best, worst = ranks(area, name)
        n = f", {scores.positives[name]} positive" if name in scores.positives else ""
        yield (
            f"AUC {name:<9} {area.value:.6f} (DeLong {area.low:.3f} to {area.high:.3f}{n}); "
            f"rank {best} to {worst} beside the {board['entries']} entries of 2017"
        )
    for name, ((tn, fp), (fn, tp)) in scores.counts.items():
        yield f"{name} at {threshold:g}: TP {tp}, FN {fn}, FP {fp}, TN {tn}"
        for rate, estimate in scores.rates[name].items():
            where = f" at prevalence {prevalence:g}" * (rate in PREDICTIVE)
            yield f"  {rate:<11} {_shown(estimate, where)}"
    yield f"of the board only the best {len(board['mean'])} places are known to us"
