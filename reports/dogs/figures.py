"""Figures of the dog project; nothing computed but layout."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from PIL import Image

from core.data.decode import decode, scale
from reports.figures import BLUE, GREY, ORANGE, panels
from reports.sheets import contact_sheet

SIDE = 144  # pixels of a picture on a contact sheet


def breed(name: str) -> str:
    """Return a breed's name without the number in front and without underscores."""
    return re.sub(r"^(n\d{8}|\d+)[-._ ]+", "", name).replace("_", " ")


def curves(frame: pd.DataFrame) -> Figure:
    """Draw training and validation loss by epoch, a panel an arm.

    frame: arm, seed, epoch, train/loss, val/loss.
    """
    names = list(dict.fromkeys(frame["arm"]))
    figure, axes = panels(names, per_row=min(3, len(names)), height=2.6)
    for axis, name in zip(axes, names, strict=True):
        for seed, own in frame[frame["arm"] == name].groupby("seed"):
            first = seed == frame["seed"].min()
            for column, colour in (("train/loss", BLUE), ("val/loss", ORANGE)):
                label = column.split("/")[0] if first else None
                axis.plot(own["epoch"], own[column], color=colour, linewidth=1, label=label)
            best = own.loc[own["val/loss"].idxmin()]
            axis.plot(best["epoch"], best["val/loss"], "o", color=ORANGE, markersize=4)
        axis.set_xlabel("epoch", fontsize=8)
        axis.set_ylim(bottom=0)
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
        1,
        len(arms),
        figsize=(10, 0.19 * len(breeds) + 1.2),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, arm in zip(axes[0], arms, strict=True):
        own = frame[frame["arm"] == arm]
        gaps = [own["recall"] - own["recall_low"], own["recall_high"] - own["recall"]]
        axis.errorbar(own["recall"], own["breed"].map(places), xerr=gaps, fmt="o", color=BLUE, ms=4)
        axis.set(xlim=(-0.02, 1.02))
        axis.set_title(arm, fontsize=9)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes[0][0].set_yticks(range(len(breeds)), map(breed, breeds), fontsize=7)
    figure.supxlabel("recall", fontsize=9)
    return figure


def confused(frame: pd.DataFrame, pictures: Sequence[NDArray[np.uint8]]) -> Figure:
    """Draw pairs of pictures: a breed, and the one that it is taken for.

    frame: breed, taken for, count, of; pictures: two for each row.
    """
    captions = []
    columns = frame[["breed", "taken for", "count", "of"]]
    for true, taken, count, n in columns.itertuples(index=False):
        captions += [f"{breed(true)}\ntaken for ({count} of {n})", f"{breed(taken)}\n"]
    return contact_sheet(pictures, captions, per_row=4)


def four_ways(frame: pd.DataFrame) -> Figure:
    """Draw what each kind is taken for, an order a panel: counts, shaded by share of the kind.

    frame: order, shows, taken for, count, share.
    """
    orders, kinds = (list(dict.fromkeys(frame[name])) for name in ("order", "shows"))
    figure, axes = plt.subplots(
        1, len(orders), figsize=(10, 3.3), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, order in zip(axes[0], orders, strict=True):
        own = frame[frame["order"] == order]
        counts, shares = (
            own.pivot_table(index="shows", columns="taken for", values=name).loc[kinds, kinds]
            for name in ("count", "share")
        )
        sns.heatmap(
            shares, annot=counts, fmt=".0f", cmap="Blues", vmin=0, vmax=1, cbar=False, ax=axis
        )
        axis.set_title(order, fontsize=9)
        axis.set(xlabel="", ylabel="")
    figure.supxlabel("taken for", fontsize=9)
    figure.supylabel("shows", fontsize=9)
    return figure


def answers(frame: pd.DataFrame, pictures: Sequence[Image.Image]) -> Figure:
    """Draw misjudged pictures. frame: shows, taken for, probability of a dog, faces."""
    captions = [
        f"{shows}, taken for {taken}\np(dog) {p:.2f}, {faces} face{'s' * (faces != 1)}"
        for shows, taken, p, faces in frame.itertuples(index=False)
    ]
    return contact_sheet([scale(picture, (SIDE, SIDE)) for picture in pictures], captions)
