"""From the trials of a study to one labelled dataset: (arm, seed, factors, ...), aligned by name.

Every metric is a variable with the dimensions of the trials; every array has its own behind them.
Labels decide what stands beside what: what a trial lacks is NaN, and what has no label in common
is named in an error, never paired by its position.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core.trials import Array, Record, Shared, Trial


class _Labels:
    """The labels of every dimension that arrays name, and where an array's values go."""

    def __init__(self, arrays: Iterable[Array], shared: Shared) -> None:
        self._named = {key: pd.Index(names, dtype=object) for key, names in shared.coords.items()}
        self.of: dict[str, pd.Index] = {}
        self._places: dict[tuple[str, int], NDArray[np.intp]] = {}
        pairs = [(key, len(names)) for key, names in shared.coords.items()]
        pairs += [p for dims, values in arrays for p in zip(dims, values.shape, strict=True)]
        for key, size in dict.fromkeys(pairs):
            name, labels = dimension(key), self._labels(key, size)
            known = self.of.get(name, labels)
            longer = max(known, labels, key=len)  # of numbered ones, the shorter is part of it
            named = key in self._named and not known.equals(labels)
            self.of[name] = known.union(labels, sort=False) if named else longer

    def _labels(self, key: str, size: int) -> pd.Index:
        """Return the labels of an array's dimension: names, or numbers from 0, epochs from 1."""
        if key not in self._named:
            first = 1 if key == "epoch" else 0
            return pd.RangeIndex(first, first + size)
        labels = self._named[key]
        if len(labels) != size or not labels.is_unique:
            wanted = f"one for each of its {labels.nunique()} labels"
            raise ValueError(f"{key}: {size} values and {len(labels)} labels, wanted {wanted}")
        return labels

    def places(self, key: str, size: int) -> NDArray[np.intp]:
        """Return the positions of an array's values along their dimension."""
        if (key, size) not in self._places:
            labels = self._labels(key, size)
            self._places[key, size] = self.of[dimension(key)].get_indexer(labels)
        return self._places[key, size]


def dimension(key: str) -> str:
    """Return the dimension that an array's `image@cats` names."""
    return key.partition("@")[0]


