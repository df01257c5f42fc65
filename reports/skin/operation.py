"""Tables and figures of the networks in use: thresholds, net benefit, calibration, confusion."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from core.evaluation.calibration import at_prevalence, calibration_error, chance_error
from core.evaluation.calibration import reliability as reliability_bins
from core.evaluation.thresholds import net_benefit as decision_curve
from core.evaluation.thresholds import rates
from reports import tables
from reports.lessons import Exhibit
from reports.skin import figures
from reports.skin.tasks import Operation, Task, probabilities, subject, tasks, temperatures


def operating_points(study: xr.Dataset) -> Exhibit:
    """Return rates and counts at the thresholds."""
    operation = Operation.of(study)
    rows = [
        _operating_point(task, arm, operation.prevalence)
        for task in tasks(study).values()
        for arm in task.arms
    ]
    rule = {
        "sensitivity": f"the highest that reaches a sensitivity of {100 * operation.target:g} %",
        "youden": "the greatest sensitivity + specificity",
        "cost": f"the least cost, a missed case worth {operation.miss_cost:g} false alarms",
    }[operation.rule]
    return Exhibit(
        caption=f"At a threshold chosen on validation ({rule}), frozen, then tested. PPV and NPV "
        f"at a prevalence of {100 * operation.prevalence:g} %. Counts are means over seeds.",
        table=pd.DataFrame(rows),
        units=dict.fromkeys(("sensitivity", "specificity", "ppv", "npv"), "percent"),
    )


def _operating_point(task: Task, arm: str, prevalence: float) -> dict[str, object]:
    scores, thresholds = task.scores(arm), task.chosen(arm)
    row: dict[str, object] = {"task": task.name, "arm": arm}
    for name, estimate in rates(scores, task.labels, thresholds, prevalence).items():
        row |= tables.columns(name, estimate)
    called = scores >= thresholds[:, None]
    for name, images in (("TP of", task.labels), ("FP of", ~task.labels)):
        row[name] = f"{called[:, images].mean(0).sum():.1f} of {images.sum()}"
    return {**row, "seeds": len(scores)}


def net_benefit(study: xr.Dataset) -> Exhibit | None:
    """Return the decision curves."""
    prevalence, first, frames = Operation.of(study).prevalence, subject(study), []
    cuts = np.linspace(0.005, min(0.5, 6 * prevalence), 40)
    for task in tasks(study).values():
        trained = _trained_share(study, task.positive)
        for arm, p in probabilities(study, task.positive).items():
            moved = at_prevalence(np.clip(p, 1e-9, 1 - 1e-9), trained, prevalence)
            curve = decision_curve(moved, task.labels, cuts, prevalence)
            frames.append(curve.assign(task=task.name, arm=arm))
    if not frames:
        return None
    x, y, dashed = "threshold probability", "net benefit", "call all"
    names = {"threshold": x, "all": dashed}
    names |= {f"benefit{side}": f"{y}{side}" for side in ("", "_low", "_high")}
    frame, y_limits = pd.concat(frames).rename(columns=names), (-prevalence / 4, 1.05 * prevalence)
    return Exhibit(
        deep=True,
        caption="Net benefit, true calls per image less false ones at their price, at a prevalence "
        f"of {100 * prevalence:g} % (probabilities moved there by Bayes' rule); calling no one has "
        f"0. Band: 95 % of {first}.",
        table=frame,
        figure=partial(figures.curves, frame, x, y, dashed, first, y_limits),
    )


def _trained_share(study: xr.Dataset, positive: int) -> float:
    """Return the share of a class in what was trained on, remedies included."""
    counts = np.array(study.attrs["card"]["counts"]["train"])
    if study.attrs["facts"]["settings"]["imbalance"] in ("weights", "sampling"):
        return 1 / len(counts)
    return float(counts[positive] / counts.sum())


def calibration(study: xr.Dataset) -> Exhibit:
    """Return the calibration errors before and after temperature scaling."""
    fitted, rows = temperatures(study), []
    for task in tasks(study).values():
        for words_, scale in (("as trained", None), ("temperature", fitted)):
            for arm, p in probabilities(study, task.positive, scale).items():
                row: dict[str, object] = {"task": task.name, "arm": arm, "probabilities": words_}
                row |= tables.columns("ECE", calibration_error(p, task.labels))
                row |= {"ECE by chance": chance_error(p), "temperature": fitted[arm].mean()}
                rows.append({**row, "seeds": len(p), "images": p.shape[1]})
    return Exhibit(
        deep=True,
        caption="Expected calibration error, ten bins of equal counts (equal probabilities share "
        "one), with bootstrap intervals, as trained and after temperature scaling on validation. "
        "ECE by chance: what true probabilities would show with as many images.",
        table=pd.DataFrame(rows),
    )


def reliability(study: xr.Dataset) -> Exhibit | None:
    """Return the reliability of one network."""
    fitted, first, bins = temperatures(study), subject(study), []
    for task in tasks(study).values():
        for scaled, scale in (("as trained", None), ("temperature", fitted)):
            p = probabilities(study, task.positive, scale)[first][0]
            bins.append(reliability_bins(p, task.labels).assign(task=task.name, scaled=scaled))
    if not bins:
        return None
    frame = pd.concat(bins)
    return Exhibit(
        deep=True,
        caption=f"Reliability of {first}, seed 0, ten bins of equal counts with Wilson intervals.",
        table=frame,
        figure=partial(figures.reliability, frame),
    )


def confusion(study: xr.Dataset) -> Exhibit:
    """Return the confusion matrices."""
    frame = tables.confusions(study["confusion"])
    return Exhibit(
        deep=True,
        caption="Confusion matrices: counts of all seeds added, and shares of the true class; the "
        "most probable class counts, whatever the thresholds of the tasks.",
        table=frame,
        figure=partial(figures.confusions, frame),
        units={"share": "percent"},
    )


EXHIBITS = (operating_points, net_benefit, calibration, reliability, confusion)
