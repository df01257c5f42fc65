"""Studies and trials on MLflow: the only file that imports it.

A study is a parent run, a trial a child run. A run is tagged `complete` last, and readers look at
complete runs only. A study that was killed is found again by its key (config, data, code, versions
and device): the same command goes on with the trials that are missing.
"""

import base64
import contextlib
import json
import logging
import math
import os
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
import mlflow
import numpy as np
import pandas as pd
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from core import provenance
from core.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = provenance.ROOT
FLUSH_SECONDS = 10.0  # epochs are buffered: one log_batch costs 5 ms, and short trials are many
BATCH = 1000  # MLflow's limit of metrics in one log_batch


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turn a store that cannot be reached, read or written into one line for the user."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        uri = mlflow.get_tracking_uri()
        raise UserError(
            f"MLflow store {uri}: a store that can be read and written is wanted: {reason}"
        ) from error


def open_store(name: str) -> tuple[MlflowClient, str]:
    """Return a client and the id of the named experiment, made if need be.

    Runs go to <repo>/mlflow.db and <repo>/mlruns from any working directory;
    MLFLOW_TRACKING_URI overrides. MLflow makes its tables and experiments without a lock, so
    processes that start together take one here.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if not mlflow.is_tracking_uri_set():
        (ROOT / "mlruns").mkdir(exist_ok=True)
        mlflow.set_tracking_uri(f"sqlite:///{ROOT / 'mlflow.db'}")
    with (
        _lock(),
        contextlib.chdir(ROOT),
    ):  # MLflow places ./mlruns by the directory of its first use
        client = MlflowClient()
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return client, client.create_experiment(name)
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        return client, experiment.experiment_id


def _lock() -> FileLock:
    store = sha256(mlflow.get_tracking_uri().encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"mlflow-{provenance.user()}-{store}.lock")


def search(client: MlflowClient, experiments: list[str], query: str) -> Iterator[Run]:
    """Yield every run that matches an MLflow filter, whatever the number of pages."""
    token: str | None = None
    while token != "":
        page = client.search_runs(experiments, query, ViewType.ACTIVE_ONLY, 1000, page_token=token)
        yield from page
        token = page.token or ""


def _sweep(client: MlflowClient) -> None:
    """Mark as KILLED the runs whose process on this machine is gone: MLflow leaves them RUNNING."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in search(client, experiments, "attributes.status = 'RUNNING'"):
        if provenance.is_dead(run.data.tags):
            client.set_terminated(run.info.run_id, "KILLED")


