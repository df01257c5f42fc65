"""A comparison as one screen of text, as a page, as Markdown, as JSON and as a table."""

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.evaluation.intervals import Estimate
from reports import views, words
from reports.compare import drawings, sentences
from reports.compare.comparison import Comparison, Difference
from reports.compare.runs import History
from reports.page import environment

if TYPE_CHECKING:
    from reports.compare import Config

SCHEMA = 1
"""version of the JSON; a field is never renamed or given another meaning within one"""
ROWS, OPEN = 12, 3
"""arms that the screen lists, and for how many it says what would decide"""
CURVES = 100_000
"""points that the page reads to draw curves; more are left out"""


@dataclass(frozen=True)
class Source:
    """Where the runs come from."""

    config: "Config"
    uri: str
    experiment: str
    """its id"""
    history: History

    @property
    def command(self) -> str:
        """Return what was run."""
        return f"python -m reports compare {shlex.join(sys.argv[1:])}"

    def link(self, run: str) -> str:
        """Return the address of a run on MLflow's page."""
        return views.address(self.uri, self.experiment, run)


def screen(comparison: Comparison, source: Source) -> str:
    """Render one screen of text."""
    arms, differences = _arms(comparison)[:ROWS], _differences(comparison)[:ROWS]
    header = [f"minus {comparison.reference}", "", "interval", "p (Holm)", "verdict"]
    lines = [sentences.design(comparison, source.config), ""]
    lines += [*words.aligned([["arm", "mean", "95 % interval", "n", ""], *arms]), ""]
    lines += words.aligned([header, *differences])
    hidden = len(comparison.arms) - ROWS
    lines += [f"and {hidden} more arms on the page"] if hidden > 0 else []
    said = [(d.arm, sentences.advice(comparison, d)) for d in comparison.differences]
    open_ = [f"{arm}: {line}" if len(said) > 1 else line for arm, line in said if line]
    more = len(open_) - OPEN
    lines += [*open_[:OPEN], *([f"and {more} more undecided, on the page"] if more > 0 else []), ""]
    notes = sentences.notes(comparison, source.config)
    lines += [("! " if note.loud else "  ") + note.text for note in notes]
    out = "; ".join(f"{n} {why}" for why, n in sentences.left_out(comparison))
    return "\n".join([*lines, *([f"  Left out: {out}."] if out else [])])


def _arms(comparison: Comparison) -> list[list[str]]:
    """Print each arm: name, mean, interval, n, runs that it lost."""
    spec = sentences.form([arm.estimate for arm in comparison.arms if arm.estimate])
    rows = []
    for arm in comparison.arms:
        mean, interval = "", "one run"  # alone, its value would be read as the arm's
        if arm.estimate:
            mean, interval = f"{arm.estimate.value:{spec}}", sentences.interval(arm.estimate, spec)
        counts = {"diverged": arm.diverged, "crashed": arm.crashed}
        lost = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
        rows.append([arm.name, mean, interval, str(arm.n), lost])
    return rows


def _differences(comparison: Comparison) -> list[list[str]]:
    """Print each difference: arm, value, interval, p, verdict."""
    spec = f"+{sentences.form([d.shown.estimate for d in comparison.differences])}"
    return [
        [
            difference.arm + ("" if difference.is_paired else " (unpaired)"),
            f"{difference.shown.estimate.value:{spec}}",
            sentences.interval(difference.shown.estimate, spec),
            _p(difference).removeprefix("= "),
            sentences.verdict(comparison, difference),
        ]
        for difference in comparison.differences
    ]


def _p(difference: Difference) -> str:
    return "" if difference.p is None else words.chance(difference.p)


def as_json(comparison: Comparison, source: Source) -> str:
    """Render all numbers, unrounded."""
    table = comparison.table
    arms = [
        {
            "arm": arm.name,
            "n": arm.n,
            "estimate": arm.estimate.as_dict() if arm.estimate else None,
            "diverged": arm.diverged,
            "crashed": arm.crashed,
        }
        for arm in comparison.arms
    ]
    runs = table.frame[["run", "name", "arm", "pair", "value", "step", "outcome", "why"]]
    whole = {
        "schema": SCHEMA,
        "written": datetime.now().isoformat(timespec="minutes"),
        "options": {name: v for name, v in asdict(source.config).items() if name != "out"},
        "metric": table.metric,
        "higher_is_better": table.is_higher_better,
        "arms_by": table.arms,
        "pairs_by": table.pairs,
        "reference": comparison.reference,
        "comparisons": comparison.n_tests,
        "arms": arms,
        "differences": [_plain(comparison, difference) for difference in comparison.differences],
        "worst_case": [_plain(comparison, difference) for difference in comparison.worst],
        "notes": [asdict(note) for note in sentences.notes(comparison, source.config)],
        "runs": json.loads(runs.to_json(orient="records")),
    }
    return json.dumps(whole, indent=2)


