"""Settings of one experiment side by side: its arms and its claims, a column a study."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.arms import Board, boards
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
        entry = self.study.entries.get(claim)
        return entry if entry and entry.decision else None


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
        rows = [name for column in self.columns if column.board for name in column.board.rows]
        return list(dict.fromkeys(rows))

    @property
    def claims(self) -> list[str]:
        """Return the claims that at least one of them tests."""
        names = dict.fromkeys(name for column in self.columns for name in column.study.entries)
        return [name for name in names if any(column.entry(name) for column in self.columns)]


def beside(studies: Sequence[Study]) -> list[Beside]:
    """Put the studies of each experiment that has several side by side, the latest first."""
    besides = []
    for lesson in lessons():
        group = [study for study in studies if study.name == lesson.study]
        if len(group) > 1:
            columns = [
                Column(study, heading, next(boards(study), None))
                for study, heading in zip(group, headings(group), strict=True)
            ]
            metrics = dict.fromkeys(column.board.metric for column in columns if column.board)
            besides.append(Beside(lesson.title, ", ".join(metrics), columns))
    return besides


def headings(studies: Sequence[Study]) -> list[str]:
    """Name each study by its data, where these differ, and by the settings that do."""
    settings = [
        {"": study.data, **dict(flat(study.facts["settings"])), "seeds": study.trials.sizes["seed"]}
        for study in studies
    ]
    names = dict.fromkeys(itertools.chain.from_iterable(settings))
    differing = [name for name in names if len({str(s.get(name)) for s in settings}) > 1]
    apart = [name for name in differing if name not in UNSAID]
    return [
        ", ".join(_said(name, setting[name]) for name in apart if setting.get(name) is not None)
        or study.run.name
        for study, setting in zip(studies, settings, strict=True)
    ]


def _said(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}".strip()
