"""Tables and figures of the study of skin lesions: how well the arms do, task by task."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve

from core.data.images import Splits
from core.evaluation.calibration import (
    at_prevalence,
    calibration_error,
    chance_error,
    reliability,
)
from core.evaluation.comparisons import compare_all
from core.evaluation.intervals import mean
from core.evaluation.operating import bootstrapped, partial_auc
from core.evaluation.roc import auc, auc_table, roc_points
from core.evaluation.thresholds import net_benefit, rates
from core.results import Exhibit
from reports import tables
from reports.skin import figures, looks
from reports.skin.findings import subject
from reports.skin.readers import WARNING, Reader, against, beside
from reports.skin.tasks import Operation, Task, probabilities, temperatures
from reports.tables import Results
from reports.words import interval

GRID = np.linspace(0, 1, 41)
SENSITIVE = 0.95


def exhibits(
    results: Results,
    tasks: Sequence[Task],
    splits: Splits,
    operation: Operation,
    readers: Sequence[Reader],
) -> list[Exhibit]:
    """Draw the study's tables and figures."""
    first, drawn = subject(results), splits.card.synthetic
    near = [] if drawn else [reader for reader in readers if reader.dermoscopic]
    found = [_arms(results, tasks), _differences(tasks), _roc(tasks, first, near)]
    if not drawn:
        melanoma = [task for task in tasks if task.name == "melanoma"]
        found += [each for task in melanoma for each in _doctors(task, first, readers)]
    found += [
        _precision(tasks),
        _operation(tasks, operation),
        _benefit(results, tasks, splits, operation.prevalence),
        *_calibration(results, tasks, splits, first),
        _confusions(results, splits),
        *looks.exhibits(results, tasks, splits),
    ]
    return found


def _arms(results: Results, tasks: Sequence[Task]) -> Exhibit:
    hits = tables.scores(results, "correct")
    rows = []
    for arm, table in hits.items():
        row: dict[str, object] = {"arm": arm}
        for task in tasks:
            row |= tables.columns(f"AUC {task.name}", auc(task.scores[arm], task.labels))
            upper = partial_auc(task.scores[arm], task.labels, SENSITIVE)
            row |= tables.columns(f"specificity above {SENSITIVE:.0%}, {task.name}", upper)
        row |= tables.columns("accuracy", mean(table))
        rows.append({**row, "seeds": len(table), "images": table.shape[1]})
    caption = (
        "Area under the ROC curve (DeLong over seeds and images), mean specificity over "
        f"sensitivities of {SENSITIVE:.0%} and more (partial area; bootstrap; chance is "
        f"{(1 - SENSITIVE) / 2:.3f}), and three-way accuracy. 95 % intervals."
    )
    return Exhibit("arms", caption, pd.DataFrame(rows), units={"accuracy": "percent"})


def _differences(tasks: Sequence[Task]) -> Exhibit:
    frames = []
    for task in tasks:
        areas = {arm: auc_table(scores, task.labels) for arm, scores in task.scores.items()}
        if len(areas) > 1:
            frames.append(compare_all(areas).assign(task=task.name))
    columns = ["task", "a", "b", "difference", "low", "high", "n_seeds", "n_images", "p", "p_holm"]
    frame = pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns)
    caption = "Paired differences of areas, a less b (paired DeLong over seeds and images; Holm)."
    return Exhibit("area-differences", caption, frame)


def _roc(tasks: Sequence[Task], first: str, readers: Sequence[Reader]) -> Exhibit:
    frames, legends = [], {}
    for task in tasks:
        for arm, scores in task.scores.items():
            seeds = [roc_points(row, task.labels) for row in scores]
            middle = np.mean([np.interp(GRID, x, y) for x, y, _ in seeds], axis=0)
            low = high = middle
            if arm == first:
                low, high = _band(scores, task.labels)
            own = {"false alarms": GRID, "sensitivity": middle}
            bounds = {"sensitivity_low": low, "sensitivity_high": high}
            frames.append(pd.DataFrame({"task": task.name, "arm": arm, **own, **bounds}))
            area = auc(scores, task.labels)
            legends[task.name, arm] = f"{arm} {interval(area.value, area.low, area.high)}"
    caption = (
        "ROC curves, mean over seeds; the legend has the areas with DeLong's intervals. Band: "
        f"pointwise 95 % of {first} (bootstrap over images, seeds added). Dashed: chance."
    )
    frame = pd.concat(frames)
    figure = figures.roc(frame, legends, readers)
    shown = f" Points: mean readers. {WARNING}" if readers else ""
    return Exhibit("roc", caption + shown, frame, figure)


