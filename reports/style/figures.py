"""Figures of style transfer, from the tables beside them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from reports.figures import BLUE, GREY, ORANGE, panels


def pictures(cells: Mapping[tuple[str, str], NDArray[np.float32]]) -> Figure:
    """Show pictures, (H, W, 3) in [0, 1], in a grid. cells: (row, column) -> picture."""
    rows, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    side = min(3.2, 14 / len(columns))
    tallest = [
        min(1.3, max(c.shape[0] / c.shape[1] for (r, _), c in cells.items() if r == row))
        for row in rows
    ]
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(side * len(columns), side * sum(tallest) + 0.3),
        height_ratios=tallest,
        squeeze=False,
    )
    for (row, column), picture in cells.items():
        axis = axes[rows.index(row)][columns.index(column)]
        axis.imshow(picture)
        axis.set_anchor("N")  # so that titles stand in a line
        axis.set_axis_off()
        if row == rows[0]:
            axis.set_title(column, fontsize=9)
    return figure


def losses(frame: pd.DataFrame) -> Figure:
    """Draw each loss by step, a line a picture. frame: content, style, seed, step, loss, value."""
    names = list(dict.fromkeys(frame["loss"]))
    figure, axes = panels(names)
    for axis, name in zip(axes, names, strict=True):
        curves = frame[frame["loss"] == name]
        for _, line in curves.groupby(["arm", "content", "style", "seed"], sort=False):
            axis.plot(line["step"], line["value"], color=BLUE, linewidth=1)
        # The content loss begins at 0, which no logarithm shows; tv stays within a decade.
        axis.set_yscale("linear" if name in ("content", "tv") else "log")
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
    return figure


def lengths(frame: pd.DataFrame, layers: Sequence[str]) -> Figure:
    """Draw the artefact length against the layer. frame: arm, content, seed, artefact length."""
    figure, axis = plt.subplots(figsize=(6, 3.6))
    places = frame["arm"].map({arm: index + 1 for index, arm in enumerate(layers)})
    _lines(axis, frame.assign(x=places), "artefact length", BLUE)
    axis.set_xticks(range(1, len(layers) + 1))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("style layer (1 is the earliest)")
    axis.set_ylabel("artefact length (pixels)")
    return figure


def control(frame: pd.DataFrame) -> Figure:
    """Draw what beta does. frame: beta, content, seed, gap to the style, content lost."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for axis, name, colour in zip(
        axes, ("gap to the style", "content lost"), (BLUE, ORANGE), strict=True
    ):
        _lines(axis, frame.assign(x=frame["beta"]), name, colour)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
        axis.set_xlabel("beta")
        axis.set_ylabel(f"{name} (share)")
    return figure


def fall(frame: pd.DataFrame, against: int, course: Mapping[int, float]) -> Figure:
    """Draw total losses as multiples of that at a step. frame: content, seed, step, value.

    course: step -> published multiple, drawn as dots.
    """
    figure, axis = plt.subplots(figsize=(6, 3.6))
    for _, line in frame.groupby(["content", "style", "seed"], sort=False):
        unit = np.interp(against, line["step"], line["value"])
        axis.plot(line["step"], line["value"] / unit, color=BLUE, linewidth=1, alpha=0.6)
    axis.plot(list(course), list(course.values()), "o", color=ORANGE, label="published")
    axis.axvline(against, color=GREY, linestyle="--", linewidth=1)
    axis.legend()
    axis.set_yscale("log")
    axis.set_xlabel("step")
    axis.set_ylabel(f"total loss / loss at step {against}")
    return figure


def _lines(axis: Axes, frame: pd.DataFrame, name: str, colour: str) -> None:
    for _, line in frame.groupby(["content", "style", "seed"], sort=False):
        axis.plot(line["x"], line[name], color=colour, linewidth=0.8, alpha=0.5, marker=".")
    middle = np.exp(np.log(frame[name]).groupby(frame["x"]).mean())
    axis.plot(middle.index, middle, color=colour, linewidth=2.2)
