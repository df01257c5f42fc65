"""Records on local disk, from where they are sent to the store: an absent store costs nothing.

A study's folder, `mlruns/outbox/<store>/<study key>`, holds what the study is made of and, until
they are sent, its trials. A trial is sent whole, is tagged `complete` last, and only then leaves
the folder, so that a process or a store may end at any moment; what waits is sent by the next
start of any study, or by `python -m core.outbox`.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from core import cli
from core.archive import DAMAGE, FACTS, KEPT, RECORD, plain
from core.files import write
from core.store import Store
from core.tracking import StoreError
from core.trials import SCHEMA, Record, Trial

STUDY = "study.json"
DESCRIBED, SENT, ENDED, KNOWN = ".described", ".sent", ".ended", ".known"
FACTS_OF_STUDY = {"name": str, "run_name": str, "tags": dict, "data": list}
FACTS_OF_TRIAL = {
    **dict.fromkeys(("params", "tags"), dict),
    **dict.fromkeys(("started", "ended"), float),
    "trial": str,
    "metrics": list,
}


def outbox(store: Store) -> Path:
    """Return the folder of all studies that keep their trials in this store."""
    return store.home / "mlruns" / "outbox" / sha256(store.uri.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study."""

    path: Path

    def describe(self, facts: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Write what the study is made of. facts: `name`, `run_name`, `tags`, `data`."""
        with self.lock():  # another process may be sending them
            for stale in (DESCRIBED, ENDED):
                (self.path / stale).unlink(missing_ok=True)
            write(self.path / STUDY, json.dumps(facts).encode())
            for name, content in files.items():
                write(self.path / "files" / name, content)

    def keep(self, trial: Trial, record: Record, facts: Mapping[str, Any]) -> None:
        """Write a trial's record, whole or not at all.

        facts: `params`, `tags`, `group` (the trials of its program), `started` and `ended`.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self.path, prefix=".draft-"))
        try:
            write(draft / "artifacts" / RECORD, record.pack())
            for file, content in record.files.items():
                write(draft / "artifacts" / file, content)
            origin = {"trial": trial.as_dict(), "group": facts["group"]}
            write(draft / "artifacts" / FACTS, json.dumps(origin).encode())
            points = [(name, value, 0) for name, value in record.metrics.items()]
            for curve, values in record.curves.items():
                points += [(curve, value, epoch) for epoch, value in enumerate(values, 1)]
            run = {**facts, "trial": trial.key, "metrics": points}
            write(draft / "run.json", json.dumps(run).encode())
            with self.lock():
                if not self.holds(trial):  # else another process trained it too
                    self._place(trial).parent.mkdir(exist_ok=True)
                    os.replace(draft, self._place(trial))
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _place(self, trial: Trial) -> Path:
        return self.path / "trials" / _hash(trial.key)

    def holds(self, trial: Trial) -> bool:
        """Tell whether a trial waits here."""
        return self._place(trial).exists()

    def file(self, trial: Trial, name: str) -> bytes:
        """Return a file of a trial that waits here. Raises FileNotFoundError."""
        return (self._place(trial) / "artifacts" / name).read_bytes()

    def waiting(self) -> list[Path]:
        """List the folders of trials that are not sent yet."""
        return sorted(path.parent for path in self.path.glob("trials/*/run.json"))

    def note(self, trials: Iterable[str], *, anew: bool = False) -> None:
        """Note trials, by their keys, that the store has. anew: and no others."""
        with open(self.path / KNOWN, "w" if anew else "a", encoding="utf-8") as file:
            file.writelines(f"{_hash(trial)}\n" for trial in trials)

    def noted(self, trials: Iterable[Trial]) -> set[str]:
        """Return the keys of those trials that the store had when it was last there."""
        known: set[str] = set()
        with contextlib.suppress(FileNotFoundError):
            known.update((self.path / KNOWN).read_text("utf-8", "replace").split())
        return {trial.key for trial in trials if _hash(trial.key) in known}

    def end(self, status: str) -> None:
        """Write how the study ended, to be sent."""
        write(self.path / ENDED, status.encode())

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes of this machine from sending the same trials."""
        self.path.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path / ".lock"):
            yield

    def run(self, store: Store) -> tuple[str, str]:
        """Return experiment and run of the study in the store, begun if need be.

        Raises one of DAMAGE where it is not what `describe` wrote.
        """
        facts = self._facts()
        with store.lock():
            experiment = store.experiment(facts["name"])
            query = f"tags.role = 'study' AND tags.study_key = '{self.path.name}'"
            for run in store.runs(query, experiment):
                return experiment, run.id
            run_id = store.create(experiment, facts["run_name"], facts["tags"])
        store.log_data(run_id, *facts["data"])
        return experiment, run_id

    def begin(self, store: Store) -> tuple[str, str]:
        """Return experiment and run as `run` does; the run goes on, with the tags described."""
        experiment, run_id = self.run(store)
        store.revive(run_id, self._facts()["tags"])
        return experiment, run_id

    def _facts(self) -> dict[str, Any]:
        facts = plain((self.path / STUDY).read_bytes(), FACTS_OF_STUDY)
        tags = {"role": "study", "study_key": self.path.name, "schema": str(SCHEMA)}
        return {**facts, "tags": {**facts["tags"], **tags}}

    def send(self, store: Store, known: tuple[str, str] | None = None) -> int:
        """Send what waits; return how many trials. Raises StoreError where the store is away.

        known: what `run` returned, where it has been asked.
        """
        with self.lock():
            waiting, ended = self.waiting(), self.path / ENDED
            if not waiting and (self.path / DESCRIBED).exists() and not ended.exists():
                return 0
            experiment, study = known or self.run(store)
            if not (self.path / DESCRIBED).exists():
                store.upload(study, self.path / "files", "study")
                write(self.path / DESCRIBED, b"")
            sent = 0
            for path in waiting:
                try:
                    facts = plain((path / "run.json").read_bytes(), FACTS_OF_TRIAL)
                    Record.unpack((path / "artifacts" / RECORD).read_bytes())
                except DAMAGE as error:
                    self.set_aside(path, str(error))
                    continue
                self._send(store, experiment, study, path, facts)
                self.note([facts["trial"]])
                self._move(path, SENT)
                sent += 1
            shutil.rmtree(self.path / SENT, ignore_errors=True)
            if ended.exists():
                said = ended.read_text("utf-8", "replace")
                status = said if said in ("FINISHED", "FAILED") else "KILLED"  # or nobody knows
                store.end(study, status, ended.stat().st_mtime)
                ended.unlink()
            return sent

    def set_aside(self, path: Path, damage: str) -> None:
        """Take a damaged trial or checkpoint away, and say so."""
        print(f"{path}: set aside, to be trained again: {damage}")
        self._move(path, "damaged")

    def _move(self, path: Path, folder: str) -> None:
        """Take a trial's folder away at once, as `holds` and `file` see it whole or not at all."""
        target = self.path / folder / path.name
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)

    def _send(
        self, store: Store, experiment: str, study: str, path: Path, facts: Mapping[str, Any]
    ) -> None:
        key, trial = self.path.name, facts["trial"].replace("'", "''")
        query = f"tags.study_key = '{key}' AND tags.role = 'trial' AND tags.trial = '{trial}'"
        is_sent, network = False, path / "artifacts" / KEPT
        for run in store.runs(query, experiment):
            if run.tags.get("complete") != "true":  # a process was killed while it sent
                store.delete(run.id)
                continue
            is_sent = True
            if network.exists() and KEPT not in run.tags:  # trained again for it alone
                store.upload(run.id, network, KEPT)
                store.log(run.id, tags={KEPT: "true"})
        if not is_sent:
            tags = {"role": "trial", "trial": facts["trial"], "study_key": key}
            tags |= {**facts["tags"], "mlflow.parentRunId": study}
            run_id = store.create(experiment, facts["trial"], tags, facts["started"])
            store.upload(run_id, path / "artifacts")
            store.end(run_id, "FINISHED", facts["ended"])
            whole = {**({KEPT: "true"} if network.exists() else {}), "complete": "true"}
            store.log(run_id, facts["metrics"], facts["params"], whole)  # it keeps tags last


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def send_all(store: Store) -> tuple[int, int]:
    """Send what waits of all studies; return how many trials were sent and how many still wait."""
    sent, place = 0, outbox(store)
    paths = {path.parent for path in place.glob(f"*/{STUDY}")}
    paths |= {path.parents[2] for path in place.glob("*/trials/*/run.json")}
    folders = [StudyFolder(path) for path in sorted(paths)]
    with contextlib.suppress(StoreError):
        for folder in folders:
            try:
                sent += folder.send(store)
            except DAMAGE as error:
                print(f"{folder.path}: left out until its study is started again: {error}")
    return sent, sum(len(folder.waiting()) for folder in folders)


@dataclass(frozen=True)
class Config:
    """Send what waits for the store that MLFLOW_TRACKING_URI names, and say how much."""


def main(_: Config) -> None:
    """Send what waits, and say how much."""
    store = Store()
    store.sweep()
    sent, waiting = send_all(store)
    print(f"{store.name}: {sent} trials sent, {waiting} still wait in {outbox(store)}")


if __name__ == "__main__":
    cli.run(main, Config, __doc__ or "")
