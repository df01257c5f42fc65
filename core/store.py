"""Runs in MLflow's store, written and found. Stores of other people are opened read only.

What a study keeps here is in `core.outbox`, which sends it, `core.archive`, which reads it, and
`core.study`.
"""

import difflib
import errno
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from core import provenance
from core.errors import UserError
from core.tracking import NO_START, Connection, guarded  # sets what MLflow reads when imported

# isort: split
import mlflow
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

BATCH = 1000  # MLflow's limit of metrics in one log_batch
RUNS = 100  # a call for histories: SQLite takes 999 in an older release
HAS_START = "attributes.start_time < 9000000000000000000"
LARGEST = 1e308  # MLflow keeps infinity as 1.797e308


@dataclass(frozen=True)
class Run:
    """What the store knows of a run."""

    id: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED"""
    tags: dict[str, str]
    started: float
    """seconds since 1970"""
    artifacts: str
    """address of its artifacts"""
    name: str = ""
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, tuple[int, float]] = field(default_factory=dict)
    """metric -> step and value, of its last step; NaN and infinity are possible"""
    digests: tuple[str, ...] = ()
    """of its data sets, as logged"""
    experiment: str = ""
    """id of the experiment that it is in"""


def _run(run: mlflow.entities.Run) -> Run:
    inputs = run.inputs.dataset_inputs if run.inputs else ()
    points = {m.key: (m.step, _real(m.value)) for m in run.data.to_proto().metrics}
    return Run(
        run.info.run_id,
        run.info.status,
        run.data.tags,
        (run.info.start_time or 0) / 1000,
        run.info.artifact_uri,
        run.info.run_name or "",
        run.data.params,
        points,
        tuple(sorted({entry.dataset.digest for entry in inputs})),
        run.info.experiment_id,
    )


def _real(value: float) -> float:
    """Return a value as it was before MLflow kept it."""
    return math.copysign(math.inf, value) if abs(value) > LARGEST else value


def _every(search: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return what is on all pages of a search of MLflow's."""
    items, token = [], None
    while token != "":
        page = search(*arguments, page_token=token)
        items += page
        token = page.token or ""
    return items


