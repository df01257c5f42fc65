"""Run what claims need, one study after the other, and print the verdicts.

Command:  python -m reports replicate W3            (on the published data)
          python -m reports replicate --all         (every study; an hour on 2 CPU cores)
          python -m reports replicate --budget 8h   (the same, then more seeds)
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from core import cli, torchrun
from core.config import UNSAID, FolderPath, NameOrFile, Settled, check
from core.data.config import default_root
from core.errors import UserError
from reports.running import DURATION, Duration, Where, seconds, span

if TYPE_CHECKING:
    from core.store import Store

INTERRUPTED = {128 + sign for sign in (*cli.SIGNALS, signal.SIGPIPE)}
PATIENCE = 3.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Config(Where):
    """Which claims to replicate.

    Trials that are in the store are not trained again.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, UNSAID] = ()
    """claims, such as W3"""
    everything: Annotated[bool, tyro.conf.arg(name="all"), tyro.conf.FlagCreatePairsOff] = False
    """all of them, by the studies listed in reports/plan.toml: on real data where --data-root or
    DATA_ROOT names some, else on embedded data"""
    budget: Duration = None
    """time for all of them, such as 1h or 8h: the plan, on the published protocol where that fits,
    then more seeds of the studies where they are expected to decide most claims a second"""
    data_root: Settled[FolderPath] = None
    """where the real data lies (default: the environment's DATA_ROOT, else ./data)"""
    weights: NameOrFile = "imagenet"
    """of the MobileNetV2 of --all: imagenet (torchvision's, downloaded), or a FILE that holds a
    state dict"""

    def __post_init__(self) -> None:
        from reports.lessons import claims  # with pandas, which --help does without

        super().__post_init__()
        if torchrun.is_used():
            raise UserError(
                "torchrun: replicate starts a process a study; the script of one study is wanted"
            )
        unknown = " ".join(name for name in self.names if name not in claims())
        if unknown:
            raise UserError(f"claims {unknown}: one or more of {', '.join(claims())} are wanted")
        if bool(self.names) == self.has_plan:
            shown = " ".join(self.names) or "(none)"
            raise UserError(f"claims {shown}: either claims or --all or --budget is wanted")
        check("budget", self.budget, self.budget is None or seconds(self.budget) > 0, DURATION)
        there = not (self.has_plan and self.is_real) or self.root.is_dir()
        check("data_root", self.root, there, "a folder")
        file = self.weights == "imagenet" or Path(self.weights).is_file()
        check("weights", self.weights, file, "imagenet or a file")
        used = self.has_plan or self.weights == "imagenet"
        check("weights", self.weights, used, "--all or --budget, whose studies use it,")

    @property
    def has_plan(self) -> bool:
        """Tell whether studies are run by the plan."""
        return self.everything or self.budget is not None

    @property
    def root(self) -> Path:
        """Return where the real data lies."""
        return self.data_root or default_root()

    @property
    def is_real(self) -> bool:
        """Tell whether somebody named that folder."""
        return self.data_root is not None or bool(os.environ.get("DATA_ROOT"))


@dataclass(frozen=True)
class Step:
    """A command of the plan."""

    command: str
    minutes: float
    """about, on 2 quiet CPU cores; 0: not known"""


class Runs:
    """Runs commands one after the other until a time; remembers which failed."""

    def __init__(self, data_root: Path, until: float, where: str = "") -> None:
        """Begin. where: options of all commands, see `Where.options`."""
        self.data_root, self.until, self.where = data_root, until, where
        self.done: list[str] = []
        self.failed: list[str] = []

    @property
    def left(self) -> float:
        """Return the seconds that are left."""
        return self.until - time.monotonic()

    def run(self, command: str, title: str) -> None:
        """Run a command; an interrupt of it ends this process too."""
        print(f"[{title}] {command}", flush=True)
        start = time.monotonic()
        status = run(command + self.where, self.data_root)
        if status in INTERRUPTED:
            sys.exit(status)
        print(f"  {'failed after' if status else 'took'} {time.monotonic() - start:.0f} s")
        (self.failed if status else self.done).append(command)


