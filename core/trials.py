"""What a study is made of: trials, what each of them kept, and what they all share."""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

SCHEMA = 2
"""version of what is stored; a reader names and leaves out what another version wrote"""

Array = tuple[tuple[str, ...], NDArray[np.generic]]
"""(names of the dimensions, values); a dimension `image@cats` is `image`, its labels those that
the study keeps under `image@cats`"""


class DamagedError(Exception):
    """A record that is not what was written."""


@dataclass(frozen=True)
class Trial:
    """One training: an arm, a seed, and the levels of what else was varied."""

    arm: str
    seed: int
    factors: tuple[tuple[str, str | int | float], ...] = ()

    @property
    def key(self) -> str:
        """Return a text that identifies the trial within its study."""
        return "/".join([self.arm, str(self.seed), *(f"{k}={v}" for k, v in self.factors)])

    @property
    def levels(self) -> dict[str, str | int | float]:
        """Return factor -> level."""
        return dict(self.factors)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, which `Trial.of` reads back."""
        return {"arm": self.arm, "seed": self.seed, "factors": self.factors}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Trial":
        """Read what `as_dict` wrote."""
        levels = tuple((str(name), level) for name, level in values["factors"])
        return cls(str(values["arm"]), int(values["seed"]), levels)


@dataclass(frozen=True)
class Record:
    """What a trial keeps: all that judging and drawing may ask for."""

    metrics: dict[str, float]
    """`split/metric` -> value; one that is not finite is kept here and not shown by MLflow"""
    arrays: dict[str, Array] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    """`split/metric` -> value after each epoch, the first is epoch 1"""
    files: dict[str, bytes] = field(default_factory=dict)
    """file name -> content to look at in MLflow; no reader needs them"""

    def pack(self) -> bytes:
        """Return all but the files as one safetensors file."""
        facts = {
            "schema": SCHEMA,
            "metrics": self.metrics,
            "curves": self.curves,
            "dims": {name: dims for name, (dims, _) in self.arrays.items()},
        }
        return pack({name: values for name, (_, values) in self.arrays.items()}, facts)

    @classmethod
    def unpack(cls, content: bytes) -> "Record":
        """Read what `pack` wrote, bit by bit. Raises DamagedError."""
        arrays, facts = unpack(content)
        dims = {name: tuple(names) for name, names in facts["dims"].items()}
        return cls(
            facts["metrics"],
            {name: (dims[name], values) for name, values in arrays.items()},
            facts["curves"],
        )


@dataclass(frozen=True)
class Shared:
    """What all trials of a study share: labels of dimensions, true labels, small pictures."""

    coords: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """dimension -> its labels, such as the names of the test images"""
    arrays: dict[str, Array] = field(default_factory=dict)
    order: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """`arm` or a factor -> its levels as tables and figures list them, whichever were trained"""

    def pack(self) -> bytes:
        """Return one safetensors file."""
        facts = {
            "schema": SCHEMA,
            "coords": self.coords,
            "order": self.order,
            "dims": {name: dims for name, (dims, _) in self.arrays.items()},
        }
        return pack({name: values for name, (_, values) in self.arrays.items()}, facts)

    @classmethod
    def unpack(cls, content: bytes) -> "Shared":
        """Read what `pack` wrote. Raises DamagedError."""
        arrays, facts = unpack(content)
        return cls(
            {name: tuple(labels) for name, labels in facts["coords"].items()},
            {name: (tuple(facts["dims"][name]), values) for name, values in arrays.items()},
            {name: tuple(levels) for name, levels in facts["order"].items()},
        )


def pack(arrays: Mapping[str, NDArray[np.generic]], facts: Mapping[str, Any]) -> bytes:
    """Return arrays and facts (plain values) as one safetensors file with a checksum inside."""
    text = json.dumps(facts)
    kept = {name: np.asarray(values, order="C") for name, values in arrays.items()}
    return save(kept, metadata={"facts": text, "sha256": _checksum(kept, text)})


def unpack(content: bytes) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
    """Read what `pack` wrote. Raises DamagedError where a bit or the schema differs."""
    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        facts = json.loads(metadata["facts"])
        whole = metadata["sha256"] == _checksum(arrays, metadata["facts"])
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedError(f"no record ({' '.join(str(error).split())[:100]})") from error
    if not whole:
        raise DamagedError("its checksum does not match")
    if facts.get("schema") != SCHEMA:
        raise DamagedError(f"written in schema {facts.get('schema')}, wanted {SCHEMA}")
    return arrays, facts


def _checksum(arrays: Mapping[str, NDArray[np.generic]], text: str) -> str:
    digest = sha256(text.encode())
    for name in sorted(arrays):
        values = arrays[name]
        digest.update(repr((name, values.dtype.str, values.shape)).encode() + values.tobytes())
    return digest.hexdigest()


def programs(
    trials: Iterable[Trial], alike: Callable[[Trial], Hashable], at_most: int
) -> Iterator[list[Trial]]:
    """Divide trials into groups that train as one program.

    alike: trials in one group have the same value. at_most: trials in a group, but a seed's arms
    stay together. A group is a rectangle, every seed with the same arms, seed by seed, so that
    arms can share a seed's batches.
    """
    kinds: dict[Hashable, dict[int, list[Trial]]] = {}
    for trial in trials:
        kinds.setdefault(alike(trial), {}).setdefault(trial.seed, []).append(trial)
    for seeds in kinds.values():
        rectangles: dict[tuple[Hashable, ...], list[list[Trial]]] = {}
        for row in seeds.values():
            shape = tuple((trial.arm, trial.factors) for trial in row)
            rectangles.setdefault(shape, []).append(row)
        for rows in rectangles.values():
            chunk = max(1, at_most // len(rows[0]))
            for start in range(0, len(rows), chunk):
                yield [trial for row in rows[start : start + chunk] for trial in row]
