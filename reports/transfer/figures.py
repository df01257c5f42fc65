"""Figures of the study of transfer regimes; nothing computed but layout."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures import BLUE, ORANGE, percent, whiskers


def cells(frame: pd.DataFrame, seeds: pd.DataFrame, naive: Mapping[str, float]) -> Figure:
    """Draw the accuracy of every arm in every cell; small above large, each task on one scale.

    frame: cell, arm, accuracy, accuracy_low, accuracy_high, course. seeds: cell, arm, accuracy.
    naive: cell -> the largest class's share of the test images.
    """
    names, arms = (list(dict.fromkeys(frame[column])) for column in ("cell", "arm"))
    figure, axes = plt.subplots(2, 2, figsize=(10, 6.4), sharex="col", sharey=True)
    for axis, name in zip(axes.flat, names, strict=True):
        axis.axvline(naive[name], color="grey", linestyle="--", linewidth=1)
        dots = seeds[seeds["cell"] == name]
        places = [arms.index(arm) + 0.22 for arm in dots["arm"]]
        axis.plot(dots["accuracy"], places, ".", color="grey", markersize=5, alpha=0.7)
        cell = frame[frame["cell"] == name]
        for chosen, colour, fill in ((True, ORANGE, ORANGE), (False, BLUE, "white")):
            some = cell[cell["course"].astype(bool) == chosen]
            rows, gaps = [arms.index(arm) for arm in some["arm"]], whiskers(some, "accuracy")
            style = {"fmt": "o", "color": colour, "markerfacecolor": fill, "capsize": 2}
            axis.errorbar(some["accuracy"], rows, xerr=gaps, **style)
        axis.set_title(name, fontsize=9)
        axis.xaxis.set_major_formatter(percent)
        axis.xaxis.set_major_locator(MaxNLocator(6))
        axis.tick_params(axis="x", labelsize=8)
    axes[0][0].set_yticks(range(len(arms)), arms)
    axes[0][0].invert_yaxis()
    figure.supxlabel("test accuracy", fontsize=9)
    return figure


def depth(frame: pd.DataFrame) -> Figure:
    """Draw accuracy over the stages kept. frame: cell, stages kept, accuracy and its bounds."""
    figure, axis = plt.subplots(figsize=(7, 3.6))
    names = list(dict.fromkeys(frame["cell"]))
    colours = sns.color_palette("colorblind", len(names))
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        cell = frame[frame["cell"] == name]
        gaps = whiskers(cell, "accuracy")
        places = cell["stages kept"] + 0.03 * (index - (len(names) - 1) / 2)
        axis.errorbar(places, cell["accuracy"], gaps, fmt="o-", color=colour, label=name, capsize=2)
    axis.set_xlabel("stages of the frozen network that are kept")
    axis.set_ylabel("test accuracy")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.yaxis.set_major_formatter(percent)
    figure.legend(fontsize=8, loc="outside right center")
    return figure