def _band(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the sensitivity at each share of false alarms of GRID."""

    def at(alarms: float) -> tuple[float, float]:
        estimate = bootstrapped(
            scores, labels, lambda placed: (placed >= 1 - alarms - 1e-9).mean(-1), resamples=300
        )
        return estimate.low, estimate.high

    bounds = np.array([at(alarms) for alarms in GRID[::2]])
    return np.interp(GRID, GRID[::2], bounds[:, 0]), np.interp(GRID, GRID[::2], bounds[:, 1])


def _doctors(task: Task, first: str, readers: Sequence[Reader]) -> list[Exhibit]:
    frame = beside({first: task.scores[first]}, task.labels, readers)
    caption = (
        f"Doctors on {task.name}: mean sensitivity and specificity of published studies, and our "
        f"specificity at their sensitivity where the task is near. {WARNING}"
    )
    found = [Exhibit("doctors", caption, frame)]
    if same := [reader for reader in readers if reader.calls]:
        called = task.scores[first] >= task.thresholds[first][:, None]
        pairs = against(called, task.labels, same)
        shares = {name: "percent" for name in pairs if str(name).startswith("their")}
        points = {f"{name}, ours - theirs": "points" for name in ("sensitivity", "specificity")}
        caption = f"Your readers and {first} on the same images, at its threshold, in pairs."
        found.append(Exhibit("own-readers", caption, pairs, units={**shares, **points}))
    return found


def _precision(tasks: Sequence[Task]) -> Exhibit:
    frames = []
    for task in tasks:
        for arm, scores in task.scores.items():
            seeds = [precision_recall_curve(task.labels, row)[:2] for row in scores]
            middle = np.mean([np.interp(GRID, y[::-1], x[::-1]) for x, y in seeds], axis=0)
            own = {"sensitivity": GRID[1:], "precision": middle[1:], "chance": task.labels.mean()}
            frames.append(pd.DataFrame({"task": task.name, "arm": arm, **own}))
    frame = pd.concat(frames)
    figure = figures.curves(frame, "sensitivity", "precision", "chance", "", (0, 1.02))
    caption = (
        "Precision against sensitivity at the test images' own share of positives, mean over seeds."
    )
    return Exhibit("precision-recall", caption, frame, figure)


def _operation(tasks: Sequence[Task], operation: Operation) -> Exhibit:
    rows = []
    for task in tasks:
        for arm, scores in task.scores.items():
            row: dict[str, object] = {"task": task.name, "arm": arm}
            found = rates(scores, task.labels, task.thresholds[arm], operation.prevalence)
            for name, estimate in found.items():
                row |= tables.columns(name, estimate)
            called = scores >= task.thresholds[arm][:, None]
            row["TP of"] = f"{called[:, task.labels].mean(0).sum():.1f} of {task.labels.sum()}"
            row["FP of"] = f"{called[:, ~task.labels].mean(0).sum():.1f} of {(~task.labels).sum()}"
            rows.append({**row, "seeds": len(scores)})
    rule = {
        "sensitivity": f"the highest that reaches a sensitivity of {operation.target:.0%}",
        "youden": "the greatest sensitivity + specificity",
        "cost": f"the least cost, a missed case worth {operation.miss_cost:g} false alarms",
    }[operation.rule]
    caption = (
        f"At a threshold chosen on validation ({rule}), frozen, then tested. PPV and NPV at a "
        f"prevalence of {operation.prevalence:.1%}. Counts are means over seeds."
    )
    shares = dict.fromkeys(("sensitivity", "specificity", "ppv", "npv"), "percent")
    return Exhibit("operating-points", caption, pd.DataFrame(rows), units=shares)


def _benefit(results: Results, tasks: Sequence[Task], splits: Splits, prevalence: float) -> Exhibit:
    counts, frames = np.array(splits.card.counts["train"]), []
    cuts = np.linspace(0.005, min(0.5, 6 * prevalence), 40)
    for task in tasks:
        trained = counts[task.positive] / counts.sum()
        for arm, p in probabilities(results, task.positive).items():
            moved = at_prevalence(np.clip(p, 1e-9, 1 - 1e-9), trained, prevalence)
            own = net_benefit(moved, task.labels, cuts, prevalence)
            frames.append(own.assign(task=task.name, arm=arm))
    names = {"threshold": "threshold probability", "all": "call all"}
    names |= {f"benefit{side}": f"net benefit{side}" for side in ("", "_low", "_high")}
    frame = pd.concat(frames).rename(columns=names)
    scale = (-0.25 * prevalence, 1.05 * prevalence)
    figure = figures.curves(
        frame, "threshold probability", "net benefit", "call all", subject(results), scale
    )
    caption = (
        f"Net benefit, true calls per image less false ones at their price, at a prevalence of "
        f"{prevalence:.1%} (probabilities moved there by Bayes' rule); calling no one has 0. "
        f"Band: 95 % of {subject(results)}."
    )
    return Exhibit("net-benefit", caption, frame, figure)


def _calibration(
    results: Results, tasks: Sequence[Task], splits: Splits, first: str
) -> list[Exhibit]:
    t = temperatures(results, splits.val.labels.numpy())
    rows, bins = [], []
    for task in tasks:
        versions = {
            "as trained": probabilities(results, task.positive),
            "temperature": probabilities(results, task.positive, t),
        }
        for scaled, by_arm in versions.items():
            own = reliability(by_arm[first][0], task.labels)
            bins.append(own.assign(task=task.name, scaled=scaled))
            for arm, p in by_arm.items():
                error = tables.columns("ECE", calibration_error(p, task.labels))
                row = {"task": task.name, "arm": arm, "probabilities": scaled, **error}
                row |= {"ECE by chance": chance_error(p), "temperature": float(t[arm].mean())}
                rows.append({**row, "seeds": len(p), "images": p.shape[1]})
    frame = pd.concat(bins)
    return [
        Exhibit(
            "calibration",
            "Expected calibration error, ten bins of equal counts, with bootstrap intervals, as "
            "trained and after temperature scaling on validation. ECE by chance: what true "
            "probabilities would show with as many images.",
            pd.DataFrame(rows),
        ),
        Exhibit(
            "reliability",
            f"Reliability of {first}, seed 0, ten bins of equal counts with Wilson intervals.",
            frame,
            figures.reliability(frame),
        ),
    ]


def _confusions(results: Results, splits: Splits) -> Exhibit:
    frame = tables.confusions(results, splits.card.classes)
    caption = (
        "Confusion matrices: counts of all seeds added, and shares of the true class; the most "
        "probable class counts, whatever the thresholds of the tasks."
    )
    return Exhibit("confusion", caption, frame, figures.confusions(frame), {"share": "percent"})