def main(config: Config) -> None:
    """Run each study once, then print the lines of the ledger; exit with 1 if a study failed.

    With a budget, what does not fit is left out, and what is left is spent on more seeds.
    """
    from core.store import Store
    from reports import spending
    from reports.lessons import claims

    budget = seconds(config.budget) if config.budget else inf
    steps = planned(config, budget) if config.has_plan else asked(config.names)
    runs = Runs(config.root, time.monotonic() + budget, config.options)
    if config.budget:
        tell(steps, budget)
    for index, step in enumerate(steps, 1):
        if 60 * step.minutes <= runs.left:
            runs.run(step.command, f"{index}/{len(steps)}")
        else:
            print(f"left out, {span(max(runs.left, 0))} are left: {step.command}")
    if config.budget:
        spending.on_looks(Store(), runs)
    show(Store(), config.names or tuple(claims()))
    for command in runs.failed:
        print(f"failed, see above: {command}", file=sys.stderr)
    sys.exit(1 if runs.failed else 0)


def tell(steps: Sequence[Step], budget: float) -> None:
    """Print the plan."""
    print(f"plan for {span(budget)}; times are those of 2 quiet CPU cores, with nothing stored")
    for step in steps:
        print(f"  {step.minutes:4.0f} min  {step.command}")
    left = budget - 60 * sum(step.minutes for step in steps)
    print(f"  {span(left)} are left for more seeds, where they decide most claims a second\n")


def asked(names: Sequence[str]) -> list[Step]:
    """Return the commands that give verdicts on the published data."""
    from reports.lessons import claims

    return [Step(command, 0) for command in dict.fromkeys(claims()[n].command for n in names)]


def planned(config: Config, budget: float = inf) -> list[Step]:
    """Return the plan's steps that fit into a budget of seconds, with the user's paths in them.

    Where the published protocol of a study fits beside all the others, it takes its place.
    """
    plan = tomllib.loads(Path(__file__).with_name("plan.toml").read_text(encoding="utf-8"))
    entries = plan["real" if config.is_real else "embedded"]
    steps = [Step(_filled(entry["run"], config), entry["minutes"]) for entry in entries]
    if budget == inf:
        return steps
    left = budget / 60 - sum(step.minutes for step in steps)
    for index, entry in enumerate(entries):
        more = entry.get("published_minutes", inf) - entry["minutes"]
        if more <= left:
            command = _filled(entry["published"], config)
            steps[index], left = Step(command, entry["published_minutes"]), left - more
    fitting, left = [], budget / 60
    for step in steps:
        if step.minutes <= left:
            fitting.append(step)
            left -= step.minutes
    return fitting


def _filled(command: str, config: Config) -> str:
    """Put the user's paths into a command."""
    weights = config.weights if config.weights == "imagenet" else os.path.abspath(config.weights)
    paths = {"DATA_ROOT": str(config.root.resolve()), "WEIGHTS": weights}
    arguments = shlex.split(command)
    for name, path in paths.items():
        arguments = [argument.replace(name, path) for argument in arguments]
    return shlex.join(arguments)


def run(command: str, data_root: Path) -> int:
    """Run a command from the repo's root; return its exit status."""
    from core import provenance

    arguments = [sys.executable, *shlex.split(command)[1:]]
    surroundings = {**os.environ, "DATA_ROOT": str(data_root.resolve())}
    with subprocess.Popen(arguments, cwd=provenance.ROOT, env=surroundings) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # a terminal tells the child too, and it closes its runs
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.terminate()  # a scheduler told this process only
            raise


def show(store: "Store", names: Sequence[str]) -> None:
    """Print the claims' lines of the ledger."""
    from reports import ledger, studies, words

    shelf = studies.collect(store)
    shelf.tell()
    for line in ledger.build(shelf.studies):
        if line.claim.name not in names:
            continue
        print(f"\n{line.claim.name}: {line.claim.statement}\n  published: {line.claim.published}")
        for evidence in line.evidence[:1]:
            parts = "; ".join(words.parts(evidence.entry)) or "not tested"
            data = "; ".join([evidence.study.data, *evidence.caveats])
            print(f"  ours on {data}: {parts}")
            print(f"  {evidence.entry.verdict}. {words.advice(evidence.entry)}".rstrip())
        if not line.evidence:
            print(f"  not tested here: {line.claim.command}")
