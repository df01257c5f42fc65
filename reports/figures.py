"""Figures from the tables beside them; one function, one figure, nothing computed but layout."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # no window: studies run on servers
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from reports.text import plain

# Okabe and Ito's colours, told apart by colour-blind readers.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
MARKERS = "osD^vP*X<>"

sns.set_theme(style="whitegrid", font_scale=0.9)


def percent(share: float, _place: float | None = None) -> str:
    """Label a tick at a share with the decimals that it needs: `95%`, `97.5%`."""
    return f"{100 * share:.4g}%"


def panels(
    names: list[str], per_row: int = 4, height: float = 2.0, *, shared: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make one small panel a name, at most per_row beside each other; those left over are hidden.

    shared: one scale for all.
    """
    per_row = min(per_row, max(len(names), 2))
    rows = ceil(len(names) / per_row)
    figure, axes = plt.subplots(
        rows,
        per_row,
        figsize=(2.5 * per_row, height * rows + 0.4),
        squeeze=False,
        sharex=shared,
        sharey=shared,
    )
    flat = list(axes.flat)
    for axis, name in zip(flat, names, strict=False):
        axis.set_title(name, fontsize=9)
    for axis in flat[len(names) :]:
        axis.set_visible(False)
    for above, empty in zip(axes[-2], axes[-1], strict=True) if rows > 1 else ():
        above.xaxis.set_tick_params(labelbottom=not (shared and empty.get_visible()))
    return figure, flat[: len(names)]


def whiskers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return how far a column's interval reaches below and above it, (2, n), for `errorbar`."""
    values, low, high = (frame[column] for column in (name, f"{name}_low", f"{name}_high"))
    return np.clip([values - low, high - values], 0, None)


def band(axis: Axes, x: Sequence[float], frame: pd.DataFrame, name: str, colour: Any) -> None:
    """Shade a column's interval."""
    axis.fill_between(x, frame[f"{name}_low"], frame[f"{name}_high"], color=colour, alpha=0.2, lw=0)


def accuracy_strip(frame: pd.DataFrame, summary: pd.DataFrame, baseline: float) -> Figure:
    """Draw every seed's accuracy and each arm's interval, whole and zoomed on the best.

    frame: arm, seed, accuracy; summary: arm, accuracy, accuracy_low, accuracy_high; baseline:
    accuracy of naming the largest class, dashed.
    """
    names = list(summary["arm"])
    figure, axes = plt.subplots(1, 2, figsize=(10, 0.36 * len(names) + 1.3), sharey=True)
    places = {name: index for index, name in enumerate(names)}
    spread = np.random.default_rng(0).uniform(-0.16, 0.16, len(frame))
    best = float(frame["accuracy"].max())
    for axis in axes:
        rows = frame["arm"].map(places) + spread
        axis.scatter(frame["accuracy"], rows, s=9, color=BLUE, alpha=0.45, linewidth=0)
        axis.errorbar(
            summary["accuracy"],
            range(len(names)),
            xerr=whiskers(summary, "accuracy"),
            fmt="|",
            color="black",
            capsize=3,
            linewidth=1.2,
        )
        axis.axvline(baseline, color=GREY, linestyle="--", linewidth=1)
        axis.xaxis.set_major_formatter(percent)
    axes[1].xaxis.set_major_locator(MaxNLocator(5, prune="both"))
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)  # from the top, no dot on the frame
    axes[0].set_xlim(0, 1.02)
    axes[0].set_xlabel("test accuracy, dropout off")
    near = summary[summary["accuracy"] > best - 0.08]
    left, right = (near[f"accuracy_{side}"] for side in ("low", "high"))
    axes[1].set_xlim(min([*left, best - 0.03]) - 0.005, max([*right, best]) + 0.01)
    axes[1].set_xlabel("the same, near the best")
    return figure


def differences(frame: pd.DataFrame, names: list[str]) -> Figure:
    """Draw the matrix of paired differences, row minus column, in points; * is p < .05 (Holm).

    frame: a, b, difference, p_holm, as `compare_all` returns them.
    """
    matrix = pd.DataFrame(np.nan, index=names, columns=names)
    labels = pd.DataFrame("", index=names, columns=names)
    for row in frame.itertuples():
        star = "*" if row.p_holm < 0.05 else ""
        for one, other, sign in ((row.a, row.b, 100), (row.b, row.a, -100)):
            matrix.loc[one, other] = sign * row.difference
            labels.loc[one, other] = f"{sign * row.difference:+.1f}{star}"
    side = max(0.62 * len(names) + 2, 5)
    figure, axis = plt.subplots(figsize=(side + 1.2, 0.75 * side))
    sns.heatmap(
        matrix,
        annot=labels,
        fmt="",
        cmap="RdBu",
        center=0,
        annot_kws={"fontsize": 7},
        cbar_kws={"label": "row minus column, points"},
        ax=axis,
    )
    axis.grid(visible=False)
    axis.tick_params(axis="x", rotation=60)
    axis.tick_params(axis="y", rotation=0)
    return figure


def shaded(axis: Axes, frame: pd.DataFrame, down: str, across: str) -> None:
    """Draw counts and shares of the row, shaded by these. frame: down, across, count, share."""
    counts, shares = (
        frame.pivot_table(index=down, columns=across, values=name, sort=False)
        for name in ("count", "share")
    )
    labels = counts.map("{:,.0f}\n".format) + shares.map("{:.0%}".format)
    options = {"fmt": "", "annot_kws": {"fontsize": 8}, "cmap": "Blues", "cbar": False}
    sns.heatmap(shares, annot=labels, vmin=0, vmax=1, ax=axis, **options)
    axis.set(xlabel="", ylabel="")


def plane(frame: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """Draw points in a plane, a panel an arm, a colour and marker a class.

    frame: arm, x, y, class. classes: those that there are; of more than 20 there is no legend.
    """
    names = list(dict.fromkeys(frame["arm"]))
    colours = sns.color_palette("colorblind" if len(classes) <= 10 else "husl", len(classes))
    figure, axes = panels(names, per_row=3, height=2.8)
    for axis, name in zip(axes, names, strict=True):
        for label, colour, marker in zip(classes, colours, MARKERS * len(classes), strict=False):
            points = frame[(frame["arm"] == name) & (frame["class"] == label)]
            style = {"s": 10, "marker": marker, "color": colour, "linewidth": 0}
            axis.scatter(points["x"], points["y"], label=plain(label), **style)
        axis.set(xticks=[], yticks=[])
    if len(classes) <= 20:
        shown = axes[0].get_legend_handles_labels()
        figure.legend(*shown, loc="outside right center", markerscale=2, fontsize=8)
    return figure


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], per_row: int = 6
) -> Figure:
    """Draw pictures in rows. pictures: uint8 (H, W, 3) each; captions: a few words, or lines."""
    rows = max(1, ceil(len(pictures) / per_row))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    figure, axes = plt.subplots(
        rows, per_row, figsize=(10, rows * (10 / per_row + 0.17 * lines) + 0.1), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture, caption in zip(axes.flat, pictures, captions, strict=False):
        axis.imshow(picture)
        axis.text(0.5, -0.03, caption, transform=axis.transAxes, ha="center", va="top", fontsize=7)
    return figure
