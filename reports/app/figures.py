"""Figures of the dog app's evaluation; nothing computed but layout."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.figures import GREY, band, contact_sheet, percent, shaded, whiskers


def right(frame: pd.DataFrame) -> Figure:
    """Draw the share of each kind that is answered right, orders side by side, a detector a panel.

    frame: detector, order, shows, right, right_low, right_high, pictures.
    """
    detectors, orders, kinds = (
        list(dict.fromkeys(frame[name])) for name in ("detector", "order", "shows")
    )
    figure, axes = plt.subplots(
        1,
        len(detectors),
        figsize=(max(8, 4 * len(detectors)), 0.7 * len(kinds) + 1.2),
        sharey=True,
        squeeze=False,
    )
    colours = sns.color_palette("colorblind")
    n = frame.groupby("shows", sort=False)["pictures"].first()
    for axis, detector in zip(axes[0], detectors, strict=True):
        for index, order in enumerate(orders):
            rows = frame[(frame["order"] == order) & (frame["detector"] == detector)]
            shift = 0.2 * (index - (len(orders) - 1) / 2)
            axis.errorbar(
                rows["right"],
                [kinds.index(kind) + shift for kind in rows["shows"]],
                xerr=whiskers(rows, "right"),
                fmt="o",
                ms=4,
                capsize=3,
                color=colours[index],
                label=order,
            )
        axis.set_xlim(-0.02, 1.02)
        axis.xaxis.set_major_formatter(percent)
        axis.set_xlabel("answered right")
        axis.set_title(f"faces by {detector}", fontsize=9)
    axes[0][0].set_yticks(range(len(kinds)), [f"{kind}\nn = {n[kind]}" for kind in kinds])
    axes[0][0].set_ylim(len(kinds) - 0.5, -0.5)
    axes[0][0].legend(title="order", fontsize=8)
    return figure


def four_ways(frame: pd.DataFrame) -> Figure:
    """Draw what each kind is taken for, orders across, detectors down: counts, shaded by share.

    frame: detector, order, shows, taken for, count, share.
    """
    detectors, orders = (list(dict.fromkeys(frame[name])) for name in ("detector", "order"))
    figure, axes = plt.subplots(
        len(detectors),
        len(orders),
        figsize=(10, 2.9 * len(detectors) + 0.4),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, detector in zip(axes, detectors, strict=True):
        for axis, order in zip(row, orders, strict=True):
            rows = frame[(frame["order"] == order) & (frame["detector"] == detector)]
            shaded(axis, rows, "shows", "taken for")
            axis.set_title(f"{order}, faces by {detector}", fontsize=9)
    figure.supxlabel("taken for", fontsize=9)
    figure.supylabel("shows", fontsize=9)
    return figure


def threshold(frame: pd.DataFrame, used: float) -> Figure:
    """Draw the share of each kind that is answered right over the threshold, a detector a panel.

    frame: detector, shows, threshold, right, right_low, right_high; used: the dashed one.
    """
    detectors, kinds = (list(dict.fromkeys(frame[name])) for name in ("detector", "shows"))
    figure, axes = plt.subplots(
        1, len(detectors), figsize=(max(6, 4 * len(detectors)), 3.2), sharey=True, squeeze=False
    )
    colours = sns.color_palette("colorblind")
    for axis, detector in zip(axes[0], detectors, strict=True):
        for colour, kind in zip(colours, kinds, strict=False):
            rows = frame[(frame["shows"] == kind) & (frame["detector"] == detector)]
            axis.plot(rows["threshold"], rows["right"], color=colour, label=kind)
            band(axis, rows["threshold"], rows, "right", colour)
        axis.axvline(used, color=GREY, linestyle="--", linewidth=1)
        axis.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="threshold on the probability of a dog")
        axis.yaxis.set_major_formatter(percent)
        axis.set_title(f"faces by {detector}", fontsize=9)
    axes[0][0].set_ylabel("answered right")
    axes[0][0].legend(title="shows", fontsize=8)
    return figure


def answers(frame: pd.DataFrame, pictures: Sequence[NDArray[np.uint8]]) -> Figure:
    """Draw misjudged pictures.

    frame: shows, taken for, probability of a dog, faces; pictures: uint8 (H, W, 3), in its order.
    """
    columns = ["shows", "taken for", "probability of a dog", "faces"]
    captions = [
        f"{shows}, taken for {taken}\np(dog) {p:.2f}, {faces} face{'s' * (faces != 1)}"
        for shows, taken, p, faces in frame[columns].itertuples(index=False)
    ]
    return contact_sheet(pictures, captions)
