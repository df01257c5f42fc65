"""The challenge's scorer: predictions joined to the truth by image, areas with intervals.

Both files are csv with the columns Id, task_1 (melanoma) and task_2 (seborrheic keratosis). An
image is known by its file name without folder and suffix: the challenge's folders hold the class.

Source: ISIC 2017 part 3, as the course's get_results.py scores it (which joins by position).
"""

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import UserError
from core.evaluation.components import crossed
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Part, Student
from core.evaluation.roc import auc, auc_table
from core.evaluation.thresholds import counts, rates
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

    LF or CRLF, with or without a byte order mark. Raises UserError, one line, for a file or a
    column that is missing, an image that comes twice, and a value that is not a number (of the
    truth: not 0 or 1).
    """
    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path.name}: a csv file is wanted ({reason})") from error
    columns = [str(name).strip() for name in frame.columns]
    missing = [name for name in ("Id", *TASKS) if name not in columns]
    if missing:
        seen = ", ".join(columns[:6])
        raise UserError(f"{path.name}: columns {seen}; {', '.join(missing)} wanted too")
    if frame.empty:
        raise UserError(f"{path.name}: no rows below the header; one an image is wanted")
    frame.columns = pd.Index(columns)
    frame.index = pd.Index([_image(each) for each in frame["Id"]], name="image")
    _refuse(path.name, "more than once", frame.index[frame.index.duplicated()].unique())
    values = frame[list(TASKS)].apply(pd.to_numeric, errors="coerce")
    allowed = values.isin([0, 1]) if truth else np.isfinite(values)
    for row, column in zip(*np.nonzero(~allowed.to_numpy()), strict=True):
        text = frame[list(TASKS)].iloc[row, column]
        wanted = "0 or 1" if truth else "a number"
        where = f"{path.name}: {frame.index[row]}, {list(TASKS)[column]}"
        raise UserError(f"{where}: {text!r}: {wanted} is wanted")
    return values.astype(np.float64)


def _image(name: str) -> str:
    return PurePosixPath(name.strip().replace("\\", "/")).stem


def _refuse(name: str, what: str, images: Sequence[str]) -> None:
    if len(images):
        more = f" and {len(images) - LISTED} more" if len(images) > LISTED else ""
        shown = " ".join(images[:LISTED])
        raise UserError(f"{name}: {len(images)} images {what}: {shown}{more}; each once is wanted")


def score(
    predictions: pd.DataFrame, truth: pd.DataFrame, threshold: float, prevalence: float
) -> Scores:
    """Score predictions whatever the order of their rows.

    The intervals rest on DeLong's variance; the mean's accounts for the two tasks sharing their images.
    threshold: frozen, for the counts and rates. Raises UserError that lists the images missing
    from, or unknown to, the predictions.
    """
    _refuse("predictions", "missing", sorted(truth.index.difference(predictions.index)))
    _refuse("predictions", "not in the truth", sorted(predictions.index.difference(truth.index)))
    joined = predictions.loc[truth.index]
    labels = {task: truth[task].to_numpy() == 1 for task in TASKS}
    for task, each in labels.items():
        if not 2 <= each.sum() <= len(each) - 2:
            wanted = "2 or more of each class are wanted"
            raise UserError(f"truth: {task} has {each.sum()} positives of {len(each)}; {wanted}")
    columns = {task: joined[task].to_numpy() for task in TASKS}
    areas = {name: auc(columns[task], labels[task]) for task, name in TASKS.items()}
    areas["mean"] = _mean(columns, labels, areas)
    return Scores(
        areas=areas,
        counts={n: counts(columns[t], labels[t], threshold) for t, n in TASKS.items()},
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


def _mean(
    columns: dict[str, NDArray[np.float64]],
    labels: dict[str, NDArray[np.bool_]],
    areas: dict[str, Estimate],
) -> Estimate:
    """Average the two areas; their pseudo-values per image carry the covariance."""
    table = np.mean([auc_table(columns[task], labels[task]) for task in TASKS], axis=0)
    parts, value = crossed(table), float(np.mean([each.value for each in areas.values()]))
    law = Student(value, (Part(parts.se**2, float("inf")),))
    return Estimate.of(value, parts, law, areas["melanoma"].method, bounds=(0.0, 1.0))


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


def lines(scores: Scores, threshold: float, prevalence: float) -> list[str]:
    """Return what the scorer prints."""
    board = leaderboard()
    found = [f"{scores.n} images, joined by name; intervals are 95 %"]
    for name, area in scores.areas.items():
        best, worst = ranks(area, name)
        n = f", {scores.positives[name]} positive" if name in scores.positives else ""
        found.append(
            f"AUC {name:<9} {area.value:.6f} (DeLong {area.low:.3f} to {area.high:.3f}{n}); "
            f"rank {best} to {worst} beside the {board['entries']} entries of 2017"
        )
    for name, ((tn, fp), (fn, tp)) in scores.counts.items():
        found.append(f"{name} at {threshold:g}: TP {tp}, FN {fn}, FP {fp}, TN {tn}")
        found += [
            f"  {rate:<11} {_shown(each, f' at prevalence {prevalence:g}' * (rate in PREDICTIVE))}"
            for rate, each in scores.rates[name].items()
        ]
    found.append(f"of the board only the best {len(board['mean'])} places are known to us")
    return found
