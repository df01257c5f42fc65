"""Tables and figures of the study of dog detectors."""

from collections.abc import Iterator
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.evaluation.comparisons import holm, mcnemar, p_value, paired
from core.evaluation.intervals import wilson
from core.evaluation.roc import auc, auc_difference, roc_points
from reports import words
from reports.detectors import figures
from reports.detectors.claims import kind, lesson, plain
from reports.detectors.halves import chosen, thresholds
from reports.lessons import Exhibit
from reports.tables import columns

RULES = {"called": "index rule", "chosen": "threshold"}
"""the course's (most probable class), and a threshold on the probability of all breeds"""
SHOWN = 24

Bools = NDArray[np.bool_]


def networks(study: xr.Dataset) -> Iterator[tuple[str, dict[str, Bools], NDArray[np.float64]]]:
    """Yield every network, what each rule takes for a dog, and the probability of all breeds."""
    for arm in study["arm"].values.tolist():
        seen = study.sel(arm=arm).isel(seed=0)
        mass = seen["mass"].values
        yield arm, {"called": seen["called"].values > 0, "chosen": chosen(study, mass)}, mass


def _percent(*names: str) -> dict[str, str]:
    return {f"{name}{end}": "percent" for name in names for end in ("", "_low", "_high")}


@lesson.exhibit
def detectors(study: xr.Dataset) -> Exhibit:
    """Return what share of each kind every network takes for a dog."""
    rows = []
    kinds = study["kind"].values.tolist()
    for arm, rules, mass in networks(study):
        cut = " / ".join(f"{t:.3f}" for t in thresholds(study, mass).values())
        for rule, label in RULES.items():
            row: dict[str, object] = {"backbone": arm, "rule": label}
            row["threshold"] = cut if rule == "chosen" else ""
            for name in kinds:
                calls = rules[rule][kind(study, name)]
                row |= columns(name, wilson(int(calls.sum()), len(calls)))
                row |= {f"{name} called": int(calls.sum()), f"{name} n": len(calls)}
            seconds = float(study["seconds/image"].sel(arm=arm).isel(seed=0))
            rows.append({**row, "images a second": 1 / seconds})
    return Exhibit(
        caption="Share of each kind of image that is taken for a dog, Wilson's 95 % interval: dogs "
        "should be at 100 %, the others at 0. Index rule: the most probable class is a breed. "
        "Threshold: the probability of all breeds together reaches one that was chosen on the half "
        "of the images without the one at hand. Images a second: the network alone, in batches of "
        "4.",
        table=pd.DataFrame(rows),
        units=_percent(*kinds),
    )


@lesson.exhibit
def roc(study: xr.Dataset) -> Exhibit:
    """Return the ROC curves."""
    rows, legends = [], {}
    dogs, hard = kind(study, "dogs"), kind(study, "hard")
    sides = {"people and other things": ~hard, "wolves, foxes, cats": dogs | hard}
    for arm, _, mass in networks(study):
        for against, members in sides.items():
            area = auc(mass[members], dogs[members])
            legends[arm, against] = f"{arm}: {words.interval(area.value, area.low, area.high)}"
            false, true, _ = roc_points(mass[members], dogs[members])
            rows += [(arm, against, x, y) for x, y in zip(false, true, strict=True)]
    frame = pd.DataFrame(rows, columns=["backbone", "against", "false alarms", "dogs found"])
    return Exhibit(
        caption="ROC curves of the probability of all breeds together, with the area and its 95 % "
        "interval; the dashed line is chance.",
        table=frame,
        figure=partial(figures.roc, frame, legends),
    )