class Study:
    """A set of paired trials that answers one question; a context manager.

    Leaving it by an interrupt marks what is unfinished as KILLED, by another error as FAILED.
    """

    def __init__(
        self, name: str, config: dict[str, Any], facts: dict[str, Any], script: Path, arm: str
    ) -> None:
        """Describe the study; nothing is written before it is entered.

        config: every option, plain values. facts: `data` (its card, with `name`, `fingerprint`)
        and `device`. script: the experiment. arm: the param that holds a trial's arm.
        """
        self.name, self.config, self.facts = name, config, facts
        self.script, self.arm = script, arm
        self.results: dict[Trial, Result] = {}
        self.seconds = 0.0
        """time spent in the store"""
        self._runs: dict[Trial, str] = {}
        self._buffer: dict[Trial, list[Metric]] = {}
        self._flushed = time.monotonic()

    @property
    def key(self) -> str:
        """Hash all that the numbers depend on: 16 hex digits."""
        code = provenance.code_hash(self.script)
        parts = [self.name, self.config, self.facts["data"]["fingerprint"], self.facts["device"]]
        text = json.dumps([*parts, code, provenance.versions()], sort_keys=True, default=str)
        return sha256(text.encode()).hexdigest()[:16]

    def __enter__(self) -> Self:
        with self._store():
            self.client, self.experiment = open_store(self.name)
            with _lock():
                _sweep(self.client)
                self.run_id = self._claim()
            self._describe()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        status = "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"
        with contextlib.suppress(UserError), self._store():  # the first error is the one to show
            for run_id in [*self._runs.values(), self.run_id]:
                self.client.set_terminated(run_id, status)

    @contextlib.contextmanager
    def _store(self) -> Iterator[None]:
        start = time.monotonic()
        with store_errors():
            yield
        self.seconds += time.monotonic() - start

    def _claim(self) -> str:
        """Take over an unfinished study with this key that no living process owns, or begin one."""
        query = f"tags.role = 'study' AND tags.study_key = '{self.key}'"
        for run in search(self.client, [self.experiment], query):
            if "complete" not in run.data.tags and run.info.status != "RUNNING":
                self.client.update_run(run.info.run_id, status="RUNNING")
                tags = [RunTag(*tag) for tag in provenance.owner().items()]
                self.client.log_batch(run.info.run_id, tags=tags)
                return run.info.run_id
        name = f"{self.facts['data']['name']} {time.strftime('%Y-%m-%d %H:%M')}"
        return self._create(name, {"role": "study", "study_key": self.key})

    def _create(self, name: str, tags: dict[str, str]) -> str:
        known = {
            "mlflow.user": provenance.user(),
            "mlflow.source.name": str(self.script.name),
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": provenance.commit(),
        }
        tags = {**known, **provenance.owner(), **tags}
        return self.client.create_run(self.experiment, tags=tags, run_name=name).info.run_id

    def _describe(self) -> None:
        """Log what the study is made of: config, code, versions, data."""
        data, changes = self.facts["data"], provenance.diff()
        with tempfile.TemporaryDirectory() as folder:
            texts = {
                "config.json": json.dumps(self.config, indent=2, default=str),
                "data.json": json.dumps(data, indent=2, default=str),
                "versions.txt": provenance.all_versions(),
                self.script.name: self.script.read_text(),
                "changes.diff": changes,
            }
            for name, text in texts.items():
                if text:
                    Path(folder, name).write_text(text)
            self.client.log_artifacts(self.run_id, folder, "provenance")
        source = Dataset(data["name"], data["fingerprint"][:36], "local", data["source"])
        self.client.log_inputs(self.run_id, [DatasetInput(source)])
        self.client.set_tag(self.run_id, "mlflow.source.git.dirty", str(bool(changes)).lower())

    def missing(self, groups: Sequence[Sequence[Trial]]) -> Iterator[Sequence[Trial]]:
        """Yield the groups in which a trial is missing, with a progress bar; load the others.

        A group is trained as one program and comes back whole, so that its numbers do not depend
        on when the study was interrupted; `finish` logs only what is missing.
        """
        trials = {trial.key: trial for group in groups for trial in group}
        with self._store():
            query = f"tags.mlflow.parentRunId = '{self.run_id}' AND tags.complete = 'true'"
            for run in search(self.client, [self.experiment], query):
                path = self.client.download_artifacts(run.info.run_id, FILE)
                self.results[trials[run.data.tags["trial"]]] = Result.load(Path(path))
        todo = [group for group in groups if any(t not in self.results for t in group)]
        if self.results:
            print(f"resuming: {len(self.results)} of {len(trials)} trials are done")
        with tqdm(total=len(groups), unit="group", desc=self.name, disable=None) as bar:
            bar.update(len(groups) - len(todo))
            for group in todo:
                yield group
                bar.update()

    def epoch(self, group: Sequence[Trial], epoch: Epoch) -> None:
        """Log the metrics of an epoch; every 10 s they reach the store.

        Metrics of `epoch` hold one value per trial, in the order of the group.
        """
        now = int(time.time() * 1000)
        for index, trial in enumerate(group):
            if trial not in self.results:
                values = {name: float(each.flat[index]) for name, each in epoch.metrics.items()}
                self._buffer.setdefault(trial, []).extend(
                    Metric(name, value, now, epoch.index)
                    for name, value in values.items()
                    if math.isfinite(value)  # MLflow would store infinity as 1.8e308
                )
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            with self._store():
                for trial in group:
                    if trial not in self.results:
                        self._log(trial)
            self._flushed = time.monotonic()

    def finish(self, group: Sequence[Trial], results: Sequence[Result]) -> None:
        """Log the results of a group's trials and tag them complete."""
        for trial, result in zip(group, results, strict=True):
            if trial in self.results:
                continue
            with self._store(), tempfile.TemporaryDirectory() as folder:
                now = int(time.time() * 1000)
                self._buffer.setdefault(trial, []).extend(
                    Metric(name, value, now, 0)
                    for name, value in result.metrics.items()
                    if math.isfinite(value)
                )
                self._log(trial)
                result.save(Path(folder))
                run_id = self._runs.pop(trial)
                self.client.log_artifacts(run_id, folder)
                self.client.set_terminated(run_id, "FINISHED")
                self.client.set_tag(run_id, "complete", "true")
            self.results[trial] = result

    def _log(self, trial: Trial) -> None:
        """Send the buffered metrics of a trial, and make its run if it has none yet."""
        metrics, params = self._buffer.pop(trial, []), []
        if trial not in self._runs:
            tags = {"role": "trial", "trial": trial.key, "mlflow.parentRunId": self.run_id}
            self._runs[trial] = self._create(trial.key, tags)
            scalars = {k: v for k, v in self.config.items() if isinstance(v, (str, int, float))}
            values = {**scalars, self.arm: trial.arm, "seed": trial.seed, **dict(trial.params)}
            params = [Param(name, str(value)) for name, value in values.items()]
        for start in range(0, max(1, len(metrics)), BATCH):
            batch = metrics[start : start + BATCH]
            self.client.log_batch(self._runs[trial], metrics=batch, params=params)
            params = []

    def conclude(
        self, exhibits: Sequence[Exhibit], verdicts: Sequence[dict[str, Any]], notes: dict[str, Any]
    ) -> None:
        """Log tables, figures and verdicts, and tag the study complete.

        notes: what else the report prints: `question`, `warnings`, counts.
        """
        page = {
            "study": self.name,
            **notes,
            "verdicts": list(verdicts),
            "data": self.facts["data"],
            "config": self.config,
            "exhibits": [
                {"name": e.name, "caption": e.caption, "figure": e.figure is not None}
                for e in exhibits
            ],
            "provenance": {
                "command": provenance.command(),
                "commit": provenance.commit(),
                "changed": bool(provenance.diff()),
                "device": self.facts["device"],
                "versions": provenance.versions(),
            },
        }
        with self._store(), tempfile.TemporaryDirectory() as folder:
            for exhibit in exhibits:
                exhibit.frame.to_csv(Path(folder, f"{exhibit.name}.csv"), index=False)
                if exhibit.figure is not None:
                    exhibit.figure.savefig(Path(folder, f"{exhibit.name}.png"), dpi=144)
            Path(folder, PAGE).write_text(json.dumps(page, indent=2, default=str))
            self.client.log_artifacts(self.run_id, folder, "report")
            self.client.set_terminated(self.run_id, "FINISHED")
            self.client.set_tag(self.run_id, "complete", "true")
