"""Exhibits of studies that classify: the accuracy of every seed, the differences of all arms."""

from functools import partial

import pandas as pd
import xarray as xr

from core.data.card import baseline
from reports import figures, tables
from reports.lessons import Exhibit
from reports.scores import by_arm


def accuracies(study: xr.Dataset, values: xr.DataArray, summary: pd.DataFrame) -> Exhibit:
    """Return every seed's accuracy, (arm, seed), and the arms' intervals, as `tables.arms` has."""
    every = tables.seeds(values, "accuracy")
    chance = baseline(study.attrs["card"])
    return Exhibit(
        caption="Test accuracy. A dot is a seed, a bar the mean with its 95 % interval over seeds "
        "and images; dashed: always guessing the commonest class.",
        table=every,
        figure=partial(figures.accuracy_strip, every, summary, chance),
        units={"accuracy": "percent"},
    )


def differences(hits: xr.DataArray) -> Exhibit | None:
    """Return the paired differences of all arms, of hits (arm, seed, image); None for one arm."""
    frame, names = tables.differences(hits), [arm for arm, _ in by_arm(hits)]
    if frame.empty:
        return None
    return Exhibit(
        deep=True,
        caption="Paired differences of test accuracy, row minus column, in points; * marks "
        "p < .05 after Holm over all pairs.",
        table=frame,
        figure=partial(figures.differences, frame, names) if len(names) > 2 else None,
        units=dict.fromkeys(("difference", "low", "high"), "points"),
    )
