"""Figures of the dog app's evaluation; nothing computed but layout."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from reports.sheets import contact_sheet


def right(frame: pd.DataFrame) -> Figure:
    """Draw the share of each kind that is answered right, orders side by side.

    frame: order, shows, right, right_low, right_high, pictures.
    """
    orders, kinds = (list(dict.fromkeys(frame[name])) for name in ("order", "shows"))
    figure, axis = plt.subplots(figsize=(8, 0.7 * len(kinds) + 1), layout="constrained")
    for index, order in enumerate(orders):
        rows = frame[frame["order"] == order]
        places = [
            kinds.index(kind) + 0.2 * (index - (len(orders) - 1) / 2) for kind in rows["shows"]
        ]
        gaps = np.clip(
            [rows["right"] - rows["right_low"], rows["right_high"] - rows["right"]], 0, None
        )
        colour = sns.color_palette("colorblind")[index]
        axis.errorbar(
            rows["right"], places, xerr=gaps, fmt="o", ms=4, capsize=3, color=colour, label=order
        )
    n = frame.groupby("shows", sort=False)["pictures"].first()
    axis.set_yticks(range(len(kinds)), [f"{kind}\nn = {n[kind]}" for kind in kinds])
    axis.set_ylim(len(kinds) - 0.5, -0.5)
    axis.set_xlim(-0.02, 1.02)
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axis.set_xlabel("answered right")
    axis.legend(title="order", fontsize=8)
    return figure


def four_ways(frame: pd.DataFrame) -> Figure:
    """Draw what each kind is taken for, an order a panel: counts, shaded by share of the kind.

    frame: order, shows, taken for, count, share.
    """
    orders, kinds = (list(dict.fromkeys(frame[name])) for name in ("order", "shows"))
    taken = list(dict.fromkeys(frame["taken for"]))
    figure, axes = plt.subplots(
        1, len(orders), figsize=(10, 3.3), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, order in zip(axes[0], orders, strict=True):
        rows = frame[frame["order"] == order]
        counts, shares = (
            rows.pivot_table(index="shows", columns="taken for", values=name).loc[kinds, taken]
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


def answers(frame: pd.DataFrame, pictures: Sequence[NDArray[np.uint8]]) -> Figure:
    """Draw misjudged pictures.

    frame: shows, taken for, probability of a dog, faces; pictures: uint8 (H, W, 3), in its order.
    """
    columns = ["shows", "taken for", "probability of a dog", "faces"]
    captions = [
        f"{shows}, taken for {taken}\np(dog) {p:.2f}, {faces} face{'s' * (faces != 1)}"
        for shows, taken, p, faces in frame[columns].itertuples(index=False)
    ]
    return contact_sheet([picture.transpose(2, 0, 1) for picture in pictures], captions)
