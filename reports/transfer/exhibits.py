"""Tables and figures of the study of transfer regimes."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from core import dataset
from core.evaluation.intervals import wilson
from core.evaluation.ranking import ranks
from core.models.strategies import STRATEGIES
from reports import words
from reports.lessons import Exhibit
from reports.scores import by_arm, mean, paired
from reports.tables import columns
from reports.transfer import figures
from reports.transfer.claims import COURSE, FOUR, cells, lesson

LARGE = 50
"""training images a class from which the advisor counts a set as large"""
NEAR = 0.02
"""advice is right if what it recommends is at most this much worse than the best of the four"""
SAID = {"statistics": "mean and variance"}
GAINS = (
    ("fine-tune", "scratch"),
    ("statistics", "scratch"),
    ("shuffled", "scratch"),
    ("fine-tune", "statistics"),
)


@lesson.exhibit
def accuracies(study: xr.Dataset) -> Exhibit:
    """Return the accuracy of every strategy and control in every cell."""
    rows, dots, naive = [], [], {}
    for cell, trials in cells(study):
        name = ", ".join(cell)
        counts = study.attrs["card"]["counts"][f"{name}: test"]
        naive[name] = max(counts) / sum(counts)
        for arm, hits in by_arm(trials["correct"]):
            label, table = {"cell": name, "arm": SAID.get(arm, arm)}, dataset.table(hits)
            dots += [{**label, "accuracy": float(value)} for value in table.values.mean(1)]
            rates = dict.fromkeys(trials["trained/lr"].sel(arm=arm).values.tolist())
            row = {
                **label,
                **columns("accuracy", mean(hits)),
                "course": "recommended" if COURSE[cell] == arm else "",
                "learning rate": " or ".join(words.number(rate) for rate in sorted(rates)),
                "diverged": int((~np.isfinite(trials["test/loss"].sel(arm=arm))).sum()),
            }
            rows.append({**row, "seeds": table.sizes["seed"], "images": table.shape[1]})
    frame = pd.DataFrame(rows)
    shares = " and ".join(dict.fromkeys(words.number(p, "percent") for p in naive.values()))
    return Exhibit(
        caption="Test accuracy of every strategy and control in the four cells: mean, 95 % "
        "interval over seeds and images. Grey: every seed; orange: the course's choice; dashed: "
        f"the share of the largest class of the test images, {shares}.",
        table=frame,
        figure=partial(figures.cells, frame, pd.DataFrame(dots), naive),
        units={"accuracy": "percent"},
    )


@lesson.exhibit
def ranking(study: xr.Dataset) -> Exhibit:
    """Return ranks and regret of the course's four strategies."""
    places = []
    for cell, trials in cells(study):
        tables = {arm: dataset.table(trials["correct"].sel(arm=arm)).values for arm in FOUR}
        ranked = ranks(tables).drop(columns="score")
        ranked.insert(0, "cell", ", ".join(cell))
        ranked["course"] = np.where(ranked["arm"] == COURSE[cell], "recommended", "")
        places.append(ranked)
    return Exhibit(
        caption="The course's four strategies: rank by mean accuracy (1 the best), and regret, "
        "what a strategy lacks to the best of the others (negative: its lead). 95 % intervals over "
        "seeds and images.",
        table=pd.concat(places, ignore_index=True),
        units={"regret": "points"},
    )


@lesson.exhibit
def depth(study: xr.Dataset) -> Exhibit:
    """Return accuracy over the stages that are kept."""
    rows = [
        {
            "cell": ", ".join(cell),
            "stages kept": STRATEGIES[arm].stages,
            **columns("accuracy", mean(hits)),
            "seeds": hits.sizes["seed"],
        }
        for cell, trials in cells(study)
        for arm, hits in by_arm(trials["correct"])
        if STRATEGIES[arm].frozen
    ]
    frame = pd.DataFrame(rows).sort_values(["cell", "stages kept"], kind="stable")
    return Exhibit(
        deep=True,
        caption="Test accuracy of a new head on the first stages of the frozen network, by how "
        "many are kept; 95 % interval over seeds and images.",
        table=frame,
        figure=partial(figures.depth, frame),
        units={"accuracy": "percent"},
    )


@lesson.exhibit
def gains(study: xr.Dataset) -> Exhibit:
    """Return what pretrained weights gain, and what of it needs no feature."""
    rows = []
    for cell, trials in cells(study):
        for a, b in GAINS:
            gap = paired(trials["correct"].sel(arm=a), trials["correct"].sel(arm=b))
            name = f"{SAID.get(a, a)} - {SAID.get(b, b)}"
            row = {"cell": ", ".join(cell), "comparison": name, **columns("difference", gap)}
            rows.append({**row, "seeds": gap.n_seeds, "images": gap.n_images})
    return Exhibit(
        deep=True,
        caption="The gain of pretrained weights over random ones, and the part of it that their "
        "mean and variance, or their values in random order, give without any feature: paired "
        "differences of test accuracy, 95 % interval over seeds and images.",
        table=pd.DataFrame(rows),
        units={"difference": "points"},
    )


@lesson.exhibit
def advice(study: xr.Dataset) -> Exhibit:
    """Return the advice on every cell beside what happened there."""
    rows, right, n = [], 0, 0
    for cell, trials in cells(study):
        accuracy = {arm: float(trials["test/accuracy"].sel(arm=arm).mean()) for arm in FOUR}
        best = max(accuracy, key=accuracy.__getitem__)
        seen = trials.sel(arm="head")
        probes, per_class = seen["probes"].values, seen["train/per_class"].values
        names = [recommend(p, images) for p, images in zip(probes, per_class, strict=True)]
        hits = sum(accuracy[name] >= accuracy[best] - NEAR for name in names)
        distance = seen["train/distance"].mean() if "train/distance" in seen else np.nan
        rows.append(
            {
                "cell": ", ".join(cell),
                "images a class": float(per_class[0]),
                **{f"probe, stage {i}": float(p) for i, p in enumerate(probes.mean(0), 1)},
                "feature distance": float(distance),
                "advised": ", ".join(f"{arm} x {times}" for arm, times in Counter(names).items()),
                "best of the four": best,
                "course": COURSE[cell],
                **columns("advice right", wilson(hits, len(names))),
                "seeds": len(names),
            }
        )
        right, n = right + hits, n + len(names)
    share = wilson(right, n)
    shown = words.interval(share.value, share.low, share.high, "percent")
    percent = [f"probe, stage {i}" for i in range(1, 4)]
    return Exhibit(
        deep=True,
        caption="The advisor, from training images alone: cross-validated linear probes on each "
        "stage of the pretrained network, distance of the mean deep feature in deviations of the "
        f"source's. Its advice is right, within {100 * NEAR:g} points of the best, in {right} of "
        f"{n} cases: {shown}, if cases were independent.",
        table=pd.DataFrame(rows),
        units=dict.fromkeys([*percent, "advice right"], "percent"),
    )


def recommend(probes: Sequence[float], per_class: float) -> str:
    """Return what the course's table recommends for a task, from its training images.

    probes: accuracy of a linear probe on each stage of the pretrained network. The task is similar
    if its deep features serve at least as well as its first; large from `LARGE` images a class.
    """
    size = "large" if per_class >= LARGE else "small"
    return COURSE[size, "similar" if probes[-1] >= probes[0] else "different"]
