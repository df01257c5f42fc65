"""Tables and figures of the study of dog detectors."""

from collections.abc import Iterator
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.evaluation.comparisons import holm, mcnemar, p_value
from core.evaluation.roc import auc, auc_difference, roc_points
from core.evaluation.thresholds import choose_threshold
from core.evaluation.verdicts import more_often
from reports import words
from reports.detectors import figures
from reports.detectors.claims import Bools, kind, lesson, networks, plain
from reports.lessons import Exhibit
from reports.scores import share
from reports.tables import columns

RULES = {"called": "index rule", "chosen": "threshold"}
"""the course's (most probable class), and a threshold on the probability of all breeds"""
SHOWN = 24


def chosen(study: xr.Dataset, mass: NDArray[np.float64]) -> Bools:
    """Apply to each half of the images the threshold that the other half chose, (image,)."""
    calls = np.zeros(len(mass), dtype=bool)
    for half, threshold in thresholds(study, mass).items():
        calls |= (study["half"].values == half) & (mass >= threshold)
    return calls


def thresholds(study: xr.Dataset, mass: NDArray[np.float64]) -> dict[int, float]:
    """Choose, for each half, a threshold on the other: the best sensitivity + specificity there.

    Hard negatives have no say: they are to show what happens beyond what was foreseen.
    """
    counted, dogs, halves = plain(study), kind(study, "dogs"), study["half"].values
    return {
        half: choose_threshold(mass[other], dogs[other], "youden")
        for half, other in ((half, counted & (halves != half)) for half in (0, 1))
    }


def judged(study: xr.Dataset) -> Iterator[tuple[str, dict[str, Bools], xr.Dataset]]:
    """Yield every network: its name, what each rule takes for a dog, and what it saw."""
    known = list(networks(study))
    arms = [arm for arm, _, _ in known]
    for arm, weights, seen in known:
        name = f"{arm} ({weights})" if arms.count(arm) > 1 else arm
        mass = seen["mass"].values
        yield name, {"called": seen["called"].values > 0, "chosen": chosen(study, mass)}, seen


@lesson.exhibit
def detectors(study: xr.Dataset) -> Exhibit:
    """Return what share of each kind every network takes for a dog."""
    rows = []
    for name, rules, seen in judged(study):
        cuts = " / ".join(f"{cut:.3f}" for cut in thresholds(study, seen["mass"].values).values())
        for rule, label in RULES.items():
            shown = f"{label} {cuts}" if rule == "chosen" else label
            for of_kind in study["kind"].values.tolist():
                row = {"backbone": name, "rule": shown, "kind": of_kind}
                rows.append({**row, **_taken(rules[rule][kind(study, of_kind)])})
    return Exhibit(
        caption="Share of each kind of image that is taken for a dog, Wilson's 95 % interval: dogs "
        "should be at 100 %, the others at 0. Index rule: the most probable class is a breed. "
        "Threshold: the probability of all breeds together reaches one that was chosen on the half "
        "of the images without the one at hand.",
        table=pd.DataFrame(rows),
        units={"taken for a dog": "percent"},
    )


def _taken(calls: Bools) -> dict[str, float]:
    taken = columns("taken for a dog", share(calls))
    return {**taken, "images so taken": int(calls.sum()), "images": len(calls)}


@lesson.exhibit
def speed(study: xr.Dataset) -> Exhibit:
    """Return how quick every network is."""
    rows = [
        {"backbone": name, "images a second": 1 / float(seen["seconds/image"])}
        for name, _, seen in judged(study)
    ]
    return Exhibit(
        deep=True,
        caption="The network alone, in batches of 4. Other work on the machine slows it.",
        table=pd.DataFrame(rows),
    )


