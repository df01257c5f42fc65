"""Train a logged trial again from its own recorded options, and compare every number."""

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import tyro

from core.config import FolderPath, Settled, check_options
from core.errors import UserError

TIME = "seconds"  # metric and array that no two runs share


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which trial to repeat."""

    run_id: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_ID")]
    """id of a complete trial, as MLflow shows it"""
    data_root: Settled[FolderPath] = None
    """where the real data lies now (default: where it lay)"""

    def __post_init__(self) -> None:
        check_options(self)


def main(config: Config) -> None:
    """Repeat the trial in a store of its own; exit with 1 if a number differs."""
    from core.results import FILE, Result
    from core.tracking import Store

    with tempfile.TemporaryDirectory() as folder:
        first = _trial(Store(), config.run_id, Path(folder, "first"))
        options = first.options
        if config.data_root and "data" in options:
            options["data"]["data_root"] = str(config.data_root)
        second = _repeat(first, options, Path(folder, "second"))
        found = [
            *_differences(first.metrics, second.metrics),
            *_array_differences(*(Result.load(each.folder / FILE) for each in (first, second))),
        ]
        changes = list(_changes(first, second))
    print(f"{first.key} of {first.script.name}: {len(first.metrics)} logged values")
    print("\n".join(f"  changed since: {line}" for line in changes) or "  nothing changed since")
    print("\n".join(f"  {line}" for line in found) or "identical")
    sys.exit(1 if found else 0)


@dataclass(frozen=True)
class _Logged:
    """A trial as the store has it."""

    key: str
    script: Path
    options: dict[str, Any]
    metrics: dict[tuple[str, int], float]
    circumstances: dict[str, str]
    """commit, device, data and the version of every package"""
    folder: Path


def _trial(store: Any, run_id: str, folder: Path) -> _Logged:
    """Fetch what is known of a complete trial and of its study."""
    from core import provenance

    run = store.run(run_id)
    if run.tags.get("role") != "trial" or run.tags.get("complete") != "true":
        role = run.tags.get("role", "run of something else")
        raise UserError(
            f"run_id {run_id}: a {role} that is {run.status}; a complete trial is wanted"
        )
    study = store.run(run.tags["mlflow.parentRunId"])
    folder.mkdir()
    store.fetch(run_id, "result.safetensors", folder)
    place = store.fetch(study.id, "provenance", folder)
    versions = (line.split("==", 1) for line in (place / "versions.txt").read_text().split())
    card = json.loads((place / "data.json").read_text())
    return _Logged(
        key=run.tags["trial"],
        script=provenance.ROOT / "experiments" / run.tags["mlflow.source.name"],
        options=json.loads((place / "config.json").read_text()),
        metrics=store.metrics(run_id),
        circumstances={
            "commit": study.tags.get("mlflow.source.git.commit", ""),
            "uncommitted changes": study.tags.get("mlflow.source.git.dirty", ""),
            "device": study.tags.get("device", ""),
            "data": card["fingerprint"],
            **dict(versions),
        },
        folder=folder,
    )


def _repeat(first: _Logged, options: dict[str, Any], folder: Path) -> _Logged:
    """Run the experiment for this trial alone, in an empty store."""
    from pydantic import TypeAdapter, ValidationError

    from core.study import ONLY, Repeated
    from core.tracking import Store

    experiment = _load(first.script)
    try:
        config = TypeAdapter(experiment.Config).validate_python(options)
    except ValidationError as error:
        name, said = error.errors()[0]["loc"], error.errors()[0]["msg"]
        option = ".".join(map(str, name))
        raise UserError(
            f"run_id: {option} was logged, and {first.script.name} takes it no more: {said}"
        ) from error
    folder.mkdir()
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    token = ONLY.set(first.key)
    try:
        experiment.main(config)
    except Repeated:
        store = Store()
        (run,) = store.runs(f"tags.role = 'trial' AND tags.trial = '{first.key}'")
        return _trial(store, run.id, folder / "trial")
    finally:
        ONLY.reset(token)
        os.environ.pop("MLFLOW_TRACKING_URI")
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
    raise UserError(f"run_id: {first.script.name} has no trial {first.key} any more")


def _load(script: Path) -> ModuleType:
    if not script.is_file():
        raise UserError(f"run_id: its experiment {script.name} is not in this checkout")
    spec = importlib.util.spec_from_file_location(f"experiments.{script.stem}", script)
    if spec is None or spec.loader is None:
        raise UserError(f"run_id: its experiment {script.name} cannot be loaded")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _differences(
    first: dict[tuple[str, int], float], second: dict[tuple[str, int], float]
) -> Iterator[str]:
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        name, step = key
        if one != other and name != TIME:
            yield f"{name} at step {step}: {one} logged, {other} now"


def _array_differences(first: Any, second: Any) -> Iterator[str]:
    import numpy as np

    for name in sorted(first.arrays.keys() | second.arrays.keys()):
        one, other = first.arrays.get(name), second.arrays.get(name)
        if name == TIME:
            continue
        if one is None or other is None or one.shape != other.shape:
            yield f"array {name}: {getattr(one, 'shape', None)} and {getattr(other, 'shape', None)}"
        elif not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            yield f"array {name}: {int((one != other).sum())} of {one.size} values differ"


def _changes(first: _Logged, second: _Logged) -> Iterator[str]:
    for name in sorted(first.circumstances.keys() | second.circumstances.keys()):
        one, other = (each.circumstances.get(name) for each in (first, second))
        if one != other:
            yield f"{name}: {one}, now {other}"
