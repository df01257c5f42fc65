"""Layouts of the page's drawings: numbers in, places in a drawing out; the template draws them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from reports.axes import Axis, axis_of
from reports.compare.comparison import Comparison

WIDTH, HEIGHT = 400.0, 28.0
"""of one arm's row"""
EDGE = 14.0
"""kept free at both ends, for the axis's numbers"""
PLOT = (640.0, 330.0)
"""width and height of the curves"""
COLOURS = 7


def strip(comparison: Comparison) -> dict[str, Any]:
    """Place every run and each arm's interval."""
    used = comparison.table.used
    ends = [x for arm in comparison.arms if (e := arm.estimate) for x in (e.low, e.high)]
    axis = axis_of([*used["value"], *ends], EDGE, WIDTH - EDGE)
    spread = np.random.default_rng(0)
    rows = []
    for arm in comparison.arms:
        values = used.loc[used["arm"] == arm.name, ["value", "name", "pair"]]
        heights = HEIGHT / 2 + spread.uniform(-7, 7, len(values)).round(1)
        dots = [
            {"x": axis(value), "y": y, "title": f"{name} {pair}: {value:.6g}".strip()}
            for (value, name, pair), y in zip(values.itertuples(index=False), heights, strict=True)
        ]
        rows.append({"name": arm.name, "dots": dots, "span": _span(axis, arm.estimate)})
    return {"rows": rows, "ticks": axis.ticks()}


def _span(axis: Axis, estimate: Any) -> dict[str, float] | None:
    if estimate is None or not math.isfinite(estimate.high - estimate.low):
        return None
    return {"low": axis(estimate.low), "value": axis(estimate.value), "high": axis(estimate.high)}


def forest(comparison: Comparison) -> dict[str, Any]:
    """Place the differences, zero and the margin on one axis."""
    estimates = [d.shown.estimate for d in comparison.differences]
    marks = [0.0] if comparison.margin is None else [-comparison.margin, 0.0, comparison.margin]
    ends = [x for e in estimates for x in (e.low, e.high, e.value)]
    axis = axis_of([*ends, *marks], EDGE, WIDTH - EDGE)
    rows = [{"span": _span(axis, e), "value": axis(e.value)} for e in estimates]
    margins = [axis(mark) for mark in marks if mark]
    return {"rows": rows, "zero": axis(0.0), "margins": margins, "ticks": axis.ticks()}


def curves(frames: Mapping[str, pd.DataFrame], text: str) -> dict[str, Any]:
    """Place every run's curve, each arm's mean and the 95 % band of the mean.

    frames: arm -> steps x runs. The mean is drawn where all runs of the arm have a value: a mean
    over the runs that are left would compare what was selected.
    """
    width, height = PLOT
    values = np.concatenate([frame.to_numpy().ravel() for frame in frames.values()] or [[]])
    steps = [float(step) for frame in frames.values() for step in frame.index]
    across = axis_of(steps, 60, width - 12)
    down = axis_of(values.tolist(), height - 34, 8, log=True)
    arms = []
    for index, (name, frame) in enumerate(frames.items()):
        finite = frame.where(np.isfinite(frame))
        lines = [_line(finite[run].dropna(), across, down) for run in finite]
        arms.append(
            {"name": name, "colour": index, "lines": lines, **_mean(finite.dropna(), across, down)}
        )
    return {"arms": arms, "x": across.ticks(6), "y": down.ticks(5), "text": text}


def _mean(whole: pd.DataFrame, across: Axis, down: Axis) -> dict[str, str]:
    middle, n = whole.mean(axis=1), whole.shape[1]
    if n < 2 or whole.empty:
        return {"mean": "", "band": ""}
    half = special.stdtrit(n - 1, 0.975) * whole.std(axis=1) / math.sqrt(n)
    low, high = (middle - half).clip(lower=down.low), middle + half
    band = " ".join([*_points(high, across, down), *reversed(_points(low, across, down))])
    return {"mean": _line(middle, across, down), "band": band}


def _line(values: pd.Series, across: Axis, down: Axis) -> str:
    return " ".join(_points(values, across, down))


def _points(values: pd.Series, across: Axis, down: Axis) -> list[str]:
    return [f"{across(float(step))},{down(float(value))}" for step, value in values.items()]
