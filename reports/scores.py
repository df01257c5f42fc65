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

    Raises NotTestedError where fewer than 2 are known, as what is measured can be no number, and
    where all are of one image.
    """
    table = dataset.table(values)
    if table.size < 2:
        raise NotTestedError(f"Of {values.size} scores {table.size} are numbers, 2 are needed.")
    _check_images(values, table)
    return intervals.mean(table.values, bounds=bounds)


def _check_images(values: xr.DataArray, table: xr.DataArray) -> None:
    """Raise NotTestedError for one image, or it would pass for one number a seed."""
    if values.ndim > 1 and table.shape[1] == 1:
        raise NotTestedError("There is 1 image, 2 are needed.")


def share(hits: NDArray[np.bool_]) -> Estimate | None:
    """Estimate the share of images that are hit, (image,), with Wilson's limits; None of none."""
    return intervals.wilson(int(hits.sum()), len(hits)) if len(hits) else None


def paired(a: xr.DataArray, b: xr.DataArray) -> Estimate:
    """Estimate the mean of a - b over the seeds and images that both arms have.

    a, b: (seed, image) or (seed,). Raises ValueError where images are in one only, and
    NotTestedError where fewer than 2 seeds are in both, a study that broke off, or one image.
    """
    ours, theirs = dataset.table(a), dataset.table(b)
    if (shared := np.isin(ours["seed"], theirs["seed"]).sum()) < 2:
        raise NotTestedError(f"{shared} seeds are in both arms, 2 are needed.")
    _check_images(a, ours)
    first, second = dataset.aligned(ours, theirs)
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
