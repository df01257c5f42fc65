"""What the study of dog detectors shows, and what it says on the claims D3 and D4."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from core.results import Exhibit
from numpy.typing import NDArray

from core.data.strata import Strata
from core.evaluation.comparisons import holm, mcnemar, p_value, paired
from core.evaluation.intervals import wilson
from core.evaluation.roc import auc, auc_difference, roc_points
from core.evaluation.verdicts import all_of, superior
from core.models.backbones import class_names
from core.models.config import RANDOM
from reports.dogs import figures
from reports.dogs.halves import DOGS, HARD, crossed_threshold, thresholds
from reports.tables import Results, columns
from reports.verdicts import Finding, claims

RULES = {"called": "index rule", "chosen": "threshold"}
"""the course's (most probable class), and a threshold on the probability of all breeds"""
SHOWN = 24

Bools = NDArray[np.bool_]


def calls(results: Results, strata: Strata) -> dict[str, dict[str, Bools]]:
    """Return backbone -> rule -> (n,) whether each image is taken for a dog."""
    return {
        trial.arm: {
            "called": result.arrays["called"].astype(bool),
            "chosen": crossed_threshold(result.arrays["mass"], strata),
        }
        for trial, result in results.items()
    }


def findings(results: Results, strata: Strata, weights: Mapping[str, str]) -> dict[str, Finding]:
    """Test the claims on the networks that have learnt something. weights: backbone -> source."""
    called = {
        arm: rules["called"]
        for arm, rules in calls(results, strata).items()
        if weights[arm] != RANDOM
    }
    missing = [name for name in ("vgg16", "resnet18") if name not in called]
    lacking = (
        f"ImageNet weights of {' and '.join(missing)} were not available here; with a "
        "network `python experiments/dog_detectors.py` downloads them."
    )
    return {
        "D3": _works(called["vgg16"], strata)
        if "vgg16" in called
        else Finding(decision=None, lacking=lacking),
        "D4": _better(called["resnet18"], called["vgg16"], strata)
        if not missing
        else Finding(decision=None, lacking=lacking),
    }


def _works(called: Bools, strata: Strata) -> Finding:
    margin, dogs = claims()["D3"].margin, strata.of == DOGS
    plain = ~dogs & (strata.of != HARD)
    found = wilson(int(called[dogs].sum()), int(dogs.sum()))
    quiet = wilson(int((~called[plain]).sum()), int(plain.sum()))
    hard = wilson(int(called[strata.of == HARD].sum()), int((strata.of == HARD).sum()))
    return Finding(
        decision=all_of(
            {"found": superior(found, 1 - margin), "quiet": superior(quiet, 1 - margin)}
        ),
        names=("dogs found", "people and other things left alone"),
        unit="percent",
        comment=f"Of {hard.n_images:,} wolves, foxes, cats and the like, {hard.value:.1%} "
        f"({hard.low:.1%} to {hard.high:.1%}) are taken for dogs; they do not count here.",
    )


def _better(resnet: Bools, vgg: Bools, strata: Strata) -> Finding:
    plain = strata.of != HARD
    right = [called[plain] == (strata.of[plain] == DOGS) for called in (resnet, vgg)]
    only = [int((a & ~b).sum()) for a, b in (right, right[::-1])]
    return Finding(
        decision=superior(paired(*(each[None] for each in right), deterministic=True)),
        names=("ResNet-18 - VGG16, images judged right",),
        comment=f"Right alone: ResNet-18 on {only[0]}, VGG16 on {only[1]} images; exact McNemar "
        f"p = {mcnemar(*right):.3g}. With 100 images, 5 that all go one way would not do.",
    )


def summary(weights: Mapping[str, str], strata: Strata) -> dict[str, object]:
    """Return what else the page prints."""
    return {
        "question": "How well do ImageNet networks tell dogs from people, other things and wolves?",
        "trials": {"complete": len(weights), "diverged": []},
        "weights": dict(weights),
    }


def exhibits(results: Results, strata: Strata, speeds: Mapping[str, float]) -> list[Exhibit]:
    """Draw the tables, the ROC curves, the contact sheets. speeds: backbone -> images a second."""
    called = calls(results, strata)
    return [
        _rates(results, strata, called, speeds),
        _roc(results, strata),
        _folders(strata, called),
        *([_pairs(results, strata, called)] if len(called) > 1 else []),
        *(
            _mistakes(trial.arm, result.arrays, called[trial.arm], strata)
            for trial, result in results.items()
        ),
    ]


def _rates(
    results: Results,
    strata: Strata,
    called: dict[str, dict[str, Bools]],
    speeds: Mapping[str, float],
) -> Exhibit:
    rows = []
    for trial, result in results.items():
        chosen = thresholds(result.arrays["mass"], strata).values()
        for rule, label in RULES.items():
            row: dict[str, object] = {"backbone": trial.arm, "rule": label}
            row["threshold"] = " / ".join(f"{t:.3f}" for t in chosen) if rule == "chosen" else ""
            for index, stratum in enumerate(strata.names):
                own = called[trial.arm][rule][strata.of == index]
                row |= columns(stratum, wilson(int(own.sum()), len(own)))
                row |= {f"{stratum} called": int(own.sum()), f"{stratum} n": len(own)}
            row["images a second"] = speeds[trial.arm]
            rows.append(row)
    caption = (
        "Share of each kind of image that is taken for a dog, Wilson's 95 % interval: dogs should "
        "be at 100 %, the others at 0. Index rule: the most probable class is a breed. Threshold: "
        "the probability of all breeds together reaches one that was chosen on the half of the "
        "images without the one at hand. Images a second: the network alone, in batches of 4."
    )
    units = {name: "percent" for stratum in strata.names for name in _trio(stratum)}
    return Exhibit("detectors", caption, pd.DataFrame(rows), units=units)


