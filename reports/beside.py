"""Settings of one experiment side by side: its arms and its claims, a column a study."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.arms import Board, board
from reports.judge import Entry, flat
from reports.lessons import lessons
from reports.studies import Study

UNSAID = ("data_root", "memory", "device")
"""settings that no number depends on"""


@dataclass(frozen=True)
class Column:
    """A study among the others of its experiment."""

    study: Study
    heading: str
    """what sets it apart: `digits, dropout 0.2`"""
    board: Board | None

    def arm(self, name: str) -> str:
        """Print an arm's number with its interval; nothing without the arm."""
        return self.board.shown(name) if self.board else ""

    def entry(self, claim: str) -> Entry | None:
        """Return what the study says on a claim, if it was tested."""
        found = self.study.entries.get(claim)
        return found if found and found.decision else None


@dataclass(frozen=True)
class Beside:
    """The studies of one experiment."""

    title: str
    metric: str
    """the arms' numbers"""
    columns: list[Column]

    @property
    def arms(self) -> list[str]:
        """Return the names of all arms that have a number, in the order of the first study."""
        rows = [name for each in self.columns if each.board for name in each.board.rows]
        return list(dict.fromkeys(rows))

    @property
    def claims(self) -> list[str]:
        """Return the claims that at least one of them tests."""
        names = dict.fromkeys(name for each in self.columns for name in each.study.entries)
        return [name for name in names if any(each.entry(name) for each in self.columns)]


def beside(studies: Sequence[Study]) -> list[Beside]:
    """Put the studies of each experiment that has several side by side, the latest first."""
    found = []
    for lesson in lessons():
        own = [study for study in studies if study.name == lesson.study]
        if len(own) > 1:
            columns = [
                Column(study, heading, board(study))
                for study, heading in zip(own, headings(own), strict=True)
            ]
            metrics = dict.fromkeys(each.board.metric for each in columns if each.board)
            found.append(Beside(lesson.title, ", ".join(metrics), columns))
    return found


def headings(studies: Sequence[Study]) -> list[str]:
    """Name each study by its data, where these differ, and by the settings that do."""
    settings = [
        {"": study.data, **dict(flat(study.facts["settings"])), "seeds": study.trials.sizes["seed"]}
        for study in studies
    ]
    names = dict.fromkeys(itertools.chain.from_iterable(settings))
    differing = [name for name in names if len({str(each.get(name)) for each in settings}) > 1]
    apart = [name for name in differing if name not in UNSAID]
    return [
        ", ".join(_said(name, each[name]) for name in apart if each.get(name) is not None)
        or study.run.name
        for study, each in zip(studies, settings, strict=True)
    ]


def _said(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}".strip()
