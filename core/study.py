"""A study: paired trials that answer one question, kept in the store as they come in.

A study is a parent run, a trial a child run. A run is tagged `complete` last, and readers look at
complete runs only. A study that was killed is found again by its key (config, data, code, versions
and device): the same command goes on with the trials that are missing.
"""

import contextlib
import functools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core import provenance, views
from core.data.card import Card
from core.errors import UserError
from core.results import FILE, PAGE, SCHEMA, Exhibit, Result, Trial
from core.tracking import Store
from core.training.loop import Epoch

ONLY: ContextVar[str | None] = ContextVar("ONLY", default=None)
"""key of the one trial to train: a study that repeats it stops there, by raising Repeated"""
TELL_SECONDS = 60.0
FLUSH_SECONDS = 10.0  # epochs are buffered: one log_batch costs 5 ms, and short trials are many


class Repeated(BaseException):
    """The one trial that was wanted is trained and logged; no error, so nothing may catch it."""


class Study:
    """A context manager: by an interrupt, what is unfinished ends as KILLED; else as FAILED."""

    def __init__(
        self, name: str, config: dict[str, Any], card: Card, device: str, script: Path, arm: str
    ) -> None:
        """Describe the study; nothing is written before it is entered.

        config: every option, as plain values, nested as the dataclasses are. script: the
        experiment's file. arm: the name of the param that holds a trial's arm.
        """
        self.name, self.config, self.card, self.device = name, config, card, device
        self.script, self.arm = script.resolve(), arm  # relative under a profiler
        self.results: dict[Trial, Result] = {}
        self._runs: dict[Trial, str] = {}
        self._buffer: dict[Trial, list[tuple[str, float, int]]] = {}
        self._bar = tqdm(disable=True)

    @functools.cached_property  # the sources may be edited while a study runs
    def code(self) -> str:
        """Hash the sources: 16 hex digits."""
        return provenance.code_hash(self.script)

    @functools.cached_property
    def key(self) -> str:
        """Hash all that the numbers depend on: 16 hex digits."""
        parts = [self.name, self.config, self.card.fingerprint, self.device, self.code]
        text = json.dumps([*parts, provenance.versions()], sort_keys=True, default=str)
        return sha256(text.encode()).hexdigest()[:16]

    def __enter__(self) -> Self:
        self._started = self._flushed = self._told = time.monotonic()
        self.store = Store()
        with self.store.lock():
            self.experiment = self.store.experiment(self.name)
            self.store.sweep()
            self.run_id = self._claim()
        try:
            self._describe()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with contextlib.suppress(OSError):  # a terminal that is gone
            self._bar.close()
        if kind is None:
            return
        stopped = issubclass(kind, (KeyboardInterrupt, BrokenPipeError))  # `| head` ends
        status = "KILLED" if stopped else "FAILED"
        with contextlib.suppress(UserError):  # the first error is the one to show
            for run_id in [*self._runs.values(), self.run_id]:
                self.store.end(run_id, status)

    def _claim(self) -> str:
        """Take over an unfinished study with this key that no living process owns, or begin one."""
        query = f"tags.role = 'study' AND tags.study_key = '{self.key}'"
        for run in self.store.runs(query, self.experiment):
            if "complete" not in run.tags and run.status != "RUNNING":
                self.store.revive(run.id)
                return run.id
        tags = {"role": "study", "study": self.name, "data": self.card.name, "study_key": self.key}
        tags["device"] = self.device
        return self._create(f"{self.card.name} {time.strftime('%Y-%m-%d %H:%M')}", tags)

    def _create(self, name: str, tags: dict[str, str]) -> str:
        source = {"mlflow.source.name": self.script.name}
        return self.store.create(self.experiment, name, {**source, **tags})

    def _describe(self) -> None:
        """Log what the study is made of: config, code, versions, data."""
        changes = provenance.diff()
        texts = {
            "config.json": json.dumps(self.config, indent=2, default=str),
            "data.json": json.dumps(self.card.as_dict(), indent=2),
            "versions.txt": provenance.all_versions(),
            "changes.diff": changes,
            self.script.name: self.script.read_text("utf-8"),
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, text in texts.items():
                Path(folder, name).write_bytes(text.encode("utf-8", "surrogateescape"))
            self.store.upload(self.run_id, folder, "provenance")
        self.store.log_data(self.run_id, self.card.name, self.card.fingerprint, self.card.source)
        self.store.tag(self.run_id, "mlflow.source.git.dirty", str(bool(changes)).lower())

    def missing(self, groups: Sequence[Sequence[Trial]]) -> Iterator[Sequence[Trial]]:
        """Yield the groups in which a trial is missing, with a progress bar; load the others.

        A group is trained as one program and comes back whole, so that its numbers do not depend
        on when the study was interrupted; `finish` logs only what is missing.
        """
        if (only := ONLY.get()) is not None:
            groups = [group for group in groups if any(trial.key == only for trial in group)]
        trials = {trial.key: trial for group in groups for trial in group}
        query = f"tags.mlflow.parentRunId = '{self.run_id}' AND tags.complete = 'true'"
        with tempfile.TemporaryDirectory() as folder:
            for run in self.store.runs(query, self.experiment):
                path = self.store.fetch(run.id, FILE, folder)
                self.results[trials[run.tags["trial"]]] = Result.load(path)
        if self.results:
            print(f"resuming: {len(self.results)} of {len(trials)} trials are done")
        todo = [group for group in groups if any(t not in self.results for t in group)]
        self._bar = tqdm(total=len(trials), unit="trial", desc=self.name, disable=None)
        self._bar.update(len(trials) - sum(map(len, todo)))
        for group in todo:
            yield group
            self._bar.update(len(group))
            self._tell()
        self._bar.close()
        if only is not None:
            raise Repeated

    def _tell(self) -> None:
        """Say once a minute how far it is, where no progress bar does: in a log file."""
        if self._bar.disable and time.monotonic() - self._told > TELL_SECONDS:
            done, self._told = len(self.results), time.monotonic()
            print(f"{self.name}: {done} trials are done", flush=True)

    def checkpoint(self, group: Sequence[Trial]) -> Path:
        """Return where the training of a group may keep its checkpoint."""
        name = sha256("\n".join(trial.key for trial in group).encode()).hexdigest()[:16]
        return self.store.home / "mlruns" / "checkpoints" / self.key / f"{name}.pt"

    def epoch(self, group: Sequence[Trial], epoch: Epoch) -> None:
        """Log the metrics of an epoch, one value per trial in the order of the group.

        They reach the store every 10 s, and at the end of the trial.
        """
        for index, trial in enumerate(group):
            values = ((name, float(each.flat[index])) for name, each in epoch.metrics.items())
            self._buffer.setdefault(trial, []).extend((*value, epoch.index) for value in values)
        self._bar.set_postfix_str(f"epoch {epoch.index}")
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            for trial in group:
                self._log(trial)
            self._flushed = time.monotonic()

    def picture(self, trial: Trial, name: str, step: int, pixels: NDArray[np.uint8]) -> None:
        """Log a picture of a trial's series, uint8 (H, W, 3), unless the trial is done."""
        if trial in self.results:
            return
        if trial not in self._runs:
            self._log(trial)
        self.store.picture(self._runs[trial], name, step, pixels)

    def finish(self, group: Sequence[Trial], results: Sequence[Result]) -> None:
        """Log the results of a group's trials and tag them complete."""
        for trial, result in zip(group, results, strict=True):
            if trial in self.results:
                continue
            final = [(name, value, 0) for name, value in result.metrics.items()]
            self._buffer.setdefault(trial, []).extend(final)
            self._log(trial)
            with tempfile.TemporaryDirectory() as folder:
                result.save(Path(folder))
                self.store.upload(self._runs[trial], folder)
            self.store.end(self._runs.pop(trial), "FINISHED")
            self.results[trial] = result

    def _log(self, trial: Trial) -> None:
        """Send the buffered metrics of a trial, and make its run if it has none yet."""
        metrics = self._buffer.pop(trial, [])
        if trial in self.results:
            return
        params = {}
        if trial not in self._runs:
            tags = {"role": "trial", "trial": trial.key, "mlflow.parentRunId": self.run_id}
            self._runs[trial] = self._create(trial.key, tags)
            own = {self.arm: trial.arm, "seed": trial.seed, **dict(trial.params)}
            params = {**_scalars(self.config), **own}
        self.store.log(self._runs[trial], metrics, params)

    def conclude(
        self,
        exhibits: Sequence[Exhibit],
        verdicts: Sequence[dict[str, Any]],
        notes: dict[str, Any],
        columns: Sequence[str],
    ) -> None:
        """Log tables, figures and verdicts, save a view, tag the study complete, print the link.

        notes: what else the report prints: `question`, `warnings`, ... columns: the metrics that
        the MLflow page shows; the first one sorts.
        """
        page = {
            "schema": SCHEMA,
            "study": self.name,
            **notes,
            "verdicts": list(verdicts),
            "config": self.config,
        }
        page["data"] = self.card.as_dict()
        page["provenance"] = {
            **provenance.summary(),
            "code": self.code,
            "device": self.device,
            "seconds": round(time.monotonic() - self._started, 1),
            "tracking_seconds": round(self.store.seconds, 1),
        }
        with tempfile.TemporaryDirectory() as folder:
            page["exhibits"] = [exhibit.save(Path(folder)) for exhibit in exhibits]
            Path(folder, PAGE).write_text(json.dumps(page, indent=2, default=str))
            self.store.upload(self.run_id, folder, "report")
        name = f"{self.name} on {self.card.name}: mean over seeds by {self.arm}"
        view = views.saved_view(name, self.arm, columns, self.run_id)
        note = {"mlflow.note.content": str(notes.get("question", ""))}
        self.store.describe(self.experiment, {views.TAG + self.key: view, **note})
        self.store.end(self.run_id, "FINISHED")
        print(views.instructions(self.store.name, self.experiment, self.key))


def _scalars(config: dict[str, Any]) -> dict[str, str | int | float]:
    """Return the options that can be searched for, by their own names as on the command line."""
    flat: dict[str, str | int | float] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            flat |= _scalars(value)
        elif isinstance(value, (str, int, float)):
            flat[name] = value
    return flat
