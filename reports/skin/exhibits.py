"""Tables and figures of the study of skin lesions: how well the arms do, task by task."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from core import dataset
from core.evaluation.comparisons import compare_all
from core.evaluation.operating import bootstrapped, partial_auc
from core.evaluation.roc import auc, auc_table, roc_points
from reports import tables, words
from reports.lessons import Exhibit
from reports.scores import by_arm, mean
from reports.skin import figures, looks, operation
from reports.skin.lesson import lesson
from reports.skin.readers import WARNING, Reader, against, beside, published, stored
from reports.skin.tasks import drawn, subject, tasks

GRID = np.linspace(0, 1, 41)
SENSITIVE = 0.95


@lesson.exhibit
def arms(study: xr.Dataset) -> Exhibit:
    """Return areas and accuracy of every arm."""
    rows, by_name = [], tasks(study)
    for arm, hits in by_arm(study["correct"]):
        row: dict[str, object] = {"arm": arm}
        for task in by_name.values():
            scores = task.scores(arm)
            row |= tables.columns(f"AUC {task.name}", auc(scores, task.labels))
            upper = partial_auc(scores, task.labels, SENSITIVE)
            row |= tables.columns(f"specificity above {SENSITIVE:.0%}, {task.name}", upper)
        row |= tables.columns("accuracy", mean(hits))
        shown = dataset.table(hits)
        rows.append({**row, "seeds": len(shown), "images": shown.shape[1]})
    return Exhibit(
        caption="Area under the ROC curve (DeLong over seeds and images), mean specificity over "
        f"sensitivities of {100 * SENSITIVE:.0f} % and more (partial area; chance is "
        f"{(1 - SENSITIVE) / 2:.3f}), and accuracy over all classes. 95 % intervals; all seeds "
        "share the split, the test images and, where there are some, the pretrained weights.",
        table=pd.DataFrame(rows),
        units={"accuracy": "percent"},
    )


@lesson.exhibit
def area_differences(study: xr.Dataset) -> Exhibit:
    """Return the paired differences of areas."""
    frames = []
    for task in tasks(study).values():
        areas = {arm: auc_table(task.scores(arm), task.labels) for arm in task.arms}
        if len(areas) > 1 and len({len(table) for table in areas.values()}) == 1:
            frames.append(compare_all(areas).assign(task=task.name))
    columns = ["task", "a", "b", "difference", "low", "high", "n_seeds", "n_images", "p", "p_holm"]
    return Exhibit(
        deep=True,
        caption="Paired differences of areas, a less b (paired DeLong over seeds and images; "
        "Holm).",
        table=pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns),
    )


@lesson.exhibit
def roc(study: xr.Dataset) -> Exhibit | None:
    """Return the ROC curves, and the readers whose task is near."""
    frames, legends, first = [], {}, subject(study)
    for task in tasks(study).values():
        for arm in task.arms:
            scores = task.scores(arm)
            seeds = [roc_points(row, task.labels) for row in scores]
            middle = np.mean([np.interp(GRID, x, y) for x, y, _ in seeds], axis=0)
            low, high = _band(scores, task.labels) if arm == first else (middle, middle)
            curve = {"false alarms": GRID, "sensitivity": middle}
            bounds = {"sensitivity_low": low, "sensitivity_high": high}
            frames.append(pd.DataFrame({"task": task.name, "arm": arm, **curve, **bounds}))
            area = auc(scores, task.labels)
            legends[task.name, arm] = f"{arm} {words.interval(area.value, area.low, area.high)}"
    if not frames:
        return None
    readers = [] if drawn(study) else [r for r in _readers(study) if r.dermoscopic]
    shown = f" Points: mean readers. {WARNING}" if readers else ""
    frame = pd.concat(frames)
    return Exhibit(
        caption="ROC curves, mean over seeds; the legend has the areas with DeLong's intervals. "
        f"Band: pointwise 95 % of {first} (bootstrap over images, seeds added). Dashed: chance."
        + shown,
        table=frame,
        figure=partial(figures.roc, frame, legends, readers),
    )


def _band(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return low and high of the sensitivity at each share of false alarms of GRID, (2, 41)."""
    specificities = 1 - GRID[:, None] - 1e-9

    def sensitivities(placed: NDArray[np.float64]) -> NDArray[np.float64]:
        return (placed[..., None, :] >= specificities).mean(-1)

    estimates = bootstrapped(scores, labels, sensitivities)
    return np.array([(estimate.low, estimate.high) for estimate in estimates]).T


def _readers(study: xr.Dataset) -> list[Reader]:
    return [*published(), *stored(study)]


@lesson.exhibit
def doctors(study: xr.Dataset) -> Exhibit | None:
    """Return the doctors of published studies, and the user's."""
    task = tasks(study).get("melanoma")
    if drawn(study) or task is None:
        return None
    first = subject(study)
    return Exhibit(
        caption=f"Doctors on {task.name}: mean sensitivity and specificity of published studies, "
        "and our specificity at their sensitivity where the task is near. "
        f"{WARNING}",
        table=beside(first, task.scores(first), task.labels, _readers(study)),
    )


@lesson.exhibit
def own_readers(study: xr.Dataset) -> Exhibit | None:
    """Return the user's readers who saw our test images, in pairs with our calls."""
    task = tasks(study).get("melanoma")
    same = [reader for reader in stored(study) if reader.calls]
    if task is None or not same:
        return None
    first = subject(study)
    called = task.scores(first) >= task.chosen(first)[:, None]
    pairs = against(called, task.labels, same)
    shares = {name: "percent" for name in pairs if str(name).startswith("their")}
    points = {f"{name}, ours - theirs": "points" for name in ("sensitivity", "specificity")}
    return Exhibit(
        caption=f"Your readers and {first} on the same images, at its threshold, in pairs.",
        table=pairs,
        units={**shares, **points},
    )


@lesson.exhibit
def precision_recall(study: xr.Dataset) -> Exhibit | None:
    """Return precision against sensitivity."""
    frames = []
    for task in tasks(study).values():
        for arm in task.arms:
            seeds = [precision_recall_curve(task.labels, row)[:2] for row in task.scores(arm)]
            middle = np.mean([np.interp(GRID, y[::-1], x[::-1]) for x, y in seeds], axis=0)
            curve = {"sensitivity": GRID[1:], "precision": middle[1:], "chance": task.labels.mean()}
            frames.append(pd.DataFrame({"task": task.name, "arm": arm, **curve}))
    if not frames:
        return None
    frame, y_limits = pd.concat(frames), (0, 1.02)
    return Exhibit(
        deep=True,
        caption="Precision against sensitivity at the test images' own share of positives, mean "
        "over seeds.",
        table=frame,
        figure=partial(figures.curves, frame, "sensitivity", "precision", "chance", "", y_limits),
    )


for draw in (*operation.EXHIBITS, *looks.EXHIBITS):
    lesson.exhibit(draw)