def build(
    records: Sequence[tuple[Trial, Record]], shared: Shared, attrs: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """Return the labelled dataset of a study's trials, 1 or more.

    Dimensions: `arm`, `seed`, the trials' factors, and those that arrays name. The coordinate
    `trained` (arm, seed, factors) bool tells which trials there are. A variable keeps its dtype
    where every trial has it; else it is float, NaN where there is none (pictures, uint8 (...,
    channel), stay bytes, black where there is none). Curves have the dimension `epoch`, from 1.
    Raises ValueError where two trials differ in an array's dimensions or in their factors, and
    where the labels of a dimension do not fit an array.
    """
    axes = _axes([trial for trial, _ in records], shared.order)
    places = [_place(trial, axes) for trial, _ in records]
    sizes = tuple(len(levels) for levels in axes.values())
    arrays: dict[str, list[tuple[tuple[int, ...], Array]]] = {}
    for place, (_, record) in zip(places, records, strict=True):
        for name, array in _arrays(record):
            arrays.setdefault(name, []).append((place, array))
    every = [array for parts in arrays.values() for _, array in parts]
    labels = _Labels([*every, *shared.arrays.values()], shared)
    variables = {
        name: _stack(name, parts, tuple(axes), sizes, labels) for name, parts in arrays.items()
    }
    of_all: dict[str, list[tuple[tuple[int, ...], Array]]] = {}
    for name, array in shared.arrays.items():  # `label@cats` and `label@dogs` are one variable
        of_all.setdefault(dimension(name), []).append(((), array))
    variables |= {name: _stack(name, parts, (), (), labels) for name, parts in of_all.items()}
    trained = np.zeros(sizes, dtype=bool)
    trained[tuple(np.array(places).T)] = True
    coords = {**axes, **labels.of, "trained": (tuple(axes), trained)}
    return xr.Dataset(variables, coords, dict(attrs or {}))


def _axes(trials: Sequence[Trial], order: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    """Return the levels of arm, seed and factors, as `order` lists them, seeds by number."""
    names = {tuple(name for name, _ in trial.factors) for trial in trials}
    if len(names) > 1:
        raise ValueError(f"trials: factors {sorted(names)}, wanted the same in all")
    levels: dict[str, dict[Any, None]] = {"arm": {}, "seed": {}}
    for trial in trials:
        for name, level in (("arm", trial.arm), ("seed", trial.seed), *trial.factors):
            levels.setdefault(name, {})[level] = None
    known = {name: {level: i for i, level in enumerate(seq)} for name, seq in order.items()}
    axes = {}
    for name, seen in levels.items():
        rank = known.get(name, {})
        numbers = all(isinstance(level, int | float) for level in seen)
        axes[name] = sorted(seen, key=lambda x: x if numbers else rank.get(x, len(rank)))
    return axes


def _place(trial: Trial, axes: Mapping[str, Sequence[Any]]) -> tuple[int, ...]:
    levels = {"arm": trial.arm, "seed": trial.seed, **trial.levels}
    return tuple(axis.index(levels[name]) for name, axis in axes.items())


def _arrays(record: Record) -> Iterable[tuple[str, Array]]:
    for name, value in record.metrics.items():
        yield name, ((), np.asarray(value, dtype=np.float64))
    for name, values in record.curves.items():
        yield name, (("epoch",), np.asarray(values, dtype=np.float64))
    yield from record.arrays.items()


def _stack(
    name: str,
    parts: Sequence[tuple[tuple[int, ...], Array]],
    axes: tuple[str, ...],
    sizes: tuple[int, ...],
    labels: _Labels,
) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Put the arrays of all trials into one, each value at its labels."""
    names = {tuple(map(dimension, dims)) for _, (dims, _) in parts}
    if len(names) > 1:
        raise ValueError(f"{name}: dimensions {sorted(names)}, wanted the same in all trials")
    (dims,) = names
    shape = (*sizes, *(len(labels.of[dim]) for dim in dims))
    dtype = np.result_type(*(values.dtype for _, (_, values) in parts))
    whole = math.prod(shape) == sum(values.size for _, (_, values) in parts)
    if whole or (dtype == np.uint8 and dims[-1:] == ("channel",)):
        stacked = np.zeros(shape, dtype)  # takes no memory until it is filled
    else:
        dtype = dtype if dtype.kind == "f" else np.result_type(dtype, np.float32)
        stacked = np.full(shape, np.nan, dtype)
    for place, (keys, values) in parts:
        if keys:
            index = [labels.places(*pair) for pair in zip(keys, values.shape, strict=True)]
            stacked[place][np.ix_(*index)] = values
        else:
            stacked[place] = values
    return (*axes, *dims), stacked


def table(values: xr.DataArray) -> xr.DataArray:
    """Return scores as (seed, image): of the seeds that were trained and measured.

    values: (seed, image), or (seed,), which becomes (seed, 1). Images that none of them has are
    left out. Raises ValueError where another dimension is left.
    """
    rest = [dim for dim in values.dims if dim != "seed"]
    if len(rest) > 1 or "seed" not in values.dims:
        raise ValueError(f"{values.name}: dimensions {values.dims}, wanted seed and one more")
    values = values.transpose("seed", *rest)
    known = pd.notna(values.values)
    measured = known.any(axis=1) if rest else known
    if "trained" in values.coords:  # else a difference of arms, of which not all have every seed
        trained = values["trained"].values
        measured = trained & measured if rest else trained
    values = _only(values, "seed", measured)
    if not rest:
        return values.expand_dims("once", axis=1)
    return _only(values, rest[0], known[measured].any(axis=0))


def _only(values: xr.DataArray, dim: Hashable, wanted: NDArray[np.bool_]) -> xr.DataArray:
    """Take a part of a dimension; all of it as it is, as reports do this a thousand times."""
    return values if wanted.all() else values.isel({dim: np.flatnonzero(wanted)})


def aligned(a: xr.DataArray, b: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Pair two arms: the seeds that both have, and exactly the same images, in the same order.

    a, b: as `table` takes them. Raises ValueError where a label of an image is in one only, naming
    it, and where no seed is in both.
    """
    first, second = table(a), table(b)
    dim = first.dims[1]
    if second.dims[1] != dim:
        raise ValueError(f"{dim}, {second.dims[1]}: wanted the same dimension")
    if dim in first.coords and dim in second.coords:
        alone = sorted(set(first[dim].values.tolist()) ^ set(second[dim].values.tolist()))
        if alone:
            raise ValueError(f"{dim} {alone[0]}: in one arm only, as are {len(alone) - 1} more")
    first, second = xr.align(first, second, join="inner")
    if not first.sizes["seed"]:
        raise ValueError("seed: none is in both arms")
    return first, second