def _trio(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _roc(results: Results, strata: Strata) -> Exhibit:
    rows, legends = [], {}
    for trial, result in results.items():
        for against, members in _sides(strata).items():
            mass, truth = result.arrays["mass"][members], strata.of[members] == DOGS
            area = auc(mass, truth)
            legend = f"{trial.arm}: {area.value:.4f} ({area.low:.4f} to {area.high:.4f})"
            legends[trial.arm, against] = legend
            false, true, _ = roc_points(mass, truth)
            rows += [(trial.arm, against, x, y) for x, y in zip(false, true, strict=True)]
    frame = pd.DataFrame(rows, columns=["backbone", "against", "false alarms", "dogs found"])
    caption = (
        "ROC curves of the probability of all breeds together, with the area and DeLong's 95 % "
        "interval; the dashed line is chance."
    )
    return Exhibit("roc", caption, frame, figures.roc(frame, legends))


def _sides(strata: Strata) -> dict[str, Bools]:
    dogs, hard = strata.of == DOGS, strata.of == HARD
    return {"people and other things": dogs | ~hard, "wolves, foxes, cats": dogs | hard}


def _folders(strata: Strata, called: dict[str, dict[str, Bools]]) -> Exhibit:
    folders = np.array([item.folder for item in strata.items])
    rows = []
    for arm, rules in called.items():
        for index, stratum in enumerate(strata.names):
            for folder in dict.fromkeys(folders[strata.of == index]):
                own = (strata.of == index) & (folders == folder)
                for rule, label in RULES.items():
                    k, n = int(rules[rule][own].sum()), int(own.sum())
                    share = columns("taken for dogs", wilson(k, n))
                    row = {"backbone": arm, "rule": label, "kind": stratum, "folder": folder}
                    rows.append({**row, **share, "images called dog": k, "images": n})
    caption = "The same by folder: counts, and shares with Wilson's 95 % interval."
    units = dict.fromkeys(_trio("taken for dogs"), "percent")
    return Exhibit("folders", caption, pd.DataFrame(rows), units=units)


def _pairs(results: Results, strata: Strata, called: dict[str, dict[str, Bools]]) -> Exhibit:
    plain = strata.of != HARD
    truth = strata.of[plain] == DOGS
    mass = {trial.arm: result.arrays["mass"][plain] for trial, result in results.items()}
    rows = []
    for a, b in combinations(called, 2):
        right = [called[arm]["called"][plain] == truth for arm in (a, b)]
        gap = paired(*(each[None] for each in right), deterministic=True)
        area = auc_difference(mass[a], mass[b], truth)
        only = {
            f"only {s} right": int((x & ~y).sum())
            for s, x, y in (("a", *right), ("b", *right[::-1]))
        }
        rows.append(
            {"a": a, "b": b, **columns("difference", gap), **only, "p": mcnemar(*right)}
            | columns("area difference", area)
            | {"p (area)": p_value(area), "images": int(plain.sum())}
        )
    frame = pd.DataFrame(rows)
    for name in ("p", "p (area)"):
        frame[name] = holm(frame[name])
    caption = (
        "Pairs of networks on the same images, without the hard ones: difference of the share "
        "judged right by the most probable class, exact McNemar; difference of the areas under "
        "the ROC curves, paired DeLong. p values after Holm over the pairs."
    )
    return Exhibit("pairs", caption, frame, units=dict.fromkeys(_trio("difference"), "points"))


def _mistakes(
    arm: str, arrays: Mapping[str, NDArray[np.generic]], rules: dict[str, Bools], strata: Strata
) -> Exhibit:
    truth, names = strata.of == DOGS, class_names(arm)
    wrong = np.flatnonzero((rules["called"] != truth) | (rules["chosen"] != truth))
    surprise = np.abs(arrays["mass"][wrong] - truth[wrong])
    order = wrong[np.argsort(-surprise, kind="stable")]
    frame = pd.DataFrame(
        {
            "file": [strata.items[index].name for index in order],
            "kind": [strata.names[strata.of[index]] for index in order],
            "most probable class": [names[arrays["top"][index]] for index in order],
            "probability of a dog": arrays["mass"][order],
            **{label: np.where(rules[rule][order], "dog", "-") for rule, label in RULES.items()},
        }
    )
    caption = (
        f"What {arm} gets wrong by either rule, {len(order)} of {len(truth)} images, the most "
        f"surprising first; at most {SHOWN} are shown."
    )
    figure = figures.mistakes(frame[:SHOWN], [strata.items[i].path for i in order[:SHOWN]])
    return Exhibit(f"mistakes-{arm}", caption, frame, figure, {"probability of a dog": "percent"})