def _plain(comparison: Comparison, difference: Difference) -> dict[str, Any]:
    return {
        "arm": difference.arm,
        "minus": difference.reference,
        "paired": difference.is_paired,
        "verdict": sentences.verdict(comparison, difference),
        "p_holm": difference.p,
        "larger": difference.superior.as_dict(),
        "same": difference.same.as_dict() if difference.same else None,
        "advice": sentences.advice(comparison, difference),
    }


def as_csv(comparison: Comparison, source: Source) -> str:
    """Render arms and differences as one table."""

    def row(kind: str, arm: str, estimate: Estimate, **more: Any) -> dict[str, Any]:
        numbers = {name: getattr(estimate, name) for name in ("value", "low", "high", "confidence")}
        return {"kind": kind, "arm": arm, **numbers, "n": estimate.n_seeds, **more}

    rows = [row("arm", arm.name, arm.estimate) for arm in comparison.arms if arm.estimate]
    for difference in comparison.differences:
        said = {"minus": difference.reference, "p_holm": difference.p}
        said["verdict"] = sentences.verdict(comparison, difference)
        rows.append(row("difference", difference.arm, difference.shown.estimate, **said))
    columns = ["kind", "arm", "minus", "value", "low", "high", "confidence", "n"]
    return pd.DataFrame(rows, columns=[*columns, "p_holm", "verdict"]).to_csv(index=False)


def markdown(comparison: Comparison, source: Source) -> str:
    """Render the tables and notes as Markdown."""
    return environment(False).get_template("compare.md.j2").render(**_shown(comparison, source))


def html(comparison: Comparison, source: Source) -> str:
    """Render the page: self-contained, drawings as SVG."""
    runs = comparison.table.frame.sort_values(["outcome", "arm", "pair"], key=_natural)
    template = environment(True).get_template("compare.html.j2")
    return template.render(
        **_shown(comparison, source),
        strip=drawings.strip(comparison),
        forest=drawings.forest(comparison),
        curves=drawings.curves(*_curves(comparison, source)),
        runs=runs.to_dict("records"),
    )


def _natural(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().all() else column


def _shown(comparison: Comparison, source: Source) -> dict[str, Any]:
    """Return what the templates take."""
    differences = [
        {
            "cells": row,
            "advice": sentences.advice(comparison, d),
            "p": _p(d),
            "size": f"{d.shown.estimate.n_seeds} {sentences.units(comparison, d)}",
        }
        for row, d in zip(_differences(comparison), comparison.differences, strict=True)
    ]
    return {
        "comparison": comparison,
        "source": source,
        "design": sentences.design(comparison, source.config),
        "headline": sentences.headline(comparison),
        "arms": _arms(comparison),
        "differences": differences,
        "notes": sentences.notes(comparison, source.config),
        "left_out": sentences.left_out(comparison),
        "written": datetime.now().strftime("%Y-%m-%d %H:%M"),
    }


def _curves(comparison: Comparison, source: Source) -> tuple[dict[str, pd.DataFrame], str]:
    """Return arm -> step x run of the metric, or why there is none."""
    names, table = [arm.name for arm in comparison.arms][: drawings.COLOURS], comparison.table
    shown = table.used.query("arm in @names")
    if (shown["last"] <= 0).all():
        return {}, f"{table.metric} was logged once a run: there are no curves."
    ids = shown["run"].tolist()
    n_points = len(source.history(ids[:1], table.metric)[ids[0]]) * len(ids)
    if n_points > CURVES:
        return {}, f"About {n_points:,} points are too many to draw curves from."
    points = source.history(ids, table.metric)
    of_arms = {name: shown.loc[shown["arm"] == name, "run"] for name in names}
    frames = {
        name: pd.DataFrame({run: points[run] for run in runs}).sort_index()
        for name, runs in of_arms.items()
    }
    more = f"Of {len(comparison.arms)} arms, the best {len(names)} are drawn."
    return frames, more if len(comparison.arms) > len(names) else ""


RENDER: dict[str, Callable[[Comparison, Source], str]] = {
    "html": html,
    "md": markdown,
    "json": as_json,
    "csv": as_csv,
}
