"""Figures of the dog detectors; nothing computed but layout."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.figures import GREY, contact_sheet, percent


def roc(frame: pd.DataFrame, legends: Mapping[tuple[str, str], str]) -> Figure:
    """Draw ROC curves, whole and near the corner.

    frame: backbone, against, false alarms, dogs found; legends: (backbone, against) -> text.
    """
    sides, arms = (list(dict.fromkeys(frame[name])) for name in ("against", "backbone"))
    figure, axes = plt.subplots(len(sides), 2, figsize=(10, 3.6 * len(sides)), squeeze=False)
    colours = dict(zip(arms, sns.color_palette("colorblind", len(arms)), strict=True))
    for row, side in zip(axes, sides, strict=True):
        for axis in row:
            for arm in arms:
                curve = frame[(frame["backbone"] == arm) & (frame["against"] == side)]
                x, y = curve["false alarms"], curve["dogs found"]
                axis.plot(x, y, color=colours[arm], label=legends[arm, side], linewidth=1.5)
            axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
            axis.set_xlabel(f"taken for dogs: {side}")
            axis.xaxis.set_major_formatter(percent)
            axis.yaxis.set_major_formatter(percent)
        row[0].set_ylabel("dogs found")
        row[0].set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        row[1].set(xlim=(-0.002, 0.2), ylim=(0.8, 1.005))
        row[0].legend(title="area (95 % interval)", loc="lower right", fontsize=8)
        row[1].set_title("near the corner", fontsize=9)
    return figure


def mistakes(frame: pd.DataFrame, pictures: Sequence[NDArray[np.uint8]]) -> Figure:
    """Draw misjudged images: what they are, what the network sees, how probable a dog is.

    frame: backbone, kind, most probable class, probability of a dog; pictures: uint8 (H, W, 3), in
    its order.
    """
    title = "{}\n" if len(set(frame["backbone"])) > 1 else ""
    columns = ["backbone", "kind", "most probable class", "probability of a dog"]
    captions = [
        f"{title.format(backbone)}{kind}, p(dog) {p:.3f}\n{top[:26]}"
        for backbone, kind, top, p in frame[columns].itertuples(index=False)
    ]
    return contact_sheet([picture.astype(np.uint8) for picture in pictures], captions)
