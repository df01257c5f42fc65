"""The ledger: every claim of the course, and the newest verdict on it from each data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.studies import Study
from reports.verdicts import Claim, claims


@dataclass(frozen=True)
class Entry:
    """What one study says on a claim."""

    study: Study
    row: dict[str, Any]
    """as `verdicts.judge` made it"""

    @property
    def caveat(self) -> str:
        """Return what must stand behind the name of the data set."""
        made = " (synthetic)" if self.study.synthetic else ""
        return made + ("" if self.row["same_data"] else ", not the published data")


@dataclass(frozen=True)
class Line:
    """A claim and its entries: published data first, then other sets, own folders, synthetic."""

    name: str
    claim: Claim
    entries: list[Entry]

    @property
    def verdict(self) -> str:
        """Return the verdict of the first entry, or `not run`."""
        return self.entries[0].row["verdict"] if self.entries else "not run"


def build(studies: Sequence[Study]) -> list[Line]:
    """Look up every claim in the studies, newest first, one entry a data set.

    A study that left out what a claim needs gives way to an older one that has it, and to those of
    other data sets.
    """
    return [Line(name, claim, _entries(name, studies)) for name, claim in claims().items()]


def _entries(name: str, studies: Sequence[Study]) -> list[Entry]:
    found: dict[str, Entry] = {}
    for study in studies:
        for row in study.page["verdicts"]:
            if row["claim"] != name:
                continue
            known = found.get(study.data)
            if known is None or (row["parts"] and not known.row["parts"]):
                found[study.data] = Entry(study, row)
    ordered = sorted(found.values(), key=_distance)
    return [entry for entry in ordered if entry.row["parts"]] or ordered[:1]


def _distance(entry: Entry) -> tuple[bool, bool, bool, bool]:
    """Order entries: a user's own folder must not outrank a set that others can get."""
    own, synthetic = entry.study.data.startswith("folder:"), entry.study.synthetic
    return not entry.row["parts"], not entry.row["same_data"], synthetic, own
