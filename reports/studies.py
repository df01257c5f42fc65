"""The studies in the store: which are complete, and what their pages say."""

import json
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.results import PAGE, SCHEMA, Run
from core.tracking import Store


@dataclass(frozen=True)
class Study:
    """A complete study as it stands in the store."""

    run: Run
    page: dict[str, Any]
    """what `core.study.Study.conclude` wrote: verdicts, exhibits, data card, provenance"""

    @property
    def anchor(self) -> str:
        """Return the id of its section on the page."""
        return f"study-{self.run.id[:8]}"

    @property
    def data(self) -> str:
        """Return the name of its data set."""
        return str(self.page["data"]["name"])

    @property
    def synthetic(self) -> bool:
        """Tell whether its images were made by a program."""
        return bool(self.page["data"]["synthetic"])


@dataclass(frozen=True)
class Shelf:
    """All complete studies, the newest first, and how many runs were left out."""

    studies: list[Study]
    left_out: dict[str, int]
    """status of studies that are not complete, or what else is wrong with them -> how many"""

    def newest(self) -> list[Study]:
        """Return the newest study of each experiment and data set."""
        found: dict[tuple[str, str], Study] = {}
        for study in self.studies:
            found.setdefault((study.page["study"], study.data), study)
        return list(found.values())


def collect(store: Store, names: Collection[str] = (), since: datetime | None = None) -> Shelf:
    """Read the pages of all complete studies.

    names: experiments to keep, all if empty. since: leave out studies that began earlier.
    Raises UserError where the store cannot be read.
    """
    earliest = since.timestamp() if since else 0.0
    runs = [
        run
        for run in store.runs("tags.role = 'study'")
        if run.started >= earliest and (not names or run.tags["study"] in names)
    ]
    left_out = Counter(run.status for run in runs if not _is_complete(run))
    studies = []
    with tempfile.TemporaryDirectory() as folder:
        for run in filter(_is_complete, runs):
            page = json.loads(store.fetch(run.id, f"report/{PAGE}", folder).read_text())
            if page.get("schema") == SCHEMA:
                studies.append(Study(run, page))
            else:
                left_out["written by another version"] += 1
    return Shelf(studies, dict(left_out))


def _is_complete(run: Run) -> bool:
    return run.tags.get("complete") == "true"


def exhibits(store: Store, study: Study, folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Fetch a study's tables and figures into `folder`; yield each with its path less suffix."""
    own = folder / study.run.id
    own.mkdir()
    place = store.fetch(study.run.id, "report", own)
    for exhibit in study.page["exhibits"]:
        yield exhibit, place / exhibit["name"]
