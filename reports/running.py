"""How a study runs: on which workers, and how far along the grid of seeds, look by look.

cli.run(*running.by_looks(main, Config), __doc__)   # --on, --until and --budget
cli.run(*running.anywhere(main, Config), __doc__)   # --on; a study without seeds
"""

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from annotated_types import Interval

from core import torchrun
from core.config import ANYTHING, UNSAID, Settled, check, check_options

if TYPE_CHECKING:
    from core.fleet import Place
    from reports.studies import Study

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = "a duration such as 40s, 30m, 8h or 2d"
Duration = Annotated[str | None, ANYTHING, UNSAID]

Main = Callable[[Any], "Study | None"]
"""trains what a config with `seeds` asks for; returns the judged study, None without a store"""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where to train."""

    on: Annotated[str | None, ANYTHING, UNSAID] = None
    """who trains: loky:N, which is N processes of this machine, dask:ADDRESS, ray, ray:ADDRESS,
    slurm or slurm:KEY=VALUE,...; the numbers are the same (default: this process)"""
    gpus_per_group: Settled[Annotated[float, Interval(gt=0, le=1)]] = None
    """share of a GPU for each group of trials with --on ray; 0.5: two on one (default: 1)"""

    def __post_init__(self) -> None:
        check_options(self)
        check("on", self.on, not (self.on and torchrun.is_used()), "torchrun, or this option,")
        place, share = self.place(), self.gpus_per_group
        shares = share is None or (place is not None and place.engine == "ray")
        wanted = "--on ray (elsewhere as many processes on a GPU as are started there)"
        check("gpus_per_group", share, shares, wanted)

    def place(self) -> "Place | None":
        """Return what --on names. Raises UserError where it names nothing that is here."""
        if self.on is None:
            return None
        from core.fleet import Place

        return replace(Place.of(self.on), gpus=self.gpus_per_group)

    @property
    def options(self) -> str:
        """Return the options as a command has them."""
        given = {"--on": self.on, "--gpus-per-group": self.gpus_per_group}
        return "".join(f" {name} {shlex.quote(f'{x}')}" for name, x in given.items() if x)


@dataclass(frozen=True, kw_only=True)
class Running(Where):
    """Where to train, and how far to go."""

    until: Settled[Literal["decided"]] = None
    """go on with more seeds, 1, 2, 4 and 8 times those of the first look, until each claim that
    seeds can decide is decided; stop it at any time, the same command goes on"""
    budget: Duration = None
    """time for --until decided, such as 40s, 30m or 8h: a look that would not fit is not begun"""

    def __post_init__(self) -> None:
        super().__post_init__()
        check("budget", self.budget, self.budget is None or bool(self.until), "--until decided")
        check("budget", self.budget, self.budget is None or seconds(self.budget) > 0, DURATION)


def seconds(duration: str) -> float:
    """Return what `40s`, `30m` or `1.5h` takes; 0 for what is no duration."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([smhd])", duration)
    return float(match[1]) * UNITS[match[2]] if match else 0.0


def span(duration: float) -> str:
    """Say a time, in seconds, as words: `40 s`, `12 min`, `1 h 40 min`."""
    if duration < 90:
        return f"{max(duration, 0):.0f} s"
    hours, minutes = divmod(round(duration / 60), 60)
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)


def by_looks(main: Main, config: type) -> tuple[Callable[[Any], None], type]:
    """Return `main` and `config` for `cli.run`, with the options --on, --until and --budget."""

    def start(given: Any) -> None:
        running: Running = given.running
        if running.until is None:
            main(given.study)
        else:
            until_decided(main, given.study, seconds(running.budget) if running.budget else inf)

    return _placed(start), _options(config, Running)


def anywhere(main: Main, config: type) -> tuple[Callable[[Any], None], type]:
    """Return `main` and `config` for `cli.run`, with the option --on."""
    return _placed(lambda given: main(given.study)), _options(config, Where)


def _options(config: type, running: type) -> type:
    study = Annotated[config, tyro.conf.arg(name="")]  # type: ignore[valid-type]
    rest = ("running", running, field(default_factory=running))
    return make_dataclass("Options", [("study", study), rest], frozen=True, kw_only=True)


def _placed(start: Callable[[Any], object]) -> Callable[[Any], None]:
    """Let the studies that `start` runs train where --on says, or among torchrun's processes."""

    def placed(given: Any) -> None:
        from core.fleet import ON, Place

        if torchrun.is_used():
            torchrun.join()
        if torchrun.follows():
            torchrun.follow()
            return
        place = Place("torchrun") if torchrun.is_used() else given.running.place()
        device = given.study.device.device
        wanted = "cuda, without a number, as each process is given a GPU,"
        check("device", device, not (place and ":" in device), wanted)
        token = ON.set(place)
        try:
            start(given)
        finally:
            ON.reset(token)
        if torchrun.is_used():  # after an error torchrun ends the others
            torchrun.dismiss()

    return placed


def until_decided(main: Main, config: Any, budget: float = inf) -> None:
    """Run a study at its seeds, then look by look, while claims are open and the next look fits.

    budget: seconds. The first run is always made: what it costs is not known before it.
    """
    from reports.outlook import cost, outlook, told

    began = time.monotonic()
    while True:
        started = time.time()
        study = main(config)
        if study is None:
            print("the store is away, and verdicts with it: the same command goes on")
            return
        around = max(0.0, time.time() - started - _trained(study, started))
        view = outlook(study, config.seeds)
        print(f"\nafter {study.trials.sizes['seed']} seeds, {span(time.monotonic() - began)}:")
        print("\n".join(f"  {line}" for line in told(view)))
        if view.next_look is None:
            print("  nothing is left that more seeds would decide")
            return
        look = cost(study, view.next_look)
        left = budget - (time.monotonic() - began)
        takes = look.seconds + around
        print(
            f"  next look: {view.next_look} seeds, {look.trials:,} more trials, about {span(takes)}"
        )
        if takes > left:
            print(f"  that is more than the {span(left)} left; the same command goes on from here")
            return
        config = replace(config, seeds=view.next_look)


def _trained(study: "Study", since: float) -> float:
    """Return the seconds of training among the trials that began later."""
    from core.archive import kept
    from core.store import Store

    runs = kept(Store(), study.trials.attrs["key"])
    return sum(run.metrics["seconds"][1] for run in runs if run.started >= since - 1e-3)
