"""Tables and figures of the study of dog breeds."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core import dataset
from core.data.card import baseline
from core.models.config import DRIFTING, SCRATCH
from reports import accuracies, words
from reports.breeds import figures
from reports.breeds.claims import lesson
from reports.lessons import Exhibit
from reports.scores import by_arm, mean
from reports.tables import columns

PAIRS = 6
"""confused breeds that are shown with pictures"""
CURVES = ("train/loss", "val/loss", "val/accuracy")


def networks(values: xr.DataArray) -> xr.DataArray:
    """Return (arm, seed, ...) from (arm, seed, trunk, ...): `resnet18`, `resnet18, drifting`."""
    parts = {
        f"{arm}, {trunk}" if trunk == DRIFTING else str(arm): part
        for arm in values["arm"].values
        for trunk in values["trunk"].values
        if (part := values.sel(arm=arm, trunk=trunk, drop=True))["trained"].any()
    }
    return xr.concat(parts.values(), pd.Index(list(parts), name="arm"), coords=["trained"])


def _summary(study: xr.Dataset) -> pd.DataFrame:
    hits, five = networks(study["correct"]), networks(study["correct5"])
    sizes, epochs = (networks(study[f"trained/{name}"]) for name in ("parameters", "epochs"))
    losses, rows = networks(study["test/loss"]), []
    for arm, correct in by_arm(hits):
        table = dataset.table(correct)
        rows.append(
            {
                "arm": arm,
                **columns("accuracy", mean(correct)),
                **columns("among the first five", mean(five.sel(arm=arm))),
                "trained parameters": int(sizes.sel(arm=arm).max()),
                "epochs": float(epochs.sel(arm=arm).mean()),
                "diverged": int(np.isnan(dataset.table(losses.sel(arm=arm))).sum()),
                "seeds": table.sizes["seed"],
                "images": table.shape[1],
            }
        )
    return pd.DataFrame(rows)


@lesson.exhibit
def breeds(study: xr.Dataset) -> Exhibit:
    """Return the accuracy of every network."""
    chance = words.number(baseline(study.attrs["card"]), "percent")
    return Exhibit(
        caption="Test accuracy, top-1 and top-5: mean, 95 % interval over seeds and images; the "
        "weights are those of the epoch with the lowest validation loss. Naming the largest class "
        f"gives {chance}.",
        table=_summary(study),
        units=dict.fromkeys(("accuracy", "among the first five"), "percent"),
    )


@lesson.exhibit
def accuracy(study: xr.Dataset) -> Exhibit:
    """Return every seed's accuracy, and the networks' intervals."""
    return accuracies.accuracies(study, networks(study["test/accuracy"]), _summary(study))


@lesson.exhibit
def differences(study: xr.Dataset) -> Exhibit | None:
    """Return the paired differences of all networks."""
    return accuracies.differences(networks(study["correct"]))


@lesson.exhibit
def curves(study: xr.Dataset) -> Exhibit:
    """Return the losses by epoch."""
    wide = xr.Dataset({name: networks(study[name]) for name in CURVES}).drop_vars("trained")
    long = wide.to_dataframe().reset_index().dropna(subset=["train/loss"])
    frame = long[["arm", "seed", "epoch", *CURVES]].reset_index(drop=True)
    return Exhibit(
        deep=True,
        caption="Loss on training and validation images by epoch; a line is a seed, a dot the "
        "epoch whose weights were kept. Training stops when the validation loss has not fallen for "
        "a while.",
        table=frame,
        figure=partial(figures.curves, frame),
    )


@lesson.exhibit
def recall(study: xr.Dataset) -> Exhibit:
    """Return each breed's share of test images that is named right."""
    labels, rows = study["label"].values, []
    for arm, hits in by_arm(networks(study["correct"])):
        for index, name in enumerate(study.attrs["card"]["classes"]):
            places = np.flatnonzero(labels == index)
            if len(places):
                share = columns("recall", mean(hits.isel(image=places)))
                rows.append({"arm": arm, "breed": name, **share, "images": len(places)})
    frame = pd.DataFrame(rows)
    return Exhibit(
        deep=True,
        caption="Share of each breed's test images that is named right, 95 % interval over seeds "
        "and images. Breeds in the order of the first network.",
        table=frame,
        figure=partial(figures.recall, frame),
        units={"recall": "percent"},
    )


@lesson.exhibit
def confused(study: xr.Dataset) -> Exhibit | None:
    """Return the pairs of breeds that the best network confuses most, with pictures."""
    accuracies = dict(by_arm(networks(study["test/accuracy"])))
    ranked = sorted(accuracies, key=lambda arm: (arm != SCRATCH, float(accuracies[arm].mean())))
    arm, labels, names = ranked[-1], study["label"].values, study.attrs["card"]["classes"]
    taken = dataset.table(networks(study["prediction"]).sel(arm=arm)).astype(int)
    counts = np.zeros((len(names), len(names)), dtype=int)
    for row in taken.values:
        np.add.at(counts, (labels[row >= 0], row[row >= 0]), 1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[: 4 * PAIRS]
    pairs = [divmod(int(place), len(names)) for place in order if counts.flat[place]]
    if not pairs:
        return None
    rows = [
        (arm, names[a], names[b], int(counts[a, b]), int((labels == a).sum()) * len(taken))
        for a, b in pairs
    ]
    frame = pd.DataFrame(rows, columns=["arm", "breed", "taken for", "count", "of"])
    shown = {pair: _pictures(study, taken, *pair) for pair in pairs}
    places = [place for place, pair in enumerate(pairs) if shown[pair]][:PAIRS]
    small = [picture for place in places for picture in shown[pairs[place]]]
    return Exhibit(
        photographic=True,
        caption=f"Breeds that {arm} confuses most, counts of all seeds added. Pictures in pairs: a "
        "test image that is taken for the other breed, and one of that breed that is known for it.",
        table=frame,
        figure=partial(figures.confused, frame.iloc[places], small) if small else None,
    )


def _pictures(
    study: xr.Dataset, taken: xr.DataArray, true: int, other: int
) -> list[NDArray[np.uint8]]:
    """Return a picture of a breed that is taken for another, and one of the other; or none."""
    kept = study["shown"].values
    labels, calls = study["label"].sel(image=kept).values, taken.sel(image=kept).values == other
    pair = [np.where(labels == breed, calls.sum(0), 0) for breed in (true, other)]
    if not all(times.max() for times in pair):
        return []
    return [study["picture"].values[times.argmax()] for times in pair]
