"""Figures of the study of face detectors, from the tables beside them."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from core.detection.registry import DETECTORS
from reports.figures import BLUE, GREY, ORANGE, band, percent, whiskers

COLOURS = (ORANGE, BLUE, "#009E73", "#CC79A7", GREY, "#E69F00", "#56B4E9")
LEAST = 10
"""pictures below which a band covers everything, and a set is not drawn"""


def colour_of(detector: str) -> str:
    """Return the colour of a detector, by its place in the registry; black if it left that."""
    known = list(DETECTORS)
    return COLOURS[known.index(detector) % len(COLOURS)] if detector in known else "black"


def rates(frame: pd.DataFrame) -> Figure:
    """Draw each set's share of pictures with a find, with a face and without side by side.

    frame: as `exhibits.rates` makes it.
    """
    detectors = list(dict.fromkeys(frame["detector"]))
    kinds = list(dict.fromkeys(frame["pictures with"]))
    most = max(frame.loc[frame["pictures with"] == k, "set"].nunique() for k in kinds)
    figure, axes = plt.subplots(
        1, len(kinds), figsize=(10, 0.24 * most * (len(detectors) + 1) + 1.3), squeeze=False
    )
    for axis, kind in zip(axes.flat, kinds, strict=True):
        shares = frame[frame["pictures with"] == kind]
        sets = list(dict.fromkeys(shares["set"]))
        for index, detector in enumerate(detectors):
            rows = shares[shares["detector"] == detector]
            places = [
                sets.index(s) + 0.7 * (index + 0.5) / len(detectors) - 0.35 for s in rows["set"]
            ]
            axis.errorbar(
                rows["share with a find"],
                places,
                xerr=whiskers(rows, "share with a find"),
                fmt="o",
                markersize=4,
                capsize=3,
                color=colour_of(detector),
                label=detector,
            )
        n = shares.groupby("set", sort=False)["pictures"].first()
        axis.set_yticks(range(len(sets)), [f"{name}\nn = {n[name]:,}" for name in sets], fontsize=8)
        axis.invert_yaxis()
        axis.set_ylim(len(sets) - 0.5, -0.5)
        axis.xaxis.set_major_formatter(percent)
        axis.set_title(f"pictures with {kind}: anything found", fontsize=9)
    axes.flat[0].legend(fontsize=8, loc="best")
    return figure


def steps(frame: pd.DataFrame) -> Figure:
    """Draw the rate of detection over the levels of each step: sets down, steps across.

    frame: as `exhibits.steps` makes it. Levels are spaced evenly; sets below LEAST pictures are
    left out unless there is no other.
    """
    large = frame[frame["pictures"] >= LEAST]
    drawn = large if len(large) else frame
    sets, kinds = (list(dict.fromkeys(drawn[name])) for name in ("set", "step"))
    figure, axes = plt.subplots(
        2 * len(sets), 3, figsize=(10, 4.6 * len(sets)), sharey=True, squeeze=False
    )
    flat = axes.reshape(len(sets), 6)
    for row, name in zip(flat, sets, strict=True):
        for axis in row[len(kinds) :]:
            axis.set_visible(False)
        for axis, kind in zip(row, kinds, strict=False):
            part = drawn[(drawn["set"] == name) & (drawn["step"] == kind)]
            for detector, line in part.groupby("detector", sort=False):
                places = range(len(line))
                colour = colour_of(str(detector))
                axis.plot(places, line["detected"], "o-", ms=3, color=colour, label=detector)
                band(axis, places, line, "detected", colour)
            levels = list(dict.fromkeys(part["level"]))
            axis.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
            axis.set_xlabel(part["unit"].iloc[0], fontsize=8)
            axis.set_title(f"{name}, n = {part['pictures'].iloc[0]}: {kind}", fontsize=9)
            axis.yaxis.set_major_formatter(percent)
            axis.set_ylim(-0.03, 1.03)
    flat[0][0].legend(fontsize=8)
    return figure
