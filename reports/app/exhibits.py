"""Tables and figures of the evaluation of the dog app."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.detection.config import KINDS, ORDERS, SINGLE, THRESHOLD
from reports.app import figures
from reports.app.claims import COURSE, Bools, is_right, lesson, of_kind, taken_for
from reports.lessons import Exhibit
from reports.scores import share
from reports.tables import columns

THRESHOLDS = np.linspace(0, 1, 51)


def looks(study: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield every face detector and what was found with it, (image,)."""
    for detector in study["arm"].values.tolist():
        yield detector, study.sel(arm=detector).isel(seed=0)


@lesson.exhibit
def whole(study: xr.Dataset) -> Exhibit:
    """Return how many pictures of each kind are answered right."""
    rows: list[dict[str, object]] = []
    for detector, seen in looks(study):
        for order in ORDERS:
            rows += _right(study, is_right(seen, order), detector=detector, order=order)
    frame = pd.DataFrame(rows)
    return Exhibit(
        caption="Pictures answered right, for a dog its breed too, by what they show and by the "
        "order of the two detectors: both says so, dog-first stops at a dog, face-first at a face. "
        "Wilson's 95 % interval over pictures; one trained head.",
        table=frame,
        figure=partial(figures.right, frame),
        units={"right": "percent"},
    )


def _right(
    study: xr.Dataset, right: Bools, shown: Sequence[str] = KINDS, **named: object
) -> Iterator[dict[str, object]]:
    """Yield a row a kind that there are pictures of: the share of them that is answered right."""
    for kind in shown:
        if len(hits := right[of_kind(study, kind)]):
            yield {**named, "shows": kind, **columns("right", share(hits)), "pictures": len(hits)}


@lesson.exhibit
def four_ways(study: xr.Dataset) -> Exhibit:
    """Return what each kind of picture is taken for."""
    frame = pd.DataFrame(
        {"detector": detector, "order": order, **row}
        for detector, seen in looks(study)
        for order in ORDERS
        for row in _confusion(taken_for(seen, order), study["of"].values)
    )
    return Exhibit(
        caption="What each kind of picture is taken for, by the order of the two detectors: counts "
        "and shares of the kind, Wilson's 95 % interval.",
        table=frame,
        figure=partial(figures.four_ways, frame),
        units={"share": "percent"},
    )


def _confusion(
    predicted: NDArray[np.int64], kinds: NDArray[np.int64]
) -> Iterator[dict[str, object]]:
    """Yield how often each kind of picture is taken for each, with the share and its interval."""
    for true, name in enumerate(KINDS):
        members = predicted[kinds == true]
        for taken, other in enumerate(KINDS) if len(members) else ():
            hits = members == taken
            row = {"shows": name, "taken for": other, "count": int(hits.sum()), "of": len(hits)}
            yield {**row, **columns("share", share(hits))}


@lesson.exhibit
def threshold(study: xr.Dataset) -> Exhibit:
    """Return what the threshold on the probability of a dog does to each kind."""
    rows: list[dict[str, object]] = []
    for detector, seen in looks(study):
        for cut in THRESHOLDS:
            rows += _right(
                study, is_right(seen, COURSE, cut), SINGLE, detector=detector, threshold=float(cut)
            )
    frame = pd.DataFrame(rows)
    return Exhibit(
        deep=True,
        caption="Pictures answered right, dog first, as the probability of all breeds from which a "
        f"picture shows a dog is moved; verdicts take {THRESHOLD:g}, dashed. Bands are Wilson's 95 "
        "% intervals.",
        table=frame,
        figure=partial(figures.threshold, frame, THRESHOLD),
        units={"right": "percent"},
    )


@lesson.exhibit
def mistakes(study: xr.Dataset) -> Exhibit | None:
    """Return pictures taken for another kind where both is an answer."""
    frames, pictures = [], []
    for detector, seen in looks(study):
        predicted, kinds = taken_for(seen, "both"), study["of"].values
        wrong = np.flatnonzero(predicted != kinds)
        small = {
            int(place): seen["picture"].values[shot].astype(np.uint8)
            for shot, place in enumerate(seen["wrong"].values)
            if np.isfinite(place)
        }
        frames.append(
            pd.DataFrame(
                {
                    "detector": detector,
                    "picture": study["image"].values[wrong],
                    "shows": np.array(KINDS)[kinds[wrong]],
                    "taken for": np.array(KINDS)[predicted[wrong]],
                    "probability of a dog": seen["dog"].values[wrong],
                    "faces": seen["faces"].values[wrong].astype(int),
                    "shown": [int(place) in small for place in wrong],
                }
            )
        )
        pictures += [small[int(place)] for place in wrong if int(place) in small]
    frame = pd.concat(frames, ignore_index=True)
    if frame.empty:
        return None
    return Exhibit(
        photographic=True,
        caption=f"{len(frame)} pictures are taken for another kind, if both is an answer too; "
        f"{len(pictures)} are shown.",
        table=frame.drop(columns="shown"),
        figure=partial(figures.answers, frame[frame["shown"].astype(bool)], pictures),
        units={"probability of a dog": "percent"},
    )
