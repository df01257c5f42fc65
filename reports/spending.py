"""Spend a budget on more seeds: first the look that is expected to decide most claims a second."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import provenance
from core.code import code_hash
from core.store import Store
from reports import ledger, studies
from reports.ledger import Line
from reports.outlook import Cost, Outlook, cost, outlook
from reports.running import span
from reports.studies import Study

if TYPE_CHECKING:
    from reports.replicate import Runs

AROUND = 30.0
"""seconds of a look in which nothing trains: data is read, claims are judged, figures drawn"""


@dataclass(frozen=True)
class Look:
    """More seeds for a study."""

    study: Study
    command: str
    n_seeds: int
    cost: Cost
    claims: tuple[str, ...]
    """what is open"""
    expected: float
    """how many verdicts"""

    @property
    def seconds(self) -> float:
        """Return what it takes."""
        return self.cost.seconds + AROUND

    def __str__(self) -> str:
        trains = f"{self.n_seeds} seeds, {self.cost.trials:,} more trials"
        decides = f"{self.expected:.1f} verdicts expected on {', '.join(self.claims)}"
        return f"{self.study.title}: {trains}, about {span(self.seconds)}; {decides}"


def on_looks(store: Store, runs: "Runs") -> None:
    """Look by look, train more seeds for the studies of the commands that were run.

    It ends where nothing is open that seeds would decide, or no look fits. A look that failed is
    not begun again.
    """
    commands, begun = list(runs.done), set()
    while True:
        ahead = list(looks(studies.collect(store).studies, commands))
        ahead = [look for look in ahead if (look.command, look.n_seeds) not in begun]
        fitting = [look for look in ahead if look.seconds <= runs.left]
        if not fitting:
            for look in ahead:
                print(f"left out, {span(runs.left)} are left: {look}")
            return
        best = max(fitting, key=lambda look: look.expected / look.seconds)
        begun.add((best.command, best.n_seeds))
        print(f"\nnext look: {best}")
        runs.run(seeded(best.command, best.n_seeds), "more seeds")


def looks(stored: Sequence[Study], commands: Sequence[str]) -> Iterator[Look]:
    """Yield the next look of each command's study that has an open claim.

    Only claims count whose verdict rests on that study, the strongest evidence in the ledger.
    """
    lines = ledger.build(stored)
    for command in commands:
        study = study_of(command, stored)
        if study is None:
            continue
        view = resting_on(study, lines)
        if (n_seeds := view.next_look) is not None:
            expected, names = view.expected(n_seeds), tuple(view.open)
            yield Look(study, command, n_seeds, cost(study, n_seeds), names, expected)


def resting_on(study: Study, lines: Sequence[Line]) -> Outlook:
    """Return what is open of the claims whose verdict rests on a study."""
    view = outlook(study)
    names = {line.claim.name for line in lines if line.evidence and line.evidence[0].study is study}
    return Outlook(open={name: ahead for name, ahead in view.open.items() if name in names})


def study_of(command: str, stored: Sequence[Study]) -> Study | None:
    """Return the study that a command trained last with the present code, whatever its seeds."""
    script, wanted = provenance.ROOT / shlex.split(command)[1], seeded(command)
    studies = [
        study
        for study in stored
        if study.name == script.stem
        and seeded(study.facts["command"]) == wanted
        and study.facts["code"] == code_hash(script)
    ]
    return max(studies, key=lambda s: (s.facts["finished"], s.run.started), default=None)


def seeded(command: str, n_seeds: int | None = None) -> str:
    """Return a command with so many seeds, or with those that it has by default."""
    arguments = shlex.split(command)
    if "--seeds" in arguments:
        at = arguments.index("--seeds")
        del arguments[at : at + 2]
    return shlex.join([*arguments, *(["--seeds", str(n_seeds)] if n_seeds else [])])
