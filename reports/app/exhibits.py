"""Tables and figures of the evaluation of the dog app."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.detection.config import KINDS
from core.evaluation.intervals import wilson
from reports.app import figures
from reports.app.claims import lesson, right, share
from reports.lessons import Exhibit
from reports.tables import columns


def _percent(name: str) -> dict[str, str]:
    return {f"{name}{end}": "percent" for end in ("", "_low", "_high")}


@lesson.exhibit
def whole(study: xr.Dataset) -> Exhibit:
    """Return how many pictures of each kind are answered right."""
    rows = []
    for order in study["arm"].values.tolist():
        for kind in KINDS:
            hits = right(study, order, kind)
            if len(hits):
                row = {"order": order, "shows": kind, **columns("right", share(hits))}
                rows.append({**row, "pictures": len(hits)})
    frame = pd.DataFrame(rows)
    return Exhibit(
        caption="Pictures answered right, for a dog its breed too, by what they show and by the "
        "order of the two detectors; Wilson's 95 % interval.",
        table=frame,
        figure=partial(figures.right, frame),
        units=_percent("right"),
    )


@lesson.exhibit
def four_ways(study: xr.Dataset) -> Exhibit:
    """Return what each kind of picture is taken for."""
    kinds = study["of"].values
    tables = [
        confusion(study["predicted"].sel(arm=order).isel(seed=0).values, kinds).assign(order=order)
        for order in study["arm"].values.tolist()
    ]
    frame = pd.concat(tables, ignore_index=True)
    frame = frame[["order", *(name for name in frame.columns if name != "order")]]
    return Exhibit(
        caption="What each kind of picture is taken for, counts and shares of the kind, Wilson's "
        "95 % interval. Orders: both says so; dog-first stops at a dog, face-first at a face.",
        table=frame,
        figure=partial(figures.four_ways, frame),
        units=_percent("share"),
    )


def confusion(predicted: NDArray[np.generic], kinds: NDArray[np.int64]) -> pd.DataFrame:
    """Count what each kind of picture is taken for, with shares and Wilson's interval."""
    rows = []
    for true, name in enumerate(KINDS):
        of_kind = predicted[kinds == true]
        for taken, other in enumerate(KINDS) if len(of_kind) else ():
            k = int((of_kind == taken).sum())
            interval = columns("share", wilson(k, len(of_kind)))
            row = {"shows": name, "taken for": other, "count": k, "of": len(of_kind)}
            rows.append({**row, **interval})
    return pd.DataFrame(rows)


@lesson.exhibit
def mistakes(study: xr.Dataset) -> Exhibit | None:
    """Return pictures taken for another kind where both is an answer."""
    if "both" not in study["arm"].values:
        return None
    seen, kinds = study.sel(arm="both").isel(seed=0), study["of"].values
    predicted = seen["predicted"].values.astype(int)
    wrong = np.flatnonzero(predicted != kinds)
    if not len(wrong):
        return None
    frame = pd.DataFrame(
        {
            "picture": study["image"].values[wrong],
            "shows": np.array(KINDS)[kinds[wrong]],
            "taken for": np.array(KINDS)[predicted[wrong]],
            "probability of a dog": seen["dog"].values[wrong],
            "faces": seen["faces"].values[wrong].astype(int),
        }
    )
    shots = np.flatnonzero(np.isfinite(seen["wrong"].values))
    places = np.searchsorted(wrong, seen["wrong"].values[shots].astype(int))
    pictures = list(seen["picture"].values[shots].astype(np.uint8))
    return Exhibit(
        caption=f"Pictures taken for another kind, {len(wrong)} of {len(predicted)} when both is "
        f"an answer; {len(shots)} of them are shown.",
        table=frame,
        figure=partial(figures.answers, frame.iloc[places], pictures),
        units={"probability of a dog": "percent"},
    )
