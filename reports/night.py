"""Put into docs/running.md what a night decides, by machine, from the store's open claims.

Looks come as `replicate --budget` takes them: first the one expected to decide most claims a
second, were the truth what was observed; seconds are those that the stored trials took.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.config import FilePath, Positive
from core.errors import UserError
from core.provenance import ROOT
from reports.readme import put

if TYPE_CHECKING:
    from reports.outlook import Outlook
    from reports.studies import Study

MARKS = ("<!-- `python -m reports night` writes what follows -->\n", "<!-- until here -->\n")
SHARED = 0.9
"""of the sum of several workers' speeds; 95 % were measured with two"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How long, how fast, where to."""

    hours: Positive = 8.0
    """of the night"""
    gpu: Positive = 20.0
    """how many times as fast as the measured machine one H100 trains: assumed, not measured"""
    out: FilePath = ROOT / "docs" / "running.md"
    """text with the two marks, for the table"""


@dataclass(frozen=True)
class Step:
    """A look of a study, after the one before it."""

    seconds: float
    """of its trials, as measured"""
    longest: float
    """seconds of one of them"""
    verdicts: float
    """expected in addition"""


@dataclass(frozen=True)
class Machine:
    """Workers, each so many times as fast as the machine that was measured."""

    name: str
    workers: int
    speed: float

    def seconds(self, step: Step) -> float:
        """Return what a look takes: no trial is divided, and what is around it stays."""
        from reports.spending import AROUND

        power = self.speed * (self.workers * SHARED if self.workers > 1 else 1)
        return max(step.seconds / power, step.longest / self.speed) + AROUND

    def night(self, studies: Iterable[Sequence[Step]], seconds: float) -> float:
        """Return how many verdicts are expected within so many seconds."""
        waiting, verdicts = [deque(steps) for steps in studies], 0.0
        while ahead := [queue for queue in waiting if queue and self.seconds(queue[0]) <= seconds]:
            best = max(ahead, key=lambda queue: queue[0].verdicts / self.seconds(queue[0]))
            step = best.popleft()
            seconds -= self.seconds(step)
            verdicts += step.verdicts
        return verdicts


def steps(study: "Study", view: "Outlook") -> Iterator[Step]:
    """Yield the looks ahead of a study, of claims that are open in a view of it."""
    from reports.outlook import cost

    longest, spent, expected = float(study.trials["seconds"].max()), 0.0, 0.0
    for n in sorted({n for looks in view.open.values() for n in looks}):
        whole, by_then = cost(study, n).seconds, view.expected(n)
        yield Step(whole - spent, longest, by_then - expected)
        spent, expected = whole, by_then


def main(config: Config) -> None:
    """Write the table."""
    from core.store import Store
    from reports import ledger, studies
    from reports.spending import resting_on

    store = Store()
    shelf = studies.collect(store)
    shelf.tell()
    lines = ledger.build(shelf.studies)
    views = [(study, resting_on(study, lines)) for study in shelf.studies]
    ahead = [list(steps(study, view)) for study, view in views if view.open]
    n_open = sum(len(view.open) for _, view in views)
    if not ahead:
        raise UserError(f"MLflow store {store.name}: no claim is open that seeds would decide")
    machines = (
        Machine("2 cores, as measured", 1, 1.0),
        Machine("16 cores", 8, 1.0),
        Machine("one H100", 1, config.gpu),
        Machine("64 GPUs", 64, config.gpu),
    )
    put("out", config.out, "\n".join(table(machines, ahead, n_open, config)) + "\n", MARKS)


def table(
    machines: Sequence[Machine], ahead: Sequence[Sequence[Step]], n_open: int, config: Config
) -> Iterator[str]:
    """Yield the lines of the table, and what it assumes."""
    from reports.running import span

    most = sum(step.verdicts for steps_ in ahead for step in steps_)
    yield f"{n_open} claims of {len(ahead)} studies are open that seeds can decide; all looks ahead"
    yield f"are expected to decide {most:.1f} of them."
    yield ""
    yield f"| machine | verdicts expected in {config.hours:g} h | all looks ahead take |"
    yield "|---|---|---|"
    for machine in machines:
        takes = sum(machine.seconds(step) for steps_ in ahead for step in steps_)
        verdicts = machine.night(ahead, 3600 * config.hours)
        yield f"| {machine.name} | {verdicts:.1f} | {span(takes)} |"
    yield ""
    yield "*Measured*: the seconds of the trials in the store, one process on a machine of 2 cores."
    yield f"*Assumed*: 16 cores are 8 such machines, an H100 is {config.gpu:g} of them, several"
    yield f"workers have {SHARED:.0%} of the sum of their speeds, no trial is divided, and studies"
    yield "follow one another."
