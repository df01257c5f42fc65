"""Tables and figures of the probes: shortcuts, stability, embeddings, explanations."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from core import dataset
from core.evaluation import intervals, neighbours
from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate
from core.evaluation.roc import auc
from reports import scores, tables, words
from reports.figures import plane
from reports.lessons import Exhibit
from reports.scores import by_arm
from reports.skin import figures
from reports.skin.tasks import Task, nevi, odds, tasks


def shortcuts(study: xr.Dataset) -> Exhibit | None:
    """Return what turning, ink, a ruler, hiding the lesion and copies change."""
    task = tasks(study).get("melanoma")
    if task is None:
        return None
    names = ("test_logits", "turned", "inked", "ruled")
    called = {name: task.called(study[name]) for name in names}
    rows = []
    for arm in task.arms:
        row: dict[str, object] = {"arm": arm}
        changes = _changes(study, {name: calls.sel(arm=arm) for name, calls in called.items()})
        for name, estimate in {**changes, **_areas(study, task, arm)}.items():
            row |= tables.columns(name, estimate)
        rows.append({**row, "seeds": len(task.scores(arm))})
    places = nevi(study)
    percent = dict.fromkeys(("calls that flip when turned", "false positives on nevi"), "percent")
    return Exhibit(
        caption="Shortcuts and stability, melanoma at its frozen threshold: calls that change when "
        f"the image is turned; false positives on {0 if places is None else len(places)} nevi, and "
        "what drawn ink or a drawn ruler adds to them; areas with parts hidden (drawn lesions have "
        "nothing in the background to learn from); areas of a linear head, seed 0, when mirrored "
        "and turned copies fall on both sides of its split, and when they do not.",
        table=pd.DataFrame(rows),
        units={**percent, **dict.fromkeys(("by ink", "by a ruler"), "points")},
    )


def _changes(study: xr.Dataset, called: dict[str, xr.DataArray]) -> dict[str, Estimate]:
    flips = (called["turned"] != called["test_logits"]).any("turn").astype(float)
    changes, places = {"calls that flip when turned": scores.mean(flips)}, nevi(study)
    if places is not None:
        still, inked, ruled = (
            called[name].isel(image=places) for name in ("test_logits", "inked", "ruled")
        )
        changes |= {
            "false positives on nevi": scores.mean(still),
            "by ink": scores.paired(inked, still),
            "by a ruler": scores.paired(ruled, still),
        }
    return changes


def _areas(study: xr.Dataset, task: Task, arm: str) -> dict[str, Estimate]:
    truth, areas = study["probe_label"].values == task.positive, {}
    if "seen" in study:
        seen = odds(study["seen"].sel(arm=arm), task.positive)
        for view in study["view"].values.tolist():
            areas[f"AUC, {view}"] = auc(dataset.table(seen.sel(view=view)).values, truth)
    if "leak" in study:
        for split in study["split"].values.tolist():
            head = study["leak"].sel(arm=arm, seed=0, split=split).values
            if np.isfinite(head).all():
                areas[f"AUC, split {split}"] = auc(head, truth)
    return areas


def _seed_0(study: xr.Dataset, name: str) -> dict[str, xr.DataArray]:
    """Return what was asked of the networks of seed 0: arm -> its array."""
    if name not in study:
        return {}
    return {arm: v for arm, v in by_arm(study[name].sel(seed=0)) if np.isfinite(v).all()}


def tsne_trust(study: xr.Dataset) -> Exhibit | None:
    """Return what the t-SNE keeps of the features."""
    if not (nearest := _seed_0(study, "near")):
        return None
    labels, rows = study["label"].sel(image=study["shown"].values).values, []
    for arm, index in nearest.items():
        near = {name: index.sel(space=name).values.astype(int) for name in ("plane", "full")}
        row: dict[str, object] = {"arm": arm}
        for name, places in near.items():
            row[f"10-NN accuracy, {name}"] = float(neighbours.hits(places, labels).mean())
        row |= tables.columns("above chance", neighbours.above_chance(near["plane"], labels))
        row["neighbours kept"] = float(neighbours.kept(near["full"], near["plane"]).mean())
        rows.append({**row, "images": len(labels)})
    shares = ("10-NN accuracy, plane", "10-NN accuracy, full", "neighbours kept")
    one_class = words.number(1 / len(np.unique(labels)), "percent")
    return Exhibit(
        caption="What the t-SNE keeps, seed 0: how many of the test images, equally many of every "
        "class, their ten nearest neighbours name right in the plane and in full dimension; what "
        "the plane is above shuffled labels (interval of the permutation test); and the share of "
        f"neighbours kept. Naming one class: {one_class}.",
        table=pd.DataFrame(rows),
        units={**dict.fromkeys(shares, "percent"), "above chance": "points"},
    )


def tsne(study: xr.Dataset) -> Exhibit | None:
    """Return the t-SNE of the features."""
    if not (points := _seed_0(study, "points")):
        return None
    classes = study["class"].values
    names = classes[study["label"].sel(image=study["shown"].values).values]
    frame = pd.concat(
        pd.DataFrame({"arm": arm, "x": xy.values[:, 0], "y": xy.values[:, 1], "class": names})
        for arm, xy in points.items()
    )
    return Exhibit(
        deep=True,
        caption="t-SNE of the features of test images, equally many of every class, seed 0. "
        "Distances between groups mean nothing.",
        table=frame,
        figure=partial(plane, frame, sorted(set(frame["class"]))),
    )


def explanations(study: xr.Dataset) -> Exhibit | None:
    """Return how far the explanations can be believed."""
    if not (agreement := _seed_0(study, "agreement")):
        return None
    rows = []
    for arm, rho in agreement.items():
        areas = study["deletion"].sel(arm=arm, seed=0).mean("step")
        by_map, random = (areas.sel(order=o).values[None] for o in ("by the map", "at random"))
        row: dict[str, object] = {"arm": arm}
        agreed = intervals.mean(rho.values[None], bounds=(-1, 1))
        row |= tables.columns("agreement with a randomised network", agreed)
        row |= tables.columns("area under deletion, by the map", intervals.mean(by_map))
        row |= tables.columns("at random", intervals.mean(random))
        row |= tables.columns("difference", paired(random, by_map, deterministic=True))
        rows.append({**row, "images": len(rho)})
    return Exhibit(
        deep=True,
        caption="Integrated gradients of melanoma's logit on melanomas of the test set, networks "
        "of seed 0; intervals over images. Agreement: Spearman's rho with the maps of the same "
        "network with random weights (a map that shows what was learned has little). Deletion: "
        "mean probability as pixels go, those that matter most first; a map worth its name lies "
        "below random order.",
        table=pd.DataFrame(rows),
    )


def attributions(study: xr.Dataset) -> Exhibit | None:
    """Return the maps of some images."""
    maps = {arm: m.values.astype(np.float32) for arm, m in _seed_0(study, "maps").items()}
    if not maps:
        return None
    rows = [
        (arm, image, float(heat.mean()))
        for arm, heats in maps.items()
        for image, heat in zip(study["picture"].values.tolist(), heats, strict=True)
    ]
    height, width = next(iter(maps.values())).shape[1:]
    return Exhibit(
        photographic=True,
        caption=f"Integrated gradients of melanoma's logit, seed 0, {height} x {width} pixels; "
        "brighter matters more, each map on its own scale.",
        table=pd.DataFrame(rows, columns=["arm", "test image", "mean attribution"]),
        figure=partial(figures.maps, study["pictures"].values, maps),
    )


def deletion(study: xr.Dataset) -> Exhibit | None:
    """Return how the probability falls as pixels go."""
    if not (probabilities := _seed_0(study, "deletion")):
        return None
    rows = []
    for arm, curves in probabilities.items():
        for order in curves["order"].values.tolist():
            for step in curves["step"].values.tolist():
                values = curves.sel(order=order, step=step).values[None]
                point = tables.columns("probability", intervals.mean(values, bounds=(0, 1)))
                gone = step / (curves.sizes["step"] - 1)
                rows.append({"arm": arm, "order": order, "gone": gone, **point})
    frame = pd.DataFrame(rows)
    return Exhibit(
        deep=True,
        caption="Probability of melanoma as pixels are replaced by the image's mean colour, seed "
        "0; band: 95 % over images.",
        table=frame,
        figure=partial(figures.deletion, frame),
    )


EXHIBITS = (shortcuts, tsne_trust, tsne, explanations, attributions, deletion)
