"""The studies in the store: their datasets, and what these say on the claims."""

import functools
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import xarray as xr

from core import reading
from core.errors import UserError
from core.store import Run, Store
from core.trials import SCHEMA
from reports import judge, views
from reports.judge import Entry
from reports.lessons import Exhibit, Lesson, lesson_of, lessons

TOYS = ("digits", "lfw-patches")
"""embedded sets of tiny images: a claim on photographs is not settled on them"""


@dataclass(frozen=True)
class Study:
    """A stored study: its trials as a dataset."""

    run: Run
    trials: xr.Dataset
    link: str = ""
    """address of its run on MLflow's page"""

    @classmethod
    def read(cls, store: Store, run: Run) -> Self:
        """Read a study of the store. Raises UserError where nothing of it can be read."""
        link = views.address(store.name, run.experiment, run.id)
        return cls(run, reading.read(store, run), link)

    @property
    def name(self) -> str:
        """Return the experiment's name."""
        return str(self.trials.attrs["study"])

    @property
    def lesson(self) -> Lesson:
        """Return the lesson that it belongs to, with its exhibits."""
        return lesson_of(self.name)

    @property
    def title(self) -> str:
        """Return a heading: `weight initialisation on digits`."""
        return f"{self.lesson.title} on {self.data}"

    @property
    def anchor(self) -> str:
        """Return the id of its section on the page."""
        return f"study-{self.run.id[:8]}"

    @property
    def card(self) -> dict[str, Any]:
        """Return the data card, plain values."""
        return dict(self.trials.attrs["card"])

    @property
    def data(self) -> str:
        """Return the name of its data set."""
        return str(self.card["name"])

    @property
    def facts(self) -> dict[str, Any]:
        """Return settings, command, code, versions and device, plain values."""
        return dict(self.trials.attrs["facts"])

    @property
    def distance(self) -> int:
        """Rank its data by how far they are from photographs: 0 photographs, 1 toys, 2 drawn."""
        sets = {name.strip() for name in self.data.split("+")}
        return 2 if self.card["synthetic"] else int(sets <= set(TOYS))

    @property
    def seconds(self) -> float:
        """Return how long its trials trained."""
        return float(self.trials["seconds"].sum())

    @property
    def counts(self) -> list[str]:
        """Say how much was trained: `150 trials`, `15 arms`, `10 seeds`, `15 epochs`.

        An arm is counted once for each level of the factors, as MLflow's page lists it; epochs, or
        steps, where they can be set.
        """
        trained, settings = self.trials["trained"], dict(judge.flat(self.facts["settings"]))
        counts = {"trial": int(trained.sum()), "arm": int(trained.any("seed").sum())}
        counts["seed"] = trained.sizes["seed"]
        counts |= {name[:-1]: settings[name] for name in ("epochs", "steps") if name in settings}
        return [f"{n:,} {word}{'s' * (n != 1)}" for word, n in counts.items() if isinstance(n, int)]

    @property
    def size(self) -> str:
        """Say how much was trained: `150 trials, 15 arms, 10 seeds`."""
        return ", ".join(self.counts[:3])

    @property
    def setting(self) -> str:
        """Say how it was trained: `10 seeds, 15 epochs`."""
        return ", ".join(self.counts[2:])

    @functools.cached_property
    def entries(self) -> dict[str, Entry]:
        """Return what it says on each of its claims."""
        return judge.judge(self.trials)

    @functools.cached_property
    def exhibits(self) -> dict[str, Exhibit]:
        """Return its tables and figures."""
        return judge.exhibits(self.trials)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values: verdicts, exhibits, data card, provenance."""
        return {
            "run": self.run.id,
            "schema": SCHEMA,
            "study": self.name,
            "question": self.lesson.question,
            "size": {dim: int(n) for dim, n in self.trials["trained"].sizes.items()},
            "trials": int(self.trials["trained"].sum()),
            "left_out": self.trials.attrs["left_out"],
            "verdicts": [entry.as_dict() for entry in self.entries.values()],
            "exhibits": [
                {"name": name, "caption": exhibit.caption, "units": dict(exhibit.units)}
                for name, exhibit in self.exhibits.items()
            ],
            "data": self.card,
            "provenance": {**self.facts, "seconds": round(self.seconds, 1)},
        }


@dataclass(frozen=True)
class Shelf:
    """All studies of a store, the latest first, and what was left out."""

    studies: list[Study]
    left_out: list[str]
    """a line for each study, and each trial, that could not be read"""
    serve: str = ""
    """the command after which the links to MLflow open; empty where a server runs"""

    def tell(self) -> None:
        """Name what was left out, beside what is printed."""
        for line in self.left_out:
            print(f"left out: {line}", file=sys.stderr)


def collect(store: Store, names: Collection[str] = (), since: datetime | None = None) -> Shelf:
    """Read every study that has a complete trial; what cannot be read is named and left out.

    names: experiments to keep, all if empty. since: leave out studies begun earlier.
    Raises UserError where the store cannot be read.
    """
    earliest, known = since.timestamp() if since else 0.0, {lesson.study for lesson in lessons()}
    studies, left_out = [], []
    for run in store.runs("tags.role = 'study'"):
        if run.started < earliest or (names and run.tags.get("study") not in names):
            continue
        try:
            study = _read(store, run, known)
        except (UserError, KeyError, ValueError) as error:
            left_out.append(" ".join(str(error).split()))
            continue
        studies.append(study)
        left_out += study.trials.attrs["left_out"]
    return Shelf(studies, [*left_out, *store.left_out], views.start_server(store.name))


def _read(store: Store, run: Run, known: Collection[str]) -> Study:
    schema, name = run.tags.get("schema", "1"), run.tags.get("study", "")
    if schema != str(SCHEMA):
        other = f"stored in schema {schema}, or by another program"
        raise UserError(f"study {run.id}: {other}; schema {SCHEMA} is wanted")
    if name not in known:
        raise UserError(f"study {run.id}: of an experiment {name or '(none)'} that is not here")
    return Study.read(store, run)