@lesson.exhibit
def roc(study: xr.Dataset) -> Exhibit:
    """Return the ROC curves."""
    rows, legends = [], {}
    dogs, hard = kind(study, "dogs"), kind(study, "hard")
    sides = {"people and other things": ~hard}
    sides |= {"wolves, foxes, cats": dogs | hard} if hard.any() else {}
    for name, _, seen in judged(study):
        for against, members in sides.items():
            mass = seen["mass"].values[members]
            area = auc(mass, dogs[members])
            legends[name, against] = f"{name}: {words.interval(area.value, area.low, area.high)}"
            false, true, _ = roc_points(mass, dogs[members])
            rows += [(name, against, x, y) for x, y in zip(false, true, strict=True)]
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
    for name, rules, _ in judged(study):
        for of_kind in study["kind"].values.tolist():
            for index, folder in enumerate(study["folder"].values.tolist()):
                members = kind(study, of_kind) & (place == index)
                if not members.any():
                    continue
                for rule, label in RULES.items():
                    row = {"backbone": name, "rule": label, "kind": of_kind, "folder": folder}
                    rows.append({**row, **_taken(rules[rule][members])})
    return Exhibit(
        deep=True,
        caption="The same by folder: counts, and shares with Wilson's 95 % interval.",
        table=pd.DataFrame(rows),
        units={"taken for a dog": "percent"},
    )


@lesson.exhibit
def pairs(study: xr.Dataset) -> Exhibit | None:
    """Return the networks compared two by two on the same images."""
    counted, dogs = plain(study), kind(study, "dogs")
    known = {name: (rules["called"], seen["mass"].values) for name, rules, seen in judged(study)}
    if len(known) < 2:
        return None
    rows = []
    for a, b in combinations(known, 2):
        one, other = ((known[name][0] == dogs)[counted] for name in (a, b))
        first, second = (known[name][1][counted] for name in (a, b))
        area = auc_difference(first, second, dogs[counted])
        gap = more_often(one, other).estimate
        row: dict[str, object] = {"a": a, "b": b, **columns("difference", gap)}
        alone = (int((one & ~other).sum()), int((other & ~one).sum()))
        row |= dict(zip(("only a right", "only b right"), alone, strict=True))
        row |= {"p": mcnemar(one, other), **columns("area difference", area)}
        rows.append({**row, "p (area)": p_value(area), "images": int(counted.sum())})
    frame = pd.DataFrame(rows)
    for name in ("p", "p (area)"):
        frame[name] = holm(frame[name])
    return Exhibit(
        deep=True,
        caption="Pairs of networks on the same images, without the hard ones: difference of the "
        "share judged right by the most probable class, exact McNemar; difference of the areas "
        "under the ROC curves, paired. p values after Holm over the pairs.",
        table=frame,
        units={"difference": "points"},
    )


@lesson.exhibit
def mistakes(study: xr.Dataset) -> Exhibit | None:
    """Return the images that are judged wrong, the most surprising first, with their pictures."""
    known = list(judged(study))
    frame = pd.concat([_mistakes(study, *network) for network in known])
    if frame.empty:
        return None
    shown = frame[frame["place"] >= 0].groupby("backbone").head(SHOWN)
    pictures = {name: seen["picture"].values for name, _, seen in known}
    small = [pictures[row.backbone][row.place] for row in shown.itertuples()]
    table = frame.drop(columns="place")
    return Exhibit(
        photographic=True,
        caption=f"{len(table)} images are taken wrong by either rule, the most surprising first; "
        f"at most {SHOWN} a network are shown.",
        table=table,
        figure=partial(figures.mistakes, shown.drop(columns="place"), small) if small else None,
        units={"probability of a dog": "percent"},
    )


def _mistakes(
    study: xr.Dataset, name: str, rules: dict[str, Bools], seen: xr.Dataset
) -> pd.DataFrame:
    dogs, kinds, mass = kind(study, "dogs"), study["kind"].values, seen["mass"].values
    wrong = np.flatnonzero((rules["called"] != dogs) | (rules["chosen"] != dogs))
    order = wrong[np.argsort(-np.abs(mass[wrong] - dogs[wrong]), kind="stable")]
    kept = {int(image): place for place, image in enumerate(seen["surprising"].values)}
    names = study["class"].values
    return pd.DataFrame(
        {
            "backbone": name,
            "file": study["image"].values[order],
            "kind": kinds[study["of"].values[order]],
            "most probable class": names[seen["top"].values[order].astype(int)],
            "probability of a dog": mass[order],
            **{label: np.where(rules[rule][order], "dog", "-") for rule, label in RULES.items()},
            "place": [kept.get(int(image), -1) for image in order],
        }
    )
