"""A study: which trials a question needs, which of them are missing; trains those, keeps them.

A study is all trials that share one question, data set and protocol: settings, data, content of
weight files, the code that trains, versions, kind of device. Its key hashes these. How many seeds
or arms somebody asks for is a selection: what is in the store is never trained again.
"""

import contextlib
import os
import pickle
import time
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Self

from tqdm import tqdm

from core import fleet, job, provenance
from core.archive import KEPT, at_once, is_whole, kept
from core.errors import UserError, one_line
from core.job import Job as Job
from core.job import Train
from core.manifest import Manifest, scalars
from core.outbox import StudyFolder, outbox, send_all
from core.store import Store
from core.tracking import AwayError, StoreError
from core.trials import Trial, programs

ONLY: ContextVar[Sequence[Trial] | None] = ContextVar("ONLY", default=None)
"""the one program to train: a study that repeats it stops there, by raising Repeated"""
CHECKPOINTS = "checkpoints"
TELL_SECONDS = 60.0
PATIENCE = 60.0  # seconds after which a store that was away is asked again


class Repeated(BaseException):
    """The one program that was wanted is trained and kept; no error, so nothing may catch it."""


class Study(Manifest):
    """A context manager: its run ends FINISHED, by an interrupt KILLED, by an error FAILED."""

    def __enter__(self) -> Self:
        self.store = Store(later=True)
        self.folder = StudyFolder(outbox(self.store) / self.key)
        try:
            self.folder.describe(self.facts, self.documents)
        except OSError as error:
            wanted = "a store that can be read and written is wanted"
            why = f"{error.filename}: {error.strerror}"
            raise StoreError(f"MLflow store {self.store.name}: {wanted}: {why}") from error
        self.experiment = self.run_id = ""
        self._asked = self._told = time.monotonic()
        try:
            self._begin()
        except AwayError as error:
            self._later(error)
        return self

    def _begin(self) -> None:
        """Take up the study in the store, and send what waits of all studies."""
        self.store.sweep()
        send_all(self.store)
        self.experiment, self.run_id = self.folder.begin(self.store)
        self.folder.send(self.store)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        stops = KeyboardInterrupt | Repeated | BrokenPipeError  # `| head` ends
        interrupted = kind is not None and issubclass(kind, stops)
        status = "KILLED" if interrupted else "FAILED" if kind else "FINISHED"
        with contextlib.suppress(UserError, OSError):  # the first error is the one to show
            self.folder.end(status)
            self._send(now=True)
        if waiting := len(self.folder.waiting()):
            print(
                f"{waiting} trials wait in {self.folder.path}: the store {self.store.name} is "
                "away; the next start of any study sends them, or `python -m core.outbox`"
            )

    def run(
        self,
        trials: Iterable[Trial],
        train: Train,
        alike: Callable[[Trial], Hashable] = lambda trial: trial.key,
        at_most: int = 1,
        keeps: Callable[[Trial], bool] = lambda trial: False,
    ) -> None:
        """Train the trials that the store lacks, program by program, and keep their records.

        alike, at_most: which trials train as one program, see `trials.programs`. keeps: tells the
        trials that are to keep their network: one that is stored without is trained again for it.
        """
        wanted, only = list(trials), ONLY.get()
        known = self._known(wanted, keeps)
        missing = [t for t in wanted if t.key not in known and not self.folder.holds(t)]
        groups = [list(only)] if only else list(programs(missing, alike, at_most))
        done = len(wanted) - len(missing)
        if done:
            print(f"{done} of {len(wanted)} trials are in the store: {len(missing)} to train")
        with tqdm(
            total=len(wanted), initial=done, unit="trial", desc=self.name, disable=None
        ) as bar:
            told = time.monotonic()
            with contextlib.closing(self._train(groups, train, bar)) as trained:
                for program in trained:
                    self._keep(program)
                    bar.update(len(program.records))
                    done += len(program.records)
                    if bar.disable and time.monotonic() - told > TELL_SECONDS:
                        told = time.monotonic()
                        print(f"{self.name}: {done} of {len(wanted)} trials are done", flush=True)
        if only:
            raise Repeated

    def files(
        self, trials: Iterable[Trial], names: Collection[str]
    ) -> Iterator[tuple[Trial, dict[str, bytes]]]:
        """Yield files that trials keep, whether these are in the store or wait to be sent."""
        wanted = list(trials)
        sent = not all(map(self.folder.holds, wanted))
        runs = kept(self.store, self.key, self.experiment) if sent else []
        known = {run.tags.get("trial"): run for run in runs}
        for trial in wanted:
            if self.folder.holds(trial):
                yield trial, {name: self.folder.file(trial, name) for name in names}
            else:
                yield trial, {name: self.store.read(known[trial.key], name) for name in names}

    def _known(self, wanted: Sequence[Trial], keeps: Callable[[Trial], bool]) -> set[str]:
        """Return the keys of the trials that the store has, or had when it was last there.

        Without those that are to keep their network and lack it.
        """
        if not self.run_id:
            return self.folder.noted(wanted)
        try:
            runs = kept(self.store, self.key, self.experiment)
            whole = zip(runs, at_once(partial(is_whole, self.store), runs), strict=True)
            known = {run.tags.get("trial", "") for run, is_whole in whole if is_whole}
        except AwayError as error:
            self._later(error)
            return self.folder.noted(wanted)
        for line in self.store.left_out:
            print(f"left out: {line}")
        self.folder.note(known, anew=True)
        having = {run.tags.get("trial") for run in runs if KEPT in run.tags}
        if without := {t.key for t in wanted if keeps(t)} & (known - having):
            print(f"trained again, to keep the network: {', '.join(sorted(without))}")
        return known - without

    def _train(
        self, groups: Sequence[Sequence[Trial]], train: Train, bar: tqdm
    ) -> Generator[job.Done]:
        """Train here, in order, or on the fleet, in any."""
        place, jobs = fleet.ON.get(), [(group, self._checkpoint(group)) for group in groups]
        # All of them: networks in processes of their own have one each, beside the program's name.
        for path in sorted((self.folder.path / CHECKPOINTS).glob("*.pt")):
            if damage := job.damage(path):
                self.folder.set_aside(path, damage)
        if place and jobs:
            with fleet.folder(self.folder.path) as folder:
                try:
                    fleet.write(train, folder)
                except (TypeError, pickle.PicklingError) as error:
                    print(f"--on {place}: cannot be sent, and trains here: {one_line(str(error))}")
                else:
                    script = os.path.relpath(self.script, provenance.ROOT)
                    versions = tuple(provenance.versions().items())
                    order = fleet.Order(folder, script, self.device, self.code, versions)
                    yield from fleet.train(place, jobs, order)
                    return
        for group, checkpoint in jobs:
            yield job.run(train, Job(group, checkpoint, partial(self._tell, bar)))

    def _checkpoint(self, group: Iterable[Trial]) -> Path:
        name = sha256("\n".join(trial.key for trial in group).encode()).hexdigest()[:16]
        return self.folder.path / CHECKPOINTS / f"{name}.pt"

    def _keep(self, program: job.Done) -> None:
        for trial, record in program.records.items():
            varied = {self.arm: trial.arm, "seed": trial.seed, **trial.levels}
            facts = {
                "params": {"data": self.card.name, **scalars(self.settings), **varied},
                "tags": {"study": self.name, "code": self.code, **self.made_by},
                "group": [member.as_dict() for member in program.records],
                "started": program.started,
                "ended": program.ended,
            }
            self.folder.keep(trial, record, facts)
        # Only now that its results are kept.
        self._checkpoint(program.records).unlink(missing_ok=True)
        self._send()

    def _tell(self, bar: tqdm, words: str) -> None:
        """Show how far a program is; each minute, say in the store that the study lives."""
        bar.set_postfix_str(words)
        now = time.monotonic()
        if self.run_id and now > max(self._asked, self._told + TELL_SECONDS):
            self._told = now
            try:
                self.store.log(self.run_id, tags=provenance.heartbeat())
            except StoreError as error:
                self._later(error)

    def _send(self, *, now: bool = False) -> None:
        """Send what waits; a store that is away is asked again a minute later."""
        if not now and time.monotonic() < self._asked:
            return
        try:
            if self.run_id:
                self.folder.send(self.store, (self.experiment, self.run_id))
            else:
                self._begin()
        except StoreError as error:
            self._later("" if now else error)

    def _later(self, reason: StoreError | str) -> None:
        """Say that the store is away, and leave it alone for a minute."""
        if reason:
            print(f"{reason}; the study goes on, what it finds is kept in {self.folder.path}")
        self._asked = time.monotonic() + PATIENCE