@lesson.exhibit
def folders(study: xr.Dataset) -> Exhibit:
    """Return the same by folder."""
    rows, place = [], study["in"].values
    for arm, rules, _ in networks(study):
        for name in study["kind"].values.tolist():
            for index, folder in enumerate(study["folder"].values.tolist()):
                members = kind(study, name) & (place == index)
                if not members.any():
                    continue
                for rule, label in RULES.items():
                    k, n = int(rules[rule][members].sum()), int(members.sum())
                    row = {"backbone": arm, "rule": label, "kind": name, "folder": folder}
                    share = columns("taken for dogs", wilson(k, n))
                    rows.append({**row, **share, "images called dog": k, "images": n})
    return Exhibit(
        caption="The same by folder: counts, and shares with Wilson's 95 % interval.",
        table=pd.DataFrame(rows),
        units=_percent("taken for dogs"),
    )


@lesson.exhibit
def pairs(study: xr.Dataset) -> Exhibit | None:
    """Return the networks compared two by two on the same images."""
    counted, dogs = plain(study), kind(study, "dogs")
    seen = {arm: (rules["called"], mass) for arm, rules, mass in networks(study)}
    if len(seen) < 2:
        return None
    rows = []
    for a, b in combinations(seen, 2):
        one, other = ((seen[arm][0] == dogs)[counted] for arm in (a, b))
        first, second = (seen[arm][1][counted] for arm in (a, b))
        area = auc_difference(first, second, dogs[counted])
        gap = paired(one[None], other[None], deterministic=True)
        row: dict[str, object] = {"a": a, "b": b, **columns("difference", gap)}
        alone = (int((one & ~other).sum()), int((other & ~one).sum()))
        row |= dict(zip(("only a right", "only b right"), alone, strict=True))
        row |= {"p": mcnemar(one, other), **columns("area difference", area)}
        rows.append({**row, "p (area)": p_value(area), "images": int(counted.sum())})
    frame = pd.DataFrame(rows)
    for name in ("p", "p (area)"):
        frame[name] = holm(frame[name])
    return Exhibit(
        caption="Pairs of networks on the same images, without the hard ones: difference of the "
        "share judged right by the most probable class, exact McNemar; difference of the areas "
        "under the ROC curves, paired. p values after Holm over the pairs.",
        table=frame,
        units={**_percent("difference"), "difference": "points"},
    )


@lesson.exhibit
def mistakes(study: xr.Dataset) -> Exhibit | None:
    """Return the images that are judged wrong, the most surprising first, with their pictures."""
    frame = pd.concat([_mistakes(study, *network) for network in networks(study)])
    if frame.empty:
        return None
    shown = frame[frame["place"] >= 0].groupby("backbone").head(SHOWN)
    small = [
        study["picture"].sel(arm=row.backbone).isel(seed=0, surprise=row.place).values
        for row in shown.itertuples()
    ]
    table = frame.drop(columns="place")
    return Exhibit(
        caption=f"What a network gets wrong by either rule, {len(table)} images, the most "
        f"surprising first; at most {SHOWN} a network are shown.",
        table=table,
        figure=partial(figures.mistakes, shown.drop(columns="place"), small) if small else None,
        units={"probability of a dog": "percent"},
    )


def _mistakes(
    study: xr.Dataset, arm: str, rules: dict[str, Bools], mass: NDArray[np.float64]
) -> pd.DataFrame:
    dogs, kinds = kind(study, "dogs"), study["kind"].values
    seen = study.sel(arm=arm).isel(seed=0)
    wrong = np.flatnonzero((rules["called"] != dogs) | (rules["chosen"] != dogs))
    order = wrong[np.argsort(-np.abs(mass[wrong] - dogs[wrong]), kind="stable")]
    kept = {int(image): place for place, image in enumerate(seen["surprising"].values)}
    names = study["class"].values
    return pd.DataFrame(
        {
            "backbone": arm,
            "file": study["image"].values[order],
            "kind": kinds[study["of"].values[order]],
            "most probable class": names[seen["top"].values[order].astype(int)],
            "probability of a dog": mass[order],
            **{label: np.where(rules[rule][order], "dog", "-") for rule, label in RULES.items()},
            "place": [kept.get(int(image), -1) for image in order],
        }
    )
