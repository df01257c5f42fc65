"""Tables and figures of the study of transfer regimes."""

import numpy as np
import pandas as pd
from core.results import Exhibit

from core.data.tasks import Task, Tasks
from core.evaluation.comparisons import paired
from core.evaluation.intervals import mean, wilson
from core.evaluation.ranking import ranks
from core.models.regimes import COURSE, STRATEGIES
from reports import tables
from reports.tables import Results, columns
from reports.transfer import figures
from reports.transfer.findings import FOUR, by_cell

NEAR = 0.02
"""advice is right if what it recommends is at most this much worse than the best of the four"""
SAID = {"statistics": "mean and variance"}
GAINS = {
    "fine-tune - scratch": ("fine-tune", "scratch"),
    "mean and variance - scratch": ("statistics", "scratch"),
    "shuffled - scratch": ("shuffled", "scratch"),
    "fine-tune - mean and variance": ("fine-tune", "statistics"),
}


def exhibits(results: Results, data: Tasks) -> list[Exhibit]:
    """Draw the tables and figures."""
    cells = by_cell(results)
    return [*_cells(cells, data), _depth(cells), _gains(cells), _advice(cells)]


def _cells(cells: dict[tuple[str, str], Results], data: Tasks) -> list[Exhibit]:
    naive = {task.name: _largest(task) for task in data.cells}
    rows, places, dots = [], [], []
    for cell, own in cells.items():
        hits, rates = tables.scores(own, "correct"), tables.metric(own, "trained/lr")
        for arm, table in hits.items():
            name = {"cell": ", ".join(cell), "arm": SAID.get(arm, arm)}
            dots += [{**name, "accuracy": float(value)} for value in table.mean(1)]
            row = {**name, **columns("accuracy", mean(table))}
            course = "recommended" if COURSE[cell] == arm else ""
            row |= {"course": course, "learning rate": float(rates[arm][0])}
            rows.append({**row, "seeds": len(table), "images": table.shape[1]})
        ranked = ranks({arm: hits[arm] for arm in FOUR}).drop(columns="score")
        ranked.insert(0, "cell", ", ".join(cell))
        ranked["course"] = np.where(ranked["arm"] == COURSE[cell], "recommended", "")
        places.append(ranked)
    frame, order = pd.DataFrame(rows), pd.concat(places, ignore_index=True)
    seeds = int(frame["seeds"].max())
    drawn = (
        f"Test accuracy of every strategy and control in the four cells: mean over {seeds} seeds, "
        "95 % interval over seeds and images. Grey: every seed; orange: the course's choice; "
        "dashed: the share of the largest class of the test images, at "
        f"{' and '.join(f'{share:.1%}' for share in dict.fromkeys(naive.values()))}."
    )
    ranking = (
        "The course's four strategies: rank by mean accuracy (1 the best), and regret, what a "
        "strategy lacks to the best of the others (negative: its lead). 95 % intervals of a "
        "bootstrap over seeds and images."
    )
    percent = {"accuracy": "percent"}
    return [
        Exhibit("cells", drawn, frame, figures.cells(frame, pd.DataFrame(dots), naive), percent),
        Exhibit("ranks", ranking, order, units={"regret": "points"}),
    ]


def _largest(task: Task) -> float:
    """Return the largest class's share of the test images; training images may be balanced."""
    return float(task.test.labels.bincount().max() / len(task.test))


def _depth(cells: dict[tuple[str, str], Results]) -> Exhibit:
    rows = []
    for cell, own in cells.items():
        for arm, table in tables.scores(own, "correct").items():
            if STRATEGIES[arm].frozen:
                row = {"cell": ", ".join(cell), "stages kept": STRATEGIES[arm].stages}
                rows.append({**row, **columns("accuracy", mean(table)), "seeds": len(table)})
    frame = pd.DataFrame(rows).sort_values(["cell", "stages kept"], kind="stable")
    caption = (
        "Test accuracy of a new head on the first stages of the frozen network, by how many are "
        "kept; 95 % interval over seeds and images."
    )
    return Exhibit("depth", caption, frame, figures.depth(frame), {"accuracy": "percent"})


def _gains(cells: dict[tuple[str, str], Results]) -> Exhibit:
    rows = []
    for cell, own in cells.items():
        hits = tables.scores(own, "correct")
        for name, (a, b) in GAINS.items():
            gap = paired(hits[a], hits[b])
            row = {"cell": ", ".join(cell), "comparison": name, **columns("difference", gap)}
            rows.append({**row, "seeds": gap.n_seeds, "images": gap.n_images})
    caption = (
        "The gain of pretrained weights over random ones, and the part of it that their mean and "
        "variance, or their values in random order, give without any feature: paired differences "
        "of test accuracy, 95 % interval over seeds and images."
    )
    points = dict.fromkeys(("difference", "difference_low", "difference_high"), "points")
    return Exhibit("gains", caption, pd.DataFrame(rows), units=points)


def _advice(cells: dict[tuple[str, str], Results]) -> Exhibit:
    """Set the advice of every cell and seed beside what happened there."""
    rows, right, n = [], 0, 0
    for cell, own in cells.items():
        accuracy = {a: v.mean() for a, v in tables.scores(own, "correct").items() if a in FOUR}
        best = max(accuracy.values())
        heads = {trial: result for trial, result in own.items() if trial.arm == "head"}
        advice = tables.scores(heads, "advice")["head"]
        names = [list(STRATEGIES)[int(code)] for code in advice[:, 0]]
        hits = sum(bool(accuracy[name] >= best - NEAR) for name in names)
        probes = tables.scores(heads, "probes")["head"].mean(0)
        rows.append(
            {
                "cell": ", ".join(cell),
                "images a class": float(advice[0, 2]),
                **{f"probe, stage {i}": float(p) for i, p in enumerate(probes, 1)},
                "feature distance": float(advice[:, 1].mean()),
                "advised": ", ".join(f"{a} x {names.count(a)}" for a in dict.fromkeys(names)),
                "best of the four": max(accuracy, key=accuracy.__getitem__),
                "course": COURSE[cell],
                **columns("advice right", wilson(hits, len(names))),
                "seeds": len(names),
            }
        )
        right, n = right + hits, n + len(names)
    share = wilson(right, n)
    caption = (
        "The advisor, from training images alone: cross-validated linear probes on each stage of "
        "the pretrained network, distance of the mean deep feature in deviations of the source's. "
        f"Its advice is right within {100 * NEAR:.0f} points of the best in {right} of {n} cases "
        f"({share.value:.0%}, {share.low:.0%} to {share.high:.0%}, if cases were independent)."
    )
    probes_ = {f"probe, stage {i}": "percent" for i in (1, 2, 3)}
    shares = dict.fromkeys(("advice right", "advice right_low", "advice right_high"), "percent")
    return Exhibit("advice", caption, pd.DataFrame(rows), units={**probes_, **shares})
