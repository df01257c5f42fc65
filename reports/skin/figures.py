"""Figures of the study of skin lesions; nothing computed but layout."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.figures import BLUE, GREY, MARKERS, ORANGE, band, percent, shaded, whiskers
from reports.skin.readers import Reader
from reports.text import plain


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(1, n, figsize=(5.2 * n if n > 1 else 6.5, 4.2), squeeze=False)
    return figure, list(axes.flat)


def roc(
    frame: pd.DataFrame, legends: Mapping[tuple[str, str], str], readers: Sequence[Reader]
) -> Figure:
    """Draw ROC curves by task, with a band where the frame has one, and readers on melanoma.

    frame: task, arm, false alarms, sensitivity, sensitivity_low, sensitivity_high; legends:
    (task, arm) -> text.
    """
    chance = frame.assign(chance=frame["false alarms"])
    ends = (-0.01, 1.01)
    figure = curves(chance, "false alarms", "sensitivity", "chance", "", ends, legends)
    figure.set_figheight(5.6 if readers else 4.6)
    for axis, task in zip(figure.axes, frame["task"].unique(), strict=True):
        for reader, marker in zip(readers if task == "melanoma" else (), MARKERS * 9, strict=False):
            place, name = (1 - reader.specificity, reader.sensitivity), plain(reader.name)
            axis.scatter(*place, marker=marker, s=40, color="black", label=name, zorder=3)
        axis.set(xlim=ends, xlabel="false alarms (1 - specificity)")
        axis.yaxis.set_major_formatter(percent)
        axis.legend(loc="lower right", fontsize=7)
    return figure


def curves(
    frame: pd.DataFrame,
    x: str,
    y: str,
    dashed: str,
    first: str,
    scale: tuple[float, float],
    legends: Mapping[tuple[str, str], str] | None = None,
) -> Figure:
    """Draw a curve an arm, a panel a task; the column `dashed` is drawn once a panel, in grey.

    first: the arm whose band is drawn, or all if empty, where the frame has one; scale: limits of
    y; legends: (task, arm) -> text, else the arm.
    """
    tasks, arms = frame["task"].unique(), frame["arm"].unique()
    figure, axes = _panels(len(tasks))
    colours = dict(zip(arms, sns.color_palette("colorblind", len(arms)), strict=True))
    for axis, task in zip(axes, tasks, strict=True):
        for arm in arms:
            curve = frame[(frame["task"] == task) & (frame["arm"] == arm)]
            label = legends[task, arm] if legends else arm
            axis.plot(curve[x], curve[y], color=colours[arm], label=label, linewidth=1.5)
            if f"{y}_low" in curve and first in ("", arm):
                band(axis, curve[x], curve, y, colours[arm])
        axis.plot(curve[x], curve[dashed], color=GREY, linestyle="--", linewidth=1, label=dashed)
        axis.set(title=f"{task} against the rest", xlabel=x, ylabel=y)
        axis.xaxis.set_major_formatter(percent)
        axis.set_ylim(*scale)
        axis.legend(fontsize=8)
    return figure


def reliability(frame: pd.DataFrame) -> Figure:
    """Draw frequency against probability before and after temperature scaling, a panel a task.

    frame: task, scaled, probability, frequency, frequency_low, frequency_high.
    """
    tasks = frame["task"].unique()
    figure, axes = _panels(len(tasks))
    for axis, task in zip(axes, tasks, strict=True):
        for name, colour, shift in (("as trained", BLUE, -0.004), ("temperature", ORANGE, 0.004)):
            points = frame[(frame["task"] == task) & (frame["scaled"] == name)]
            axis.errorbar(
                points["probability"] + shift,
                points["frequency"],
                yerr=whiskers(points, "frequency"),
                fmt="o-",
                color=colour,
                markersize=4,
                capsize=2,
                linewidth=1,
                label=name,
            )
        axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        axis.set(title=f"{task} against the rest", xlabel="predicted probability")
        seen = frame.loc[frame["task"] == task, "probability"]
        low, high = max(0, seen.min() - 0.05), min(1, seen.max() + 0.05)
        axis.set(ylabel="share of positives", xlim=(low, high), ylim=(-0.02, 1.02))
        axis.legend(fontsize=8)
    return figure


def confusions(frame: pd.DataFrame) -> Figure:
    """Draw each arm's confusion matrix: count and share of the true class in every cell.

    frame: arm, true, predicted, count, share.
    """
    arms, classes = frame["arm"].unique(), frame["true"].unique()
    short = [name.split("_")[-1] for name in classes]
    short = short if all(short) and len(set(short)) == len(classes) else classes
    figure, axes = plt.subplots(1, len(arms), figsize=(2.9 * len(arms) + 0.9, 3.0), squeeze=False)
    for axis, arm in zip(axes.flat, arms, strict=True):
        shaded(axis, frame[frame["arm"] == arm], "true", "predicted")
        axis.set_title(arm, fontsize=9)
        axis.set_xticks(axis.get_xticks(), short, fontsize=8, rotation=0)
        axis.set_yticks(axis.get_yticks(), short, fontsize=8, rotation=90, va="center")
    axes.flat[0].set_ylabel("true class", fontsize=9)
    figure.supxlabel("predicted class", fontsize=9)
    return figure


def maps(pictures: NDArray[np.uint8], heat: Mapping[str, NDArray[np.float32]]) -> Figure:
    """Draw explained images above each arm's maps; pictures (n, H, W, 3), heat (n, H, W)."""
    rows, columns = 1 + len(heat), len(pictures)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.5 * columns + 0.8, 1.5 * rows), squeeze=False
    )
    for axis, picture in zip(axes[0], pictures, strict=True):
        axis.imshow(picture)
    for row, stack in zip(axes[1:], heat.values(), strict=True):
        for axis, values in zip(row, stack, strict=True):
            axis.imshow(values, cmap="magma", vmin=0, vmax=float(np.quantile(values, 0.99)) or 1.0)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
    for axis, name in zip(axes[:, 0], ["image", *heat], strict=True):
        axis.set_ylabel(name, fontsize=8)
    return figure


def deletion(frame: pd.DataFrame) -> Figure:
    """Draw how the probability falls as pixels go; frame: arm, order, gone, probability."""
    arms = frame["arm"].unique()
    figure, axes = plt.subplots(
        1, len(arms), figsize=(2.8 * len(arms) + 0.6, 2.9), sharey=True, squeeze=False
    )
    for axis, arm in zip(axes.flat, arms, strict=True):
        for order, colour in (("by the map", ORANGE), ("at random", GREY)):
            curve = frame[(frame["arm"] == arm) & (frame["order"] == order)]
            axis.plot(curve["gone"], curve["probability"], color=colour, label=order, linewidth=1.5)
            band(axis, curve["gone"], curve, "probability", colour)
        axis.set(title=arm, xlabel="pixels gone")
        axis.xaxis.set_major_formatter(percent)
    axes.flat[0].set_ylabel("probability of melanoma")
    axes.flat[0].legend(fontsize=8)
    return figure
