"""Numbers with intervals from labelled scores: seeds and images are paired by name."""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from core import dataset
from core.evaluation import comparisons, intervals
from core.evaluation.intervals import Estimate
from core.evaluation.verdicts import Decision, withheld
from reports.lessons import NotTestedError


def mean(values: xr.DataArray, bounds: tuple[float, float] | None = None) -> Estimate:
    """Estimate the mean of an arm's scores, (seed, image) or (seed,), over seeds and images.

    Raises NotTestedError where fewer than 2 are known: what is measured can be no number.
    """
    table = dataset.table(values).values
    if table.size < 2:
        raise NotTestedError(f"Of {values.size} scores {table.size} are numbers, 2 are needed.")
    return intervals.mean(table, bounds=bounds)


def share(hits: NDArray[np.bool_]) -> Estimate | None:
    """Estimate the share of images that are hit, (image,), with Wilson's limits; None of none."""
    return intervals.wilson(int(hits.sum()), len(hits)) if len(hits) else None


def paired(a: xr.DataArray, b: xr.DataArray) -> Estimate:
    """Estimate the mean of a - b over the seeds and images that both arms have.

    a, b: (seed, image) or (seed,). Raises ValueError where images are in one only, and
    NotTestedError where fewer than 2 seeds are in both: a study that broke off.
    """
    a, b = dataset.table(a), dataset.table(b)
    if (shared := np.isin(a["seed"], b["seed"]).sum()) < 2:
        raise NotTestedError(f"{shared} seeds are in both arms, 2 are needed.")
    first, second = dataset.aligned(a, b)
    return comparisons.paired(first.values, second.values)


def by_arm(values: xr.DataArray) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield every arm that was trained with its scores, (seed, ...)."""
    for arm in values["arm"].values.tolist():
        scores = values.sel(arm=arm)
        if scores["trained"].any():
            yield arm, scores


def unless_diverged(decision: Decision, study: xr.Dataset, arms: Sequence[str]) -> Decision:
    """Withhold what rests on arms of which some diverged on seeds on which others did not.

    Of one arm: where it diverged on some seeds and not on all. A network that diverged has no
    loss, and is wrong on every image.
    """
    if "test/loss" not in study or not arms:
        return decision
    lost = study["trained"] & study["test/loss"].isnull()
    factors = [dim for dim in lost.dims if dim not in ("arm", "seed")]
    first, *others = lost.any(factors).transpose("arm", ...).sel(arm=list(arms)).values
    for other in others or [np.full_like(first, first.all())]:
        decision = withheld(decision, first, other)
    return decision
