"""From the runs of anybody's experiment to a table of arms and pairs; what misleads is named.

A run is taken as evidence only if nothing known about it says that it must not be. What the user
has to decide is refused, in one line with the option that decides it; the rest is a note.
"""

import difflib
import math
from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from core.errors import UserError
from core.store import Run
from reports.compare import grouping, naming, pitfalls
from reports.compare.grouping import Note, Table

if TYPE_CHECKING:
    from reports.compare import Config

History = Callable[[Sequence[str], str], Mapping[str, Mapping[int, float]]]
"""(runs, metric) -> run -> step -> value"""
PARENT = "mlflow.parentRunId"


def table(
    runs: Sequence[Run], config: "Config", history: History, matching: Collection[str] | None = None
) -> Table:
    """Sort runs into arms and pairs. Raises UserError where the answer would mislead.

    runs: all of an experiment that are not deleted. history: asked only where the step is not
    the last one. matching: runs that count, they or a run above them; all if not given.
    """
    level, notes = _at_level(runs, config.level, matching)
    finished = [run for run in level if run.status == "FINISHED"]
    if not finished:
        where = f" --where {config.where}" if config.where else ""
        seen = f"{len(level)} {config.level}, none of them finished" if level else "none"
        raise UserError(f"{config.experiment}{where}: finished runs are wanted, found: {seen}")
    metric = _metric(finished, runs, config)
    better = _direction(metric, config)
    frame = _values(level, metric, config, history)
    if not frame["outcome"].isin(["used", "diverged"]).any():
        counts = ", ".join(f"{n} {why}" for why, n in frame["why"].value_counts().items())
        raise UserError(f"{config.experiment}: no finished run with {metric}: {counts}")
    by_id = {run.id: run for run in level}
    all_runs = Table(metric=metric, is_higher_better=better, runs=by_id, frame=frame, notes=notes)
    grouped = grouping.grouped(all_runs, config)
    notes = [*grouped.notes, *pitfalls.named(grouped, config)]
    return replace(grouped, notes=sorted(notes, key=lambda note: not note.loud))


def _at_level(
    runs: Sequence[Run], level: str, matching: Collection[str] | None
) -> tuple[list[Run], list[Note]]:
    """Return leaf runs, with the params of the runs above them, or parent runs."""
    known = {run.id: run for run in runs}
    above = {run.tags[PARENT] for run in runs if PARENT in run.tags}
    wanted = [run for run in runs if (run.id in above) == (level == "parents")]
    others = len(runs) - len(wanted)
    kind = "child" if level == "parents" else "parent"
    text = f"Runs are nested: {others} {kind} runs are not counted, only the {level} are."
    notes = [Note("nested", text, loud=False)] if others and above else []
    lines = {run.id: _line(run, known) for run in wanted}
    if matching is not None:
        wanted = [run for run in wanted if any(r.id in matching for r in lines[run.id])]
    params = [dict(ChainMap(*(r.params for r in lines[run.id]))) for run in wanted]
    return [replace(run, params=p) for run, p in zip(wanted, params, strict=True)], notes


def _line(run: Run, known: Mapping[str, Run]) -> list[Run]:
    """Return a run and the runs above it."""
    line: list[Run] = []
    above: Run | None = run
    while above and above not in line:
        line.append(above)
        above = known.get(above.tags.get(PARENT, ""))
    return line


def _metric(finished: Sequence[Run], runs: Sequence[Run], config: "Config") -> str:
    """Settle the metric: the one given, or the one that all finished runs share."""
    has = [set(run.metrics) for run in finished]
    some = sorted(set().union(*has))
    if config.metric in some:
        return str(config.metric)
    if config.metric is not None:
        others = sum(config.metric in run.metrics for run in runs)
        if others and config.level == "leaves":
            raise UserError(
                f"--metric {config.metric}: none of the {len(finished)} finished leaf runs has "
                f"it, {others} others do, such as parents: --level parents compares those"
            )
        close = difflib.get_close_matches(config.metric, some, 3) or some[:10]
        raise UserError(
            f"--metric {config.metric}: one that finished runs have is wanted: {', '.join(close)}"
        )
    shared = [n for n in sorted(set.intersection(*has)) if not naming.is_bookkeeping(n)]
    if len(shared) == 1:
        return shared[0]
    if not some:
        raise UserError(f"{config.experiment}: its {len(finished)} finished runs log no metric")
    listed, have = ", ".join((shared or some)[:20]), "share" if shared else "have, not all of them"
    raise UserError(f"--metric: one is wanted; finished runs {have}: {listed}")


def _direction(metric: str, config: "Config") -> bool:
    if config.direction:
        return config.direction == "higher"
    better = naming.is_higher_better(metric)
    if better is None:
        raise UserError(
            f"--metric {metric}: its name does not say which way is better; "
            "--direction higher or --direction lower is wanted"
        )
    return better


def _values(level: Sequence[Run], metric: str, config: "Config", history: History) -> pd.DataFrame:
    """Return a row a run: its value at the wanted step, and what became of it."""
    chosen = config.step.partition(":")[2]
    if chosen == metric:
        raise UserError(
            f"--step {config.step}: the best of many epochs by the metric that is reported is too "
            "good by chance; choose by another, such as best:val_loss, or --step last"
        )
    points = {run.id: run.metrics.get(metric) for run in level}
    if config.step != "last":
        ids = [run.id for run in level if points[run.id] and run.status == "FINISHED"]
        points |= _at_step(ids, metric, config, history)
    missing = "" if config.step == "last" else f" at step {config.step}"
    rows = []
    for run in level:
        step, value = points[run.id] or (-1, math.nan)
        outcome, why = _outcome(run.status, points[run.id], f"no {metric}{missing}")
        last = (run.metrics.get(metric) or (-1, 0))[0]
        rows.append((run.id, run.name, run.started, value, step, last, outcome, why))
    names = ["run", "name", "started", "value", "step", "last", "outcome", "why"]
    return pd.DataFrame(rows, columns=names).set_index("run", drop=False).rename_axis(None)


def _at_step(
    ids: Sequence[str], metric: str, config: "Config", history: History
) -> dict[str, tuple[int, float] | None]:
    """Look a metric up at a step, or where another metric was best."""
    values, chosen = history(ids, metric), config.step.partition(":")[2]
    if not chosen:
        step = int(config.step)
        return {i: (step, values[i][step]) if step in values[i] else None for i in ids}
    better = naming.is_higher_better(chosen)
    if better is None:
        raise UserError(
            f"--step {config.step}: the name of {chosen} does not say which way is better; a "
            "metric whose name does is wanted, or a step"
        )
    points: dict[str, tuple[int, float] | None] = {}
    for i, curve in history(ids, chosen).items():
        finite = {step: value for step, value in curve.items() if math.isfinite(value)}
        best = (max if better else min)(finite, key=lambda step: finite[step], default=-1)
        points[i] = (best, values[i][best]) if best in values[i] else None
    return points


def _outcome(status: str, point: tuple[int, float] | None, missing: str) -> tuple[str, str]:
    if status in ("RUNNING", "SCHEDULED"):
        return "left out", "still running, or killed without a word"
    if point and not abs(point[1]) < grouping.LARGEST:  # NaN, too
        return "diverged", f"{point[1]} at step {point[0]}"
    if status != "FINISHED":
        return "crashed", f"crashed: it ended as {status}"
    return ("used", "") if point else ("left out", missing)
