"""Tables over a study's trials: every number with its interval and n."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from core import dataset
from core.evaluation.comparisons import compare_all
from core.evaluation.intervals import Estimate
from reports.scores import by_arm, mean

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)


def columns(name: str, estimate: Estimate | None) -> dict[str, float]:
    """Return a number and its interval as three columns, NaN without an estimate."""
    values = (estimate.value, estimate.low, estimate.high) if estimate else (np.nan,) * 3
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, values), strict=True))


def arms(
    scores: Mapping[str, xr.DataArray],
    metrics: Mapping[str, xr.DataArray] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Summarise every arm: arm, each score and metric with its interval, seeds, images.

    scores: column -> (arm, seed, image). metrics: column -> (arm, seed); the mean is over the
    seeds whose value is finite. bounds: column -> its range.
    """
    first, ranges = next(iter(scores.values())), bounds or {}
    rows = []
    for arm, table in by_arm(first):
        shown = dataset.table(table)
        row: dict[str, Any] = {"arm": arm}
        for name, values in scores.items():
            row |= columns(name, mean(values.sel(arm=arm), ranges.get(name)))
        for name, values in (metrics or {}).items():
            row |= columns(name, finite_mean(values.sel(arm=arm), ranges.get(name)))
        rows.append({**row, "seeds": shown.sizes["seed"], "images": shown.shape[1]})
    return pd.DataFrame(rows)


def finite_mean(values: xr.DataArray, bounds: tuple[float, float] | None = None) -> Estimate | None:
    """Estimate the mean of a metric over the seeds where it is finite, if 2 or more are.

    bounds: its range; left out, at least 0 where no value is below.
    """
    finite = values.where(np.isfinite(values)).dropna("seed")
    if finite.sizes["seed"] < 2:
        return None
    positive = (0, np.inf) if bool((finite >= 0).all()) else None
    return mean(finite, bounds=bounds or positive)


def seeds(values: xr.DataArray, name: str) -> pd.DataFrame:
    """List the metric of every trial: arm, seed, name; values (arm, seed)."""
    frame = values.transpose("arm", "seed").to_dataframe(name).query("trained")
    return frame.reset_index()[["arm", "seed", name]]


def differences(values: xr.DataArray) -> pd.DataFrame:
    """Compare every pair of arms, see `compare_all`, over the seeds that all of them have.

    values: (arm, seed, image).
    """
    shared = values.isel(seed=np.flatnonzero(values["trained"].all("arm")))
    if shared.sizes["seed"] < 2 or shared.sizes["arm"] < 2:
        return pd.DataFrame(columns=["a", "b", "difference", "low", "high", "p", "p_holm"])
    return compare_all({arm: dataset.table(scores).values for arm, scores in by_arm(shared)})


def curves(values: xr.DataArray, points: int = 40) -> pd.DataFrame:
    """Average losses over stretches of steps: arm, seed, step, loss.

    values: (arm, seed, step). A stretch with a loss that is not finite is left out.
    """
    rows = []
    for arm, scores in by_arm(values):
        whole = dataset.table(scores)
        losses = whole.values.astype(np.float64)
        edges = np.linspace(0, losses.shape[1], min(points, losses.shape[1]) + 1).astype(int)
        sums = np.add.reduceat(losses, edges[:-1], axis=1)
        steps, means = edges[1:], sums / np.diff(edges)
        frame = pd.DataFrame(means.T, pd.Index(steps, name="step"), whole["seed"].values)
        long = frame.melt(ignore_index=False, var_name="seed", value_name="loss").reset_index()
        rows.append(long.assign(arm=arm))
    stretches = pd.concat(rows, ignore_index=True)[["arm", "seed", "step", "loss"]]
    return stretches[np.isfinite(stretches["loss"])]


def confusions(values: xr.DataArray) -> pd.DataFrame:
    """Add the confusion counts of an arm's seeds: arm, true, predicted, count, share of the row.

    values: (arm, seed, class, predicted).
    """
    rows = []
    for arm, counts in by_arm(values):
        total = counts.sum("seed").values
        shares = total / np.maximum(total.sum(1, keepdims=True), 1)
        names = counts["class"].values.tolist()
        rows += [
            (arm, true, predicted, int(total[i, j]), float(shares[i, j]))
            for i, true in enumerate(names)
            for j, predicted in enumerate(names)
        ]
    return pd.DataFrame(rows, columns=["arm", "true", "predicted", "count", "share"])


def unlike(frame: pd.DataFrame, most: int = 4, least: float = 0.05) -> list[str]:
    """Choose arms whose confusion matrices tell something: the best, then the furthest from those.

    frame: of `confusions`. Of two matrices the distance is the mean over true classes of the share
    that is predicted otherwise; nearer ones than least show nothing new.
    """
    wide = frame.pivot_table(index="arm", columns=["true", "predicted"], values="share", sort=False)
    n_classes, same = frame["true"].nunique(), [true == named for true, named in wide.columns]
    chosen = [str(wide.loc[:, same].sum(axis=1).idxmax())]
    while len(chosen) < most:
        apart = [(wide - wide.loc[arm]).abs().sum(axis=1) / (2 * n_classes) for arm in chosen]
        furthest = pd.concat(apart, axis=1).min(axis=1)
        if furthest.max() < least:
            break
        chosen.append(str(furthest.idxmax()))
    return chosen


def quantiles(values: xr.DataArray) -> pd.DataFrame:
    """Read quantiles off stored histograms: arm, layer, 2.5 %, 25 %, 50 %, 75 %, 97.5 %.

    values: (arm, layer, part, bin), parts `centre` and `density`; arms without one are left out. A
    quantile is known to the width of a bin.
    """
    rows, parts = [], values.sel(part=["centre", "density"])
    both = parts.transpose("arm", "layer", "part", "bin").values
    for arm, layers in zip(values["arm"].values.tolist(), both, strict=True):
        for layer, (centres, density) in zip(values["layer"].values.tolist(), layers, strict=True):
            if np.isfinite(centres).all():
                below = np.cumsum(density) / density.sum()
                places = np.searchsorted(below, QUANTILES).clip(max=len(centres) - 1)
                rows.append((arm, f"layer {layer + 1}", *centres[places]))
    return pd.DataFrame(rows, columns=["arm", "layer", *(f"{100 * q:g} %" for q in QUANTILES)])
