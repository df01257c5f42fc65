"""Train a logged trial again from its own recorded options, and compare every number."""

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from core.config import FolderPath, Settled
from core.errors import UserError

if TYPE_CHECKING:
    from core.store import Run, Store
    from core.trials import Record, Trial

TIME = "seconds"  # `seconds` and `seconds/...`: no two runs share them
PROVENANCE = ("config.json", "data.json", "versions.txt")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which trial to repeat."""

    run_id: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_ID")]
    """id of a complete trial, as MLflow shows it"""
    data_root: Settled[FolderPath] = None
    """where the real data lies now (default: where it lay)"""


def main(config: Config) -> None:
    """Repeat the trial in a store of its own; exit with 1 if a number differs."""
    from core.store import Store

    with tempfile.TemporaryDirectory() as folder:
        first = _logged(Store(), config.run_id)
        options = first.options
        if config.data_root:
            place = options if "data_root" in options else options["data"]
            place["data_root"] = str(config.data_root)
        second = _repeat(first, options, Path(folder))
        differences = [
            *_differences(first.metrics, second.metrics),
            *_array_differences(first.record, second.record),
        ]
        changes = list(_changes(first, second))
    print(f"{first.trial.key} of {first.script.name}: {len(first.metrics)} logged values")
    print("\n".join(f"  changed since: {line}" for line in changes) or "  nothing changed since")
    print("\n".join(f"  {line}" for line in differences) or "identical")
    sys.exit(1 if differences else 0)


@dataclass(frozen=True)
class _Logged:
    """A trial as the store has it."""

    trial: "Trial"
    group: "list[Trial]"
    """the trials that were trained with it as one program"""
    script: Path
    options: dict[str, Any]
    metrics: dict[tuple[str, int], float]
    record: "Record"
    circumstances: dict[str, str]
    """commit, device, data and the version of every package"""


def _logged(store: "Store", run_id: str) -> _Logged:
    """Read what is known of a complete trial and of its study."""
    from core.archive import DAMAGE

    run = store.run(run_id)
    if run.tags.get("role") != "trial" or run.tags.get("complete") != "true":
        role = run.tags.get("role", "run of something else")
        raise UserError(
            f"run_id {run_id}: a {role} that is {run.status}; a complete trial is wanted"
        )
    try:
        return _read(store, run)
    except DAMAGE as error:
        raise UserError(f"run_id {run_id}: cannot be read: {error}") from error


def _read(store: "Store", run: "Run") -> _Logged:
    from core import archive, provenance
    from core.trials import Trial

    (study,) = store.runs(f"tags.role = 'study' AND tags.study_key = '{run.tags['study_key']}'")
    trial, record, group = archive.read(store, run)
    curves = {name: store.histories([run.id], name)[run.id] for name in run.metrics}
    texts = {name: store.read(study, f"study/{name}").decode() for name in PROVENANCE}
    script = Path(run.tags["mlflow.source.name"]).name  # of this repository's experiments only
    versions = (line.split("==", 1) for line in texts["versions.txt"].split())
    return _Logged(
        trial=trial,
        group=[Trial.of(member) for member in group],
        script=provenance.ROOT / "experiments" / script,
        options=json.loads(texts["config.json"]),
        metrics={(name, i): value for name in curves for i, value in curves[name].items()},
        record=record,
        circumstances={
            "commit": run.tags.get("mlflow.source.git.commit", ""),
            "uncommitted changes": run.tags.get("mlflow.source.git.dirty", ""),
            "device": study.tags.get("device", ""),
            "data": json.loads(texts["data.json"])["fingerprint"],
            **dict(versions),
        },
    )


def _repeat(first: _Logged, options: dict[str, Any], folder: Path) -> _Logged:
    """Run the experiment for this trial's program alone, in an empty store."""
    from pydantic import TypeAdapter, ValidationError

    from core.store import Store
    from core.study import ONLY, Repeated

    if not first.script.is_file():
        raise UserError(f"run_id: its experiment {first.script.name} is not in this checkout")
    experiment = importlib.import_module(f"experiments.{first.script.stem}")
    try:
        config = TypeAdapter(experiment.Config).validate_python(options)
    except ValidationError as error:
        name, said = error.errors()[0]["loc"], error.errors()[0]["msg"]
        option = ".".join(map(str, name))
        raise UserError(
            f"run_id: {option} was logged, and {first.script.name} takes it no more: {said}"
        ) from error
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    token = ONLY.set(first.group)
    try:
        experiment.main(config)
    except Repeated:
        store = Store()
        runs = store.runs("tags.role = 'trial'")
        (run,) = [run for run in runs if run.tags["trial"] == first.trial.key]
        return _logged(store, run.id)
    finally:
        ONLY.reset(token)
        os.environ.pop("MLFLOW_TRACKING_URI")
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
    raise UserError(f"run_id: {first.script.name} trains no trial")


def _differences(
    first: dict[tuple[str, int], float], second: dict[tuple[str, int], float]
) -> Iterator[str]:
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        name, step = key
        if one != other and name.partition("/")[0] != TIME:
            yield f"{name} at step {step}: {one} logged, {other} now"


def _array_differences(first: "Record", second: "Record") -> Iterator[str]:
    import numpy as np

    for name in sorted(first.arrays.keys() | second.arrays.keys()):
        if name.partition("/")[0] == TIME:
            continue
        if name not in first.arrays or name not in second.arrays:
            yield f"array {name}: in one of them only"
            continue
        (dims, one), (other_dims, other) = first.arrays[name], second.arrays[name]
        if dims != other_dims or one.shape != other.shape:
            yield f"array {name}: {dims} {one.shape} logged, {other_dims} {other.shape} now"
        elif not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            yield f"array {name}: {int((one != other).sum())} of {one.size} values differ"


def _changes(first: _Logged, second: _Logged) -> Iterator[str]:
    for name in sorted(first.circumstances.keys() | second.circumstances.keys()):
        one, other = (logged.circumstances.get(name) for logged in (first, second))
        if one != other:
            yield f"{name}: {one}, now {other}"
