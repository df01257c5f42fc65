"""Figures from the tables beside them; one function, one figure, nothing computed but layout."""

from math import ceil

import matplotlib as mpl

mpl.use("Agg")  # no window: studies run on servers
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter
from scipy import special

from reports import text  # noqa: F401  # drawn as it is

# Okabe and Ito's colours, told apart by colour-blind readers.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"

sns.set_theme(style="whitegrid", font_scale=0.9)


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


def loss_curves(frame: pd.DataFrame, guess: float) -> Figure:
    """Draw each arm's training loss: thin lines are seeds, the band is 95 % of their mean.

    frame: arm, seed, step, loss. guess: the loss of an even guess, dashed.
    """
    names = list(dict.fromkeys(frame["arm"]))
    figure, axes = panels(names, height=1.7, shared=True)
    for axis, name in zip(axes, names, strict=True):
        own = frame[frame["arm"] == name]
        wide = own.pivot_table(index="step", columns="seed", values="loss")
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
            xerr=[
                summary["accuracy"] - summary["accuracy_low"],
                summary["accuracy_high"] - summary["accuracy"],
            ],
            fmt="|",
            color="black",
            capsize=3,
            linewidth=1.2,
        )
        axis.axvline(baseline, color=GREY, linestyle="--", linewidth=1)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes[1].xaxis.set_major_locator(MaxNLocator(5, prune="both"))
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
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
        own = frame[frame["layer"] == layer].set_index("arm").reindex(names)
        rows = range(len(names))
        axis.hlines(rows, own["2.5 %"], own["97.5 %"], color=BLUE, linewidth=1)
        axis.hlines(rows, own["25 %"], own["75 %"], color=BLUE, linewidth=4)
        axis.plot(own["50 %"], rows, "o", color="black", markersize=3)
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
        sns.heatmap(
            shown,
            annot=True,
            fmt=".1f" if log else ".0f",
            cmap=colours,
            annot_kws={"fontsize": 7},
            cbar=False,
            vmin=None if log else 0,
            vmax=None if log else 100,
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
        own = frame[frame["arm"] == name].pivot_table(
            index="true", columns="predicted", values="share", sort=False
        )
        drawn = axis.imshow(own.loc[classes, classes], cmap="Blues", vmin=0, vmax=1)
        axis.grid(visible=False)
        axis.set_xticks(ticks, shown, fontsize=7)
        axis.set_yticks(ticks, shown, fontsize=7)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, format=PercentFormatter(1))
    bar.ax.tick_params(labelsize=7)
    figure.supxlabel("predicted class", fontsize=9)
    figure.supylabel("true class", fontsize=9)
    return figure
