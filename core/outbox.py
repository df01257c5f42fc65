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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.errors import UserError
from core.files import whole
from core.store import Run, Store, StoreError
from core.trials import SCHEMA, Record, Trial

RECORD, FACTS, STUDY, SHARED = (
    "record.safetensors",
    "trial.json",
    "study.json",
    "shared.safetensors",
)
DESCRIBED = ".described"


def outbox(store: Store) -> Path:
    """Return the folder of all studies that keep their trials in this store."""
    return store.home / "mlruns" / "outbox" / sha256(store.uri.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study."""

    path: Path

    @property
    def key(self) -> str:
        """Return the study's key."""
        return self.path.name

    def describe(self, facts: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Write what the study is made of. facts: `name`, `run_name`, `tags`, `data`."""
        (self.path / DESCRIBED).unlink(missing_ok=True)
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
            group = {"trial": trial.as_dict(), "group": facts["group"]}
            write(draft / "artifacts" / FACTS, json.dumps(group).encode())
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
        return self.path / "trials" / sha256(trial.key.encode()).hexdigest()[:16]

    def holds(self, trial: Trial) -> bool:
        """Tell whether a trial waits here."""
        return self._place(trial).exists()

    def file(self, trial: Trial, name: str) -> bytes:
        """Return a file of a trial that waits here. Raises FileNotFoundError."""
        return (self._place(trial) / "artifacts" / name).read_bytes()

    def waiting(self) -> list[Path]:
        """List the folders of trials that are not sent yet."""
        return sorted((self.path / "trials").glob("*/run.json"))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes of this machine from sending the same trials."""
        self.path.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path / ".lock"):
            yield

    def run(self, store: Store) -> tuple[str, str]:
        """Return experiment and run of the study in the store, begun if need be."""
        facts = json.loads((self.path / STUDY).read_text())
        with store.lock():
            experiment = store.experiment(facts["name"])
            for run in store.runs(
                f"tags.role = 'study' AND tags.study_key = '{self.key}'", experiment
            ):
                return experiment, run.id
            tags = {"role": "study", "study_key": self.key, "schema": str(SCHEMA), **facts["tags"]}
            run_id = store.create(experiment, facts["run_name"], tags)
        store.log_data(run_id, *facts["data"])
        return experiment, run_id

    def send(self, store: Store) -> int:
        """Send what waits; return how many trials. Raises StoreError where the store is away."""
        with self.lock():
            waiting = self.waiting()
            if not waiting and (self.path / DESCRIBED).exists():
                return 0
            experiment, study = self.run(store)
            if not (self.path / DESCRIBED).exists():
                store.upload(study, self.path / "files", "study")
                write(self.path / DESCRIBED, b"")
            for path in waiting:
                self._send(store, experiment, study, path)
            return len(waiting)

    def _send(self, store: Store, experiment: str, study: str, path: Path) -> None:
        facts = json.loads(path.read_text())
        trial = facts["trial"].replace("'", "''")
        query = f"tags.study_key = '{self.key}' AND tags.role = 'trial' AND tags.trial = '{trial}'"
        known = store.runs(query, experiment)
        for run in known:
            if "complete" not in run.tags:  # a process was killed while it sent
                store.delete(run.id)
        if not any("complete" in run.tags for run in known):
            tags = {
                "role": "trial",
                "trial": facts["trial"],
                "study_key": self.key,
                **facts["tags"],
            }
            tags["mlflow.parentRunId"] = study
            run_id = store.create(experiment, facts["trial"], tags, facts["started"])
            store.log(run_id, facts["metrics"], facts["params"])
            store.upload(run_id, path.parent / "artifacts")
            store.end(run_id, "FINISHED", facts["ended"])
            store.log(run_id, tags={"complete": "true"})
        shutil.rmtree(path.parent)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write_bytes(content)


def send_all(store: Store) -> tuple[int, int]:
    """Send what waits of all studies; return how many trials were sent and how many still wait."""
    sent = 0
    folders = [StudyFolder(path.parent) for path in sorted(outbox(store).glob(f"*/{STUDY}"))]
    with contextlib.suppress(StoreError):
        for folder in folders:
            sent += folder.send(store)
    return sent, sum(len(folder.waiting()) for folder in folders)


def kept(store: Store, key: str, experiment: str | None = None) -> list[Run]:
    """Return the complete trials of a study, one run each, the first that was kept."""
    query = f"tags.role = 'trial' AND tags.study_key = '{key}' AND tags.complete = 'true'"
    runs = sorted(store.runs(query, experiment), key=lambda run: run.started)
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.tags["trial"], run)
    return list(first.values())


def main() -> None:
    """Send what waits for the store that MLFLOW_TRACKING_URI names, and say how much."""
    store = Store()
    sent, waiting = send_all(store)
    print(f"{store.name}: {sent} trials sent, {waiting} still wait in {outbox(store)}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None
