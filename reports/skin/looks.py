"""Tables and figures of the probes: shortcuts, stability, embeddings, explanations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from core.results import Exhibit

from core.data.images import Images, Splits
from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate, mean
from core.evaluation.roc import auc
from core.explain import can_explain
from reports import tables
from reports.skin import figures
from reports.skin.tasks import Task, log_odds
from reports.tables import Results


def exhibits(results: Results, tasks: Sequence[Task], splits: Splits) -> list[Exhibit]:
    """Draw what the probes found."""
    melanoma = [task for task in tasks if task.name == "melanoma"]
    return [
        *(_shortcuts(results, task, splits) for task in melanoma),
        *_plane(results, splits),
        *(_explanations(results, splits.test) if _explained(results) else []),
    ]


def _explained(results: Results) -> bool:
    return can_explain() and all("maps" in result.arrays for result in results.values())


def _shortcuts(results: Results, task: Task, splits: Splits) -> Exhibit:
    seen = {name: tables.scores(results, name) for name in ("test_logits", "turned", "inked")}
    seen["ruled"], leak = tables.scores(results, "ruled"), tables.scores(results, "leak")
    classes, labels = splits.card.classes, splits.test.labels.numpy()
    nevi = labels == classes.index("nevus") if "nevus" in classes else ~task.labels
    rows = []
    for arm, area in leak.items():
        called = {name: task.called(each[arm], arm) for name, each in seen.items()}
        flips = (called["turned"] != called["test_logits"][:, None]).any(1)
        before = called["test_logits"][:, nevi].astype(float)
        found: dict[str, Estimate] = {
            "calls that flip when turned": mean(flips),
            "false positives on nevi": mean(called["test_logits"][:, nevi]),
            "by ink": paired(called["inked"][:, nevi].astype(float), before),
            "by a ruler": paired(called["ruled"][:, nevi].astype(float), before),
        }
        if splits.card.synthetic:
            truth = tables.scores(results, "probe_labels")[arm][0] == task.positive
            for view, words in (("lesion", "only the lesion"), ("rest", "lesion hidden")):
                odds = log_odds(tables.scores(results, f"seen_{view}")[arm], task.positive)
                found[f"AUC, {words}"] = auc(odds, truth)
        found["AUC, split at random"] = mean(area[:, :1])
        found["AUC, split by image"] = mean(area[:, 1:])
        row: dict[str, object] = {"arm": arm}
        for name, estimate in found.items():
            row |= tables.columns(name, estimate)
        rows.append({**row, "seeds": len(area), "nevi": int(nevi.sum())})
    shares = dict.fromkeys(("calls that flip when turned", "false positives on nevi"), "percent")
    points = dict.fromkeys(("by ink", "by a ruler"), "points")
    caption = (
        "Shortcuts and stability, melanoma at its frozen threshold: calls that change when the "
        "image is turned; false positives, and what drawn ink or a ruler adds to them; areas "
        "with parts hidden; areas of a linear head when mirrored and turned copies fall on both "
        "sides of its split, and when they do not."
    )
    return Exhibit("shortcuts", caption, pd.DataFrame(rows), units={**shares, **points})


def _plane(results: Results, splits: Splits) -> list[Exhibit]:
    rows, points = [], []
    names = np.array(splits.card.classes)[splits.test.labels.numpy()]
    for arm, each in tables.scores(results, "points").items():
        shown = names[tables.scores(results, "shown")[arm][0].astype(np.int64)]
        own = {"x": each[0, :, 0], "y": each[0, :, 1], "class": shown}
        points.append(pd.DataFrame({"arm": arm, **own}))
        row: dict[str, object] = {"arm": arm}
        for name in ("plane", "full"):
            estimate = mean(tables.scores(results, f"hits_{name}")[arm])
            row |= tables.columns(f"10-NN accuracy, {name}", estimate)
        kept = mean(tables.scores(results, "preserved")[arm])
        row |= tables.columns("neighbours kept", kept)
        rows.append({**row, "seeds": len(each), "images": each.shape[1]})
    percent = dict.fromkeys(
        ("10-NN accuracy, plane", "10-NN accuracy, full", "neighbours kept"), "percent"
    )
    _, counts = np.unique(shown, return_counts=True)
    frame = pd.concat(points)
    return [
        Exhibit(
            "tsne-trust",
            "What the t-SNE keeps: accuracy of the ten nearest neighbours in the plane and in "
            "full dimension, and the share of neighbours kept; each seed trains and embeds anew. "
            f"Naming the largest class: {counts.max() / counts.sum():.1%}.",
            pd.DataFrame(rows),
            units=percent,
        ),
        Exhibit(
            "tsne",
            "t-SNE of the features of test images, seed 0. Distances between groups mean nothing.",
            frame,
            figures.plane(frame),
        ),
    ]


def _explanations(results: Results, test: Images) -> list[Exhibit]:
    maps = {arm: each[0] for arm, each in tables.scores(results, "maps").items()}
    chosen = next(iter(tables.scores(results, "explained").values()))[0]
    rows, curves = [], []
    both = [tables.scores(results, name) for name in ("deletion", "deletion_random")]
    for arm, agreement in tables.scores(results, "agreement").items():
        by_map, random = (each[arm].astype(float) for each in both)
        row: dict[str, object] = {"arm": arm}
        row |= tables.columns("agreement with a randomised network", mean(agreement))
        row |= tables.columns("area under deletion, by the map", mean(by_map.mean(2)))
        row |= tables.columns("at random", mean(random.mean(2)))
        gap = paired(random.mean(2), by_map.mean(2))
        row |= tables.columns("difference", gap)
        rows.append({**row, "seeds": len(agreement), "images": agreement.shape[1]})
        for order, each in (("by the map", by_map), ("at random", random)):
            for step in range(each.shape[2]):
                point = tables.columns("probability", mean(each[:, :, step], bounds=(0, 1)))
                gone = step / (each.shape[2] - 1)
                curves.append({"arm": arm, "order": order, "gone": gone, **point})
    return _drawn(pd.DataFrame(rows), pd.DataFrame(curves), maps, _pictures(test, chosen), chosen)


def _drawn(
    summary: pd.DataFrame,
    frame: pd.DataFrame,
    maps: dict[str, np.ndarray],
    pictures: np.ndarray,
    chosen: np.ndarray,
) -> list[Exhibit]:
    size = maps[next(iter(maps))].shape[1:]
    heat = pd.DataFrame(
        [
            (arm, int(i), float(m.mean()))
            for arm, each in maps.items()
            for i, m in zip(chosen, each, strict=True)
        ],
        columns=["arm", "test image", "mean attribution"],
    )
    return [
        Exhibit(
            "explanations",
            "Integrated gradients of melanoma's logit on melanomas of the test set. Agreement: "
            "Spearman's rho with the maps of the same network with random weights (a map that "
            "shows what was learned has little). Deletion: mean probability as pixels go, those "
            "that matter most first; a map worth its name lies below random order.",
            summary,
        ),
        Exhibit(
            "attributions",
            f"Integrated gradients, seed 0, {size[0]} x {size[1]} pixels, brighter matters more.",
            heat,
            figures.maps(pictures, {arm: each.astype(np.float32) for arm, each in maps.items()}),
        ),
        Exhibit(
            "deletion",
            "Probability of melanoma as pixels are replaced by the image's mean colour; band 95 %.",
            frame,
            figures.deletion(frame),
        ),
    ]


def _pictures(test: Images, chosen: np.ndarray) -> np.ndarray:
    pixels = test.take(torch.from_numpy(chosen)).tensor()
    return pixels.permute(0, 2, 3, 1).numpy()
