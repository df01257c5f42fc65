"""Figures of the study of dog breeds; nothing computed but layout."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from reports.figures import BLUE, ORANGE, contact_sheet, panels, percent, whiskers
from reports.words import breed


def curves(frame: pd.DataFrame) -> Figure:
    """Draw training and validation loss by epoch, a panel an arm, all on one scale.

    frame: arm, seed, epoch, train/loss, val/loss.
    """
    names = list(dict.fromkeys(frame["arm"]))
    losses = frame[["train/loss", "val/loss"]].to_numpy()
    top = 1.05 * losses[np.isfinite(losses)].max(initial=0.1)
    figure, axes = panels(names, per_row=min(3, len(names)), height=2.6)
    for axis, name in zip(axes, names, strict=True):
        for seed, curve in frame[frame["arm"] == name].groupby("seed"):
            first = seed == frame["seed"].min()
            for column, colour in (("train/loss", BLUE), ("val/loss", ORANGE)):
                label = column.split("/")[0] if first else None
                axis.plot(curve["epoch"], curve[column], color=colour, linewidth=1, label=label)
            best = curve.loc[curve["val/loss"].idxmin()]
            axis.plot(best["epoch"], best["val/loss"], "o", color=ORANGE, markersize=4)
        axis.set_xlabel("epoch", fontsize=8)
        axis.set_ylim(0, top)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(fontsize=8)
    figure.supylabel("loss (nats)", fontsize=9)
    return figure


def recall(frame: pd.DataFrame) -> Figure:
    """Draw each breed's recall with its interval, arms side by side.

    frame: arm, breed, recall, recall_low, recall_high. Breeds in the order of the first arm.
    """
    arms = list(dict.fromkeys(frame["arm"]))
    first = frame[frame["arm"] == arms[0]].sort_values("recall", kind="stable")
    breeds = list(first["breed"])
    places = {name: index for index, name in enumerate(breeds)}
    figure, axes = plt.subplots(
        1, len(arms), figsize=(10, 0.19 * len(breeds) + 1.2), sharey=True, squeeze=False
    )
    for axis, arm in zip(axes[0], arms, strict=True):
        recalls = frame[frame["arm"] == arm]
        rows, gaps = recalls["breed"].map(places), whiskers(recalls, "recall")
        axis.errorbar(recalls["recall"], rows, xerr=gaps, fmt="o", color=BLUE, ms=4)
        axis.set(xlim=(-0.02, 1.02))
        axis.set_title(arm, fontsize=9)
        axis.xaxis.set_major_formatter(percent)
    axes[0][0].set_yticks(range(len(breeds)), map(breed, breeds), fontsize=7)
    figure.supxlabel("recall", fontsize=9)
    return figure


def confused(frame: pd.DataFrame, pictures: Sequence[NDArray[np.uint8]]) -> Figure:
    """Draw pairs of pictures: a breed, and the one that it is taken for.

    frame: breed, taken for, count, of; pictures: uint8 (3, H, W), two for each row.
    """
    captions = []
    columns = frame[["breed", "taken for", "count", "of"]]
    for true, taken, count, n in columns.itertuples(index=False):
        other = breed(taken)
        captions += [f"{breed(true)}, taken for\n{other} ({count} of {n})", f"{other}\n"]
    return contact_sheet([p.transpose(1, 2, 0) for p in pictures], captions, per_row=4)