class Store(Connection):
    """The runs of a store; every method raises UserError where it cannot be read or written."""

    left_out: Sequence[str] = ()
    """a line for each run that cannot be read at all"""

    @guarded
    def experiment(self, name: str) -> str:
        """Return the id of the named experiment, made or restored if need be."""
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            return self._client.create_experiment(name)
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        return experiment.experiment_id

    @guarded
    def find(self, experiment: str) -> str:
        """Return the id of an experiment, given by name or id. Raises UserError without one."""
        known = self._experiments()
        if experiment in known.values():
            return experiment
        if experiment not in known:
            names = difflib.get_close_matches(experiment, known, 5) or sorted(known)[:10]
            others = f" and {len(known) - len(names)} more" if len(known) > len(names) else ""
            raise UserError(
                f"experiment {experiment}: one that the store has is wanted: "
                f"{', '.join(names) or 'none'}{others}"
            )
        return known[experiment]

    def _experiments(self) -> dict[str, str]:
        """Return name -> id."""
        return {e.name: e.experiment_id for e in _every(self._client.search_experiments)}

    @guarded
    def describe(self, experiment: str, tags: Mapping[str, str]) -> None:
        """Tag an experiment."""
        for key, value in tags.items():
            self._client.set_experiment_tag(experiment, key, value)

    @guarded
    def runs(self, query: str, experiment: str | None = None) -> list[Run]:
        """Return the runs that match an MLflow filter, the latest first.

        Those without a start are named in `left_out`: one of them keeps MLflow from reading any.
        """
        places = [experiment] if experiment else [*self._experiments().values()]
        try:
            return self._search(places, query)
        except MlflowException as error:
            if NO_START not in str(error):
                raise
            self.left_out = self._without_start()
            return self._search(places, " AND ".join(filter(None, (query, HAS_START))))

    def _search(self, places: list[str], query: str) -> list[Run]:
        search = self._client.search_runs
        return [_run(run) for run in _every(search, places, query, ViewType.ACTIVE_ONLY, 1000)]

    @guarded
    def run(self, run_id: str) -> Run:
        """Return a run by its id. Raises UserError if there is none."""
        try:
            return _run(self._client.get_run(run_id))
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UserError(f"run {run_id}: the store {self.name} has no such run") from error

    @guarded
    def histories(self, run_ids: Sequence[str], metric: str) -> dict[str, dict[int, float]]:
        """Return all values of a metric: run -> step -> the last value logged at it, by step.

        In bulk where the store can, which MLflow's client does not offer; else by 8 calls at once.
        """
        bulk = getattr(self._backend, "get_metric_history_bulk", None)
        if bulk:
            chunks = [run_ids[i : i + RUNS] for i in range(0, len(run_ids), RUNS)]
            points = [(p.run_id, p) for chunk in chunks for p in bulk(chunk, metric, 10**9)]
        else:
            with ThreadPoolExecutor(8) as pool:
                per_run = pool.map(lambda i: self._client.get_metric_history(i, metric), run_ids)
            points = [(i, p) for i, history in zip(run_ids, per_run, strict=True) for p in history]
        values: dict[str, dict[int, float]] = {run_id: {} for run_id in run_ids}
        for run_id, point in sorted(points, key=lambda pair: (pair[1].step, pair[1].timestamp)):
            values[run_id][point.step] = _real(point.value)
        return values

    @guarded
    def create(
        self, experiment: str, name: str, tags: Mapping[str, str], started: float | None = None
    ) -> str:
        """Begin a run; return its id. started: seconds since 1970, else now."""
        known = {"mlflow.user": provenance.user(), "mlflow.source.type": "LOCAL"}
        milliseconds = int(1000 * started) if started is not None else None
        run = self._client.create_run(experiment, milliseconds, {**known, **tags}, name)
        return run.info.run_id

    @guarded
    def log(
        self,
        run_id: str,
        metrics: Sequence[tuple[str, float, int]] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics (name, value, step), params and tags; values not finite are left out.

        MLflow would keep infinity as 1.8e308, which poisons every mean. Tags are kept last, so
        that a run which has them has all the rest.
        """
        now = int(time.time() * 1000)
        points = [Metric(n, v, now, step) for n, v, step in metrics if math.isfinite(v)]
        rows = [Param(name, str(value)) for name, value in (params or {}).items()]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()]
        while len(points) > BATCH:
            self._client.log_batch(run_id, points[:BATCH])
            points = points[BATCH:]
        self._client.log_batch(run_id, points, rows, labels)

    @guarded
    def log_data(self, run_id: str, name: str, fingerprint: str, source: str) -> None:
        """Log which data a run used; MLflow's own digest would look at a sample only."""
        dataset = Dataset(name, fingerprint[:36], "local", source)
        self._client.log_inputs(run_id, [DatasetInput(dataset)])

    @guarded
    def upload(self, run_id: str, folder: str | Path, place: str | None = None) -> None:
        """Log the files of a folder as artifacts."""
        self._client.log_artifacts(run_id, str(folder), place)

    @guarded
    def read(self, run: Run, artifact: str) -> bytes:
        """Return the content of an artifact. Raises OSError where there is no such file."""
        if run.artifacts.startswith("file:"):
            return Path(url2pathname(urlparse(run.artifacts).path), artifact).read_bytes()
        if not re.match(r"[a-z0-9+.-]+:", run.artifacts):  # a path; MLflow's own copy is slow
            return Path(run.artifacts, artifact).read_bytes()
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = self._client.download_artifacts(run.id, artifact, folder)
                return Path(path).read_bytes()
        except MlflowException:  # it may be missing, or the server away: MLflow says the same
            place = artifact.rpartition("/")[0] or None
            if artifact in {file.path for file in self._client.list_artifacts(run.id, place)}:
                raise
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), artifact) from None

    @guarded
    def end(self, run_id: str, status: str, ended: float | None = None) -> None:
        """End a run as FINISHED, FAILED or KILLED. ended: seconds since 1970, else now."""
        milliseconds = int(1000 * ended) if ended is not None else None
        self._client.set_terminated(run_id, status, milliseconds)

    @guarded
    def revive(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Make a run that ended one that goes on, with these tags."""
        self._client.update_run(run_id, status="RUNNING")
        self.log(run_id, tags=tags)

    @guarded
    def delete(self, run_id: str) -> None:
        """Delete a run, as MLflow's page does: `mlflow gc` removes its files."""
        self._client.delete_run(run_id)

    def sweep(self) -> None:
        """End as KILLED the runs whose process is gone: MLflow never would."""
        for run in self.runs("attributes.status = 'RUNNING' AND tags.role LIKE '%'"):
            if provenance.is_dead(run.tags) or provenance.is_silent(run.tags):
                self.end(run.id, "KILLED")
