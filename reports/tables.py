"""Tables over a study's results: every number with its interval and n."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.evaluation.intervals import Estimate, mean
from core.results import Result, Trial

Results = Mapping[Trial, Result]


def scores(results: Results, name: str) -> dict[str, NDArray[np.generic]]:
    """Stack an array of every trial: arm -> (seeds, ...), arms and seeds in the study's order."""
    rows: dict[str, list[NDArray[np.generic]]] = {}
    for trial, result in results.items():
        rows.setdefault(trial.arm, []).append(result.arrays[name])
    return {arm: np.stack(each) for arm, each in rows.items()}


def metric(results: Results, name: str) -> dict[str, NDArray[np.float64]]:
    """Collect a metric of every trial: arm -> (seeds,) float64, NaN where it is missing."""
    rows: dict[str, list[float]] = {}
    for trial, result in results.items():
        rows.setdefault(trial.arm, []).append(result.metrics.get(name, np.nan))
    return {arm: np.array(each) for arm, each in rows.items()}


def columns(name: str, estimate: Estimate | None) -> dict[str, float]:
    """Return a number and its interval as three columns, NaN without an estimate."""
    values = (estimate.value, estimate.low, estimate.high) if estimate else (np.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, values), strict=True))


def arms(results: Results) -> pd.DataFrame:
    """Summarise every arm: test accuracy with dropout off and on, test loss, n, diverged, seconds.

    Accuracies are fractions. The loss is the mean over the seeds that did not diverge.
    """
    hits, noisy = scores(results, "correct"), scores(results, "correct_dropout")
    losses, diverged = metric(results, "test/loss"), metric(results, "diverged_at")
    rows = []
    for arm, table in hits.items():
        finite = losses[arm][np.isfinite(losses[arm])]
        loss = mean(finite[:, None], bounds=(0, np.inf)) if len(finite) > 1 else None
        rows.append(
            {
                "arm": arm,
                **columns("accuracy", mean(table)),
                **columns("accuracy, dropout on", mean(noisy[arm])),
                **columns("loss", loss),
                "seeds": len(table),
                "images": table.shape[1],
                "diverged": int(np.isfinite(diverged[arm]).sum()),
            }
        )
    return pd.DataFrame(rows)


def seeds(results: Results) -> pd.DataFrame:
    """List every trial's test accuracy: arm, seed, accuracy."""
    rows = [
        {"arm": trial.arm, "seed": trial.seed, "accuracy": result.metrics["test/accuracy"]}
        for trial, result in results.items()
    ]
    return pd.DataFrame(rows)


def curves(results: Results, points: int = 40) -> pd.DataFrame:
    """Average the training loss over stretches of steps: arm, step, seed, loss.

    A stretch with a loss that is not finite is left out.
    """
    rows = []
    for arm, table in scores(results, "step_losses").items():
        edges = np.linspace(0, table.shape[1], min(points, table.shape[1]) + 1).astype(int)
        sums = np.add.reduceat(table.astype(np.float64), edges[:-1], axis=1)
        steps, means = edges[1:], sums / np.diff(edges)
        frame = pd.DataFrame(means.T, index=pd.Index(steps, name="step"))
        long = frame.melt(ignore_index=False, var_name="seed", value_name="loss").reset_index()
        rows.append(long.assign(arm=arm))
    found = pd.concat(rows, ignore_index=True)[["arm", "seed", "step", "loss"]]
    return found[np.isfinite(found["loss"])]


def confusions(results: Results, classes: Sequence[str]) -> pd.DataFrame:
    """Add the confusion counts of an arm's seeds: arm, true, predicted, count, share of the row."""
    rows = []
    for arm, tables in scores(results, "confusion").items():
        counts = tables.sum(0)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        for index, true in enumerate(classes):
            for column, predicted in enumerate(classes):
                cell = (int(counts[index, column]), float(shares[index, column]))
                rows.append((arm, true, predicted, *cell))
    return pd.DataFrame(rows, columns=["arm", "true", "predicted", "count", "share"])


def confusion_table(counts: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """Label confusion counts: true classes down, predicted across."""
    return pd.DataFrame(
        counts, index=pd.Index(classes, name="true \\ predicted"), columns=list(classes)
    )


def histograms(samples: Mapping[tuple[str, str], NDArray[np.float32]], bins: int) -> pd.DataFrame:
    """Bin the values of every (arm, layer): arm, layer, centre, width, density.

    The range of a histogram is that of its own values, widened where they are all equal.
    """
    rows = []
    for (arm, layer), values in samples.items():
        low, high = float(values.min()), float(values.max())
        room = 0.5 if low == high else 0.0
        density, edges = np.histogram(values, bins, (low - room, high + room), density=True)
        centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        rows += [(arm, layer, *row) for row in zip(centres, widths, density, strict=True)]
    return pd.DataFrame(rows, columns=["arm", "layer", "centre", "width", "density"])
