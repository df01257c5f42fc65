"""Compare the arms of any MLflow experiment: means over seeds, paired differences, verdicts.

Reads the experiment, whatever logged it, and changes nothing in its store. Prints one screen and
writes a page. Arms are the params that vary; runs are paired by a param such as seed or fold.

Command: python -m reports compare EXPERIMENT --metric val_acc --arm model --pair seed
Expected: docs/compare.md has an example to paste.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from annotated_types import Interval

from core.config import UNSAID, FilePath, Positive, Settled, check, check_options
from core.files import write_text

OUT = Path(__file__).parents[1] / "out"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compare."""

    experiment: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="EXPERIMENT")]
    """name or id of an MLflow experiment"""
    metric: Settled[str] = None
    """what to compare (default: the one that all runs share)"""
    arm: Annotated[tuple[str, ...], UNSAID] = ()
    """params whose values make an arm; tags.NAME is a tag (default: those that vary)"""
    pair: Annotated[tuple[str, ...], UNSAID] = ()
    """params whose values pair runs, or none (default: those named like a seed or a fold)"""
    uri: Settled[str] = None
    """MLflow's tracking address, or an SQLite file (default: MLFLOW_TRACKING_URI, or the repo's)"""
    baseline: Settled[str] = None
    """arm to compare the others with (default: the best)"""
    margin: Settled[Positive] = None
    """least difference that matters; then arms can be found the same, too"""
    step: str = "last"
    """last, a step, or best:METRIC, the step at which another metric was best"""
    where: Settled[str] = None
    """MLflow's filter of runs, such as "params.lr = '0.1'" """
    direction: Settled[Literal["higher", "lower"]] = None
    """which values are better (default: by the metric's name)"""
    level: Literal["leaves", "parents"] = "leaves"
    """of nested runs, those that hold the metric"""
    latest: bool = False
    """of several runs with one arm and seed, count the latest"""
    accept: Annotated[tuple[Literal["budget", "commit", "data", "diverged"], ...], UNSAID] = ()
    """compare although arms differ in budget, code commit or data, or diverged on other seeds"""
    budget: Settled[str] = None
    """param or metric that says how long a run trained (default: epochs or steps by name)"""
    test_share: Settled[Annotated[float, Interval(ge=0, lt=1)]] = None
    """part of the data that a fold or split tests (default: one over the number of folds)"""
    looks: Settled[Annotated[int, Interval(ge=3, le=10_000)]] = None
    """if seeds may be added until it is decided: pairs at the first of four looks, each twice the
    one before, which share the error"""
    format: Literal["html", "md", "json", "csv"] = "html"
    """a page with figures, Markdown, all numbers, or arms and differences as a table"""
    out: Settled[FilePath] = None
    """file to write; - prints it (default: reports/out/compare-EXPERIMENT.html, .md, ...)"""

    def __post_init__(self) -> None:
        check_options(self)
        kind, _, name = self.step.partition(":")
        known = self.step == "last" or self.step.isdigit() or (kind == "best" and bool(name))
        check("step", self.step, known, "last, a step such as 10, or best:METRIC")


def main(config: Config) -> None:
    """Read, compare, print one screen, write the page, and say where it is."""
    from core.store import Store
    from reports.compare import page, runs
    from reports.compare.comparison import compare

    store = Store(config.uri, read_only=True)
    place = store.find(config.experiment)
    matching = {run.id for run in store.runs(config.where, place)} if config.where else None
    table = runs.table(store.runs("", place), config, store.histories, matching)
    for line in store.left_out:
        print(f"left out: {line}", file=sys.stderr)
    comparison = compare(
        table,
        baseline=config.baseline,
        margin=config.margin,
        first_look=config.looks,
        accept_diverged="diverged" in config.accept,
    )
    source = page.Source(config, store.uri, place, store.histories)
    text = page.RENDER[config.format](comparison, source)
    if str(config.out) == "-":
        print(text)
        return
    print(page.screen(comparison, source))
    slug = "".join(c if c.isalnum() or c in "-_." else "-" for c in config.experiment)
    out = config.out or OUT / f"compare-{slug}.{config.format}"
    write_text(out, text)
    print(f"page: {out.resolve()}")
