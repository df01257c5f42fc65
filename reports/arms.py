"""The arms of a stored study: which there are, and the first metric of each with its interval."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import xarray as xr

from core.evaluation.intervals import Estimate
from core.trials import Trial
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import mean
from reports.studies import Study
from reports.tables import finite_mean


def arms(trials: xr.Dataset) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Yield every arm, at each level of the factors: its name, its levels, its trials' keys."""
    trained = trials["trained"].stack(group=[d for d in trials["trained"].dims if d != "seed"])
    for column in range(trained.sizes["group"]):
        part = trained.isel(group=column)
        seeds = part["seed"].values[part.values].tolist()
        if seeds:
            levels = {str(d): part[d].item() for d in trials["trained"].dims if d != "seed"}
            factors = tuple((k, v) for k, v in levels.items() if k != "arm")
            keys = [Trial(levels["arm"], seed, factors).key for seed in seeds]
            yield ", ".join(map(str, levels.values())), levels, keys


def number(arm: xr.Dataset, lesson: Lesson, metric: str) -> Estimate | None:
    """Estimate a metric from an arm's trials; None where no number is known."""
    if metric in lesson.estimates:
        return lesson.estimates[metric](arm)
    scores = lesson.scores.get(metric)
    bounds = lesson.bounds.get(scores or "")
    try:
        return mean(arm[scores], bounds) if scores else finite_mean(arm[metric])
    except NotTestedError:
        return None


@dataclass(frozen=True)
class Board:
    """All arms of a study by its first metric."""

    metric: str
    unit: str
    rows: dict[str, Estimate]

    def shown(self, name: str) -> str:
        """Print an arm's number with its interval; nothing without the arm."""
        if name not in self.rows:
            return ""
        shown = self.rows[name]
        return words.interval(shown.value, shown.low, shown.high, self.unit)


def boards(study: Study) -> Iterator[Board]:
    """Yield a board of the first of the lesson's metrics, or of all that it estimates itself.

    What has no number for any arm is left out.
    """
    lesson = study.lesson
    known = [name for name in lesson.columns if name in study.trials]
    for metric in [name for name in known if name in lesson.estimates] or known[:1]:
        numbers = {
            name: number(study.trials.sel(levels), lesson, metric)
            for name, levels, _ in arms(study.trials)
        }
        if rows := {name: estimate for name, estimate in numbers.items() if estimate}:
            is_hits = lesson.scores.get(metric, metric) not in (metric, *lesson.bounds)
            is_share = is_hits or metric in lesson.shares
            yield Board(metric, "percent" if is_share else "", rows)
