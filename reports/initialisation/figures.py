"""Figures of the study of initialisation schemes; nothing computed but layout."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from scipy import special

from reports.figures import BLUE, GREY, panels


def loss_curves(frame: pd.DataFrame, guess: float) -> Figure:
    """Draw each arm's training loss: thin lines are seeds, the band is 95 % of their mean.

    frame: arm, seed, step, loss. guess: the loss of an even guess, dashed.
    """
    names = list(dict.fromkeys(frame["arm"]))
    figure, axes = panels(names, height=1.7, shared=True)
    for axis, name in zip(axes, names, strict=True):
        losses = frame[frame["arm"] == name]
        wide = losses.pivot_table(index="step", columns="seed", values="loss")
        axis.plot(wide.index, wide, color=BLUE, linewidth=0.4, alpha=0.35)
        # A mean of logarithms: the axis is logarithmic and some schemes begin at thousands.
        logs = np.log(wide.clip(lower=1e-8))
        middle, n = logs.mean(axis=1), logs.count(axis=1)
        half = special.stdtrit(n - 1, 0.975) * logs.std(axis=1) / np.sqrt(n)  # NaN for one seed
        axis.plot(wide.index, np.exp(middle), color=BLUE, linewidth=1.6)
        axis.fill_between(
            wide.index, np.exp(middle - half), np.exp(middle + half), color=BLUE, alpha=0.25, lw=0
        )
        axis.axhline(guess, color=GREY, linestyle="--", linewidth=1)
        axis.set_yscale("log")
    # The seeds set the range: with two of them the band spans a hundred decades.
    low, high = min(frame["loss"].min(), guess), max(frame["loss"].max(), guess)
    axes[0].set_ylim(max(low, 1e-8) / 1.5, max(high, 1e-8) * 1.5)
    axes[0].yaxis.set_major_locator(LogLocator(numticks=5))
    axes[0].xaxis.set_major_locator(MaxNLocator(4))
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("training loss (nats, logarithmic)", fontsize=9)
    return figure


def spreads(frame: pd.DataFrame, xlabel: str) -> Figure:
    """Draw where values lie: arms down, a panel a layer, all on one scale.

    frame: arm, layer, and the quantiles 2.5 %, 25 %, 50 %, 75 %, 97.5 %. The thin line spans the
    outer two, the thick one the inner two, the dot is the median.
    """
    names, layers = (list(dict.fromkeys(frame[column])) for column in ("arm", "layer"))
    figure, axes = plt.subplots(
        1,
        len(layers),
        figsize=(10, 0.26 * len(names) + 1.1),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    edges = frame[["2.5 %", "97.5 %"]].abs().max(axis=1)
    linear = 10.0 ** np.ceil(np.log10(max(edges.median(), 1e-6)))
    decades = [x for x in linear * 10.0 ** np.arange(0, 12, 2) if x <= edges.max() or x == linear]
    ticks = [-x for x in decades if x <= -frame["2.5 %"].min() or x == linear] + [0.0, *decades]
    for axis, layer in zip(axes[0], layers, strict=True):
        quantiles = frame[frame["layer"] == layer].set_index("arm").reindex(names)
        rows = range(len(names))
        axis.hlines(rows, quantiles["2.5 %"], quantiles["97.5 %"], color=BLUE, linewidth=1)
        axis.hlines(rows, quantiles["25 %"], quantiles["75 %"], color=BLUE, linewidth=4)
        axis.plot(quantiles["50 %"], rows, "o", color="black", markersize=3)
        axis.set_title(layer, fontsize=9)
        # Linear around zero, where most schemes begin; ones reach hundreds.
        axis.set_xscale("symlog", linthresh=linear, linscale=2)
        axis.set_xticks(ticks, [f"{x:g}" for x in ticks], fontsize=7)
        axis.set_xticks([], minor=True)
    axes[0][0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0][0].invert_yaxis()
    figure.supxlabel(xlabel, fontsize=9)
    return figure


def doctor(frame: pd.DataFrame) -> Figure:
    """Draw the doctor's heat maps, arms down and layers across, one a quantity.

    frame: arm, layer, activation, gradient, dead, rank (share of full rank).
    """
    names, layers = (list(dict.fromkeys(frame[column])) for column in ("arm", "layer"))
    parts = {
        "activation": ("activation scale (log10)", "viridis", True),
        "gradient": ("gradient scale (log10)", "viridis", True),
        "dead": ("dead units, %", "Reds", False),
        "rank": ("rank of the weights, % of full", "Blues", False),
    }
    figure, axes = plt.subplots(1, 4, figsize=(11, 0.33 * len(names) + 1.5), sharey=True)
    for axis, (column, (title, colours, log)) in zip(axes, parts.items(), strict=True):
        table = frame.pivot_table(index="arm", columns="layer", values=column, sort=False)
        table = table.loc[names, layers]
        shown = np.log10(table.where(table > 0)) if log else 100 * table
        free = log and shown.notna().any(axis=None)  # silent networks set no scale
        sns.heatmap(
            shown,
            annot=True,
            fmt=".1f" if log else ".0f",
            cmap=colours,
            annot_kws={"fontsize": 7},
            cbar=False,
            vmin=None if free else 0,
            vmax=None if free else 100,
            ax=axis,
        )
        axis.set_title(title, fontsize=9)
        axis.set(xlabel="", ylabel="")
        axis.grid(visible=False)
        axis.tick_params(axis="x", rotation=60, labelsize=8)
    return figure


def confusions(frame: pd.DataFrame, names: list[str]) -> Figure:
    """Draw the confusion matrices of arms: shares of the true class, true down, predicted across.

    frame: of `tables.confusions`. names: of the arms, as they stand.
    """
    classes = list(dict.fromkeys(frame["true"]))
    figure, axes = panels(names, per_row=4, height=2.5)
    few = len(classes) <= 12 and max(map(len, classes)) <= 3
    ticks, shown = (range(len(classes)), classes) if few else ([], [])
    for axis, name in zip(axes, names, strict=True):
        matrix = frame[frame["arm"] == name].pivot_table(
            index="true", columns="predicted", values="share", sort=False
        )
        drawn = axis.imshow(matrix.loc[classes, classes], cmap="Blues", vmin=0, vmax=1)
        axis.grid(visible=False)
        axis.set_xticks(ticks, shown, fontsize=7)
        axis.set_yticks(ticks, shown, fontsize=7)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, format="{x:.0%}")
    bar.ax.tick_params(labelsize=7)
    figure.supxlabel("predicted class", fontsize=9)
    figure.supylabel("true class", fontsize=9)
    return figure
