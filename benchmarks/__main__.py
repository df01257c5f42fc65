"""Measure speed, side by side.

More commands, each with --help:
  python -m benchmarks comparisons compare arms of simulated experiments whose truth is known
  python -m benchmarks fleet       10,000 trials that cost nothing; one worker against two
  python -m benchmarks gpu         what studies are made of, on an accelerator
  python -m benchmarks kills       kill studies at random moments until they end, compare every bit
  python -m benchmarks options     start every script with random options: one line, or it runs
  python -m benchmarks stores      damage stores at random: what is damaged is named, the rest shown
  python -m benchmarks verdicts    judge simulated studies whose truth is known, promise by promise
  python -m benchmarks writers     let 8 processes write while the store is away for a minute
"""

import importlib
import os
from dataclasses import dataclass
from typing import Annotated

import tyro
from annotated_types import Interval

from core import cli
from core.config import check_names

COMMANDS = ("comparisons", "fleet", "gpu", "kills", "options", "stores", "verdicts", "writers")
NAMES = (
    *("autoencoders", "dog_app", "dog_breeds", "face_detectors", "init_schemes", "reports"),
    *("roofline", "skin_lesions", "studies"),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to measure."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = NAMES
    """benchmarks to run"""
    full: bool = False
    """all of the work that a claim of speed is about, instead of a part that is scaled up"""
    repeats: Annotated[int, Interval(ge=1, le=1000)] = 5
    """runs of each piece of work"""
    write: bool = False
    """keep the figures in benchmarks/results and write docs/speed.md"""

    def __post_init__(self) -> None:
        check_names("NAMES", self.names, NAMES)


def main(config: Config) -> None:
    """Run the benchmarks one after another; print each figure when it is there."""
    from benchmarks import results

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{results.machine()}, load {load:.1f} at the start")
    rows = []
    for name in config.names:
        print(f"\n{name}", flush=True)
        for row in importlib.import_module(f"benchmarks.{name}").main(config.repeats, config.full):
            print(f"  {row}", flush=True)
            rows.append(row)
    if config.write:
        print(f"kept in {results.keep(rows)}")
        results.write_page()


if __name__ == "__main__":
    cli.run_command("benchmarks", COMMANDS, main, Config, __doc__ or "")
