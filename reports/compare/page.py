"""A comparison as one screen of text, as a page, as Markdown, as JSON and as a table."""

import json
import math
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.evaluation.intervals import Estimate
from core.evaluation.looks import grid_from
from reports import words
from reports.compare import drawings, naming
from reports.compare.comparison import Comparison, Difference
from reports.compare.grouping import Note
from reports.compare.runs import History
from reports.page import environment

if TYPE_CHECKING:
    from reports.compare import Config

SCHEMA = 1
"""version of the JSON; a field is never renamed or given another meaning within one"""
ROWS = 12
"""arms that the screen lists"""
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

    @property
    def server(self) -> str:
        """Return the address of MLflow's page."""
        return self.uri.rstrip("/") if self.uri.startswith("http") else "http://127.0.0.1:5000"

    def link(self, run: str) -> str:
        """Return the address of a run on MLflow's page."""
        return f"{self.server}/#/experiments/{self.experiment}/runs/{run}"


# -- words --------------------------------------------------------------------------------------


def decimals(estimates: Sequence[Estimate]) -> int:
    """Return how many decimals show a typical interval's half-width with two digits."""
    halves = sorted((e.high - e.low) / 2 for e in estimates if 0 < e.high - e.low < math.inf)
    if not halves:
        return 4
    return min(max(1 - math.floor(math.log10(halves[len(halves) // 2])), 0), 10)


def span(estimate: Estimate, digits: int, sign: str = "") -> str:
    """Print an interval: `0.905 to 0.919`."""
    if not math.isfinite(estimate.high - estimate.low):
        return "none"
    return f"{estimate.low:{sign}.{digits}f} to {estimate.high:{sign}.{digits}f}"


def verdict(found: Comparison, each: Difference) -> str:
    """Name a verdict: better, worse, the same, or undecided."""
    margin, larger = found.margin, each.superior.verdict
    same = each.same.verdict if each.same else "undecided"
    if larger == "undecided":
        text = {"supported": f"the same, within {margin}", "refuted": f"differs by over {margin}"}
        return text.get(same, "undecided")
    better = (larger == "supported") == found.table.is_higher_better
    extent = {"supported": f", by less than {margin}", "refuted": f", by over {margin}"}
    return ("better" if better else "worse") + extent.get(same, "")


def advice(found: Comparison, each: Difference) -> str:
    """Say what would decide a difference; nothing where it is decided."""
    if verdict(found, each) != "undecided":
        return ""
    return words.what_would_decide(each.superior, seeds=units(found, each))


def units(found: Comparison, each: Difference) -> str:
    """Name what a difference's repetitions are."""
    roles = {naming.role(name) for name in found.table.pairs} - {""}
    one = "fold" if found.table.overlap else roles.pop() if len(roles) == 1 else "pair"
    return f"{one}s" if each.is_paired else "runs an arm"


def headline(found: Comparison) -> str:
    """Say in a sentence what the comparison found."""
    groups: dict[str, list[str]] = {}
    for each in found.differences:
        groups.setdefault(verdict(found, each), []).append(each.arm)
    parts = [
        f"{_some(arms)} {'is' if len(arms) == 1 else 'are'} {what}" for what, arms in groups.items()
    ]
    role = "baseline" if found.is_baseline else f"best {found.table.metric} seen"
    return f"Against {found.reference} ({role}), " + "; ".join(parts) + "."


def _some(names: Sequence[str], at_most: int = 4) -> str:
    shown = ", ".join(names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"


def title(found: Comparison, source: Source) -> str:
    """Say what is compared."""
    table, config = found.table, source.config
    better = "higher" if table.is_higher_better else "lower"
    why = "as asked" if config.direction else "by its name"
    step = "last step" if config.step == "last" else f"step {config.step}"
    paired = f"paired by {' and '.join(table.pairs)}" if table.pairs else "not paired"
    return (
        f"{config.experiment}: {table.metric}, {better} is better ({why}), {step}; "
        f"{len(table.used)} runs, {len(found.arms)} arms by {', '.join(table.arms)}, {paired}"
    )


def left_out(found: Comparison) -> list[tuple[str, int]]:
    """Count the runs that do not count, by reason."""
    frame = found.table.frame
    other = frame[frame["outcome"] != "used"]
    reasons = other["why"].where(other["outcome"] != "diverged", "diverged: not a finite number")
    return [(str(why), int(n)) for why, n in reasons.value_counts().items()]


def worst_cases(found: Comparison) -> list[str]:
    """Say what the differences were if lost runs had been as bad as the worst that is known."""
    lost = {arm.name: arm.diverged + arm.crashed for arm in found.arms}
    lines = []
    for each in found.worst:
        n = lost[each.arm] + lost[each.reference]
        if n:
            estimate = each.shown.estimate
            digits = decimals([estimate])
            shown = f"{estimate.value:+.{digits}f} ({span(estimate, digits, '+')})"
            runs = f"the {n} lost runs" if n > 1 else "the lost run"
            lines.append(
                f"Worst case: with {runs} as bad as the worst seen, {each.arm} - {each.reference} "
                f"is {shown}: {verdict(found, each)}."
            )
    return lines


LOOK = (
    "Verdicts hold for one look at these runs: who adds seeds until it pleases gets more false "
    "ones than 5 %. To look again, say so beforehand: --looks."
)


def notes(found: Comparison, source: Source) -> list[Note]:
    """Return all that a reader must know, the loud first."""
    covered = "training sets of this size" if found.table.overlap else "seeds, on the same data"
    method = f"Holm over {found.n_tests} comparison{'s' * (found.n_tests > 1)}"
    if not found.is_baseline and len(found.arms) > 2:
        method += ", all pairs of arms, as the best is picked by looking"
    first = source.config.looks
    grid = ", ".join(map(str, grid_from(first))) if first else ""
    look = f"Verdicts are given at {grid} repetitions, which share the 5 %." if first else LOOK
    return [
        *found.notes,
        *(Note("lost runs", line) for line in worst_cases(found)),
        Note(
            "method",
            f"Intervals cover new {covered}. Those of differences are at the level of their "
            f"verdict: {method}.",
            loud=False,
        ),
        Note("looks", look, loud=False),
    ]


def screen(found: Comparison, source: Source) -> str:
    """Render one screen of text."""
    lines = [title(found, source), ""]
    lines += _grid(["arm", "mean", "95 % interval", "n", ""], _arm_rows(found)[:ROWS])
    lines += [
        "",
        *_grid(
            [f"minus {found.reference}", "", "interval", "p (Holm)", "verdict"],
            _difference_rows(found)[:ROWS],
        ),
    ]
    hidden = len(found.arms) - ROWS
    lines += [f"and {hidden} more arms on the page"] if hidden > 0 else []
    open_ = [line for each in found.differences if (line := advice(found, each))]
    lines += (
        [f"{open_[0]}" + (f" ({len(open_) - 1} more are undecided.)" if len(open_) > 1 else "")]
        if open_
        else []
    )
    lines.append("")
    lines += [("! " if note.loud else "  ") + note.text for note in notes(found, source)]
    out = "; ".join(f"{n} {why}" for why, n in left_out(found))
    lines += [f"  Left out: {out}."] if out else []
    return "\n".join(lines)


def _arm_rows(found: Comparison) -> list[list[str]]:
    digits = decimals([arm.estimate for arm in found.arms if arm.estimate])
    rows = []
    for arm in found.arms:
        lost = [
            f"{n} {what}" for n, what in ((arm.diverged, "diverged"), (arm.crashed, "crashed")) if n
        ]
        if arm.estimate is None:
            rows.append([arm.name, "", "one run", str(arm.n), ", ".join(lost)])
        else:
            mean = f"{arm.value:.{digits}f}"
            rows.append([arm.name, mean, span(arm.estimate, digits), str(arm.n), ", ".join(lost)])
    return rows


def _difference_rows(found: Comparison) -> list[list[str]]:
    digits = decimals([each.shown.estimate for each in found.differences])
    rows = []
    for each in found.differences:
        estimate = each.shown.estimate
        name = each.arm + ("" if each.is_paired else " (unpaired)")
        value, interval = f"{estimate.value:+.{digits}f}", span(estimate, digits, "+")
        rows.append(
            [name, value, interval, words.chance(each.p).removeprefix("= "), verdict(found, each)]
        )
    return rows


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]


# -- files --------------------------------------------------------------------------------------


def as_json(found: Comparison, source: Source) -> str:
    """Render all numbers, unrounded."""
    config = {name: value for name, value in asdict(source.config).items() if name != "out"}
    arms = [
        {
            "arm": arm.name,
            "n": arm.n,
            "estimate": arm.estimate.as_dict() if arm.estimate else None,
            "diverged": arm.diverged,
            "crashed": arm.crashed,
        }
        for arm in found.arms
    ]
    frame = found.table.frame[["run", "name", "arm", "pair", "value", "step", "outcome", "why"]]
    whole = {
        "schema": SCHEMA,
        "written": datetime.now().isoformat(timespec="minutes"),
        "options": config,
        "metric": found.table.metric,
        "higher_is_better": found.table.is_higher_better,
        "arms_by": found.table.arms,
        "pairs_by": found.table.pairs,
        "reference": found.reference,
        "comparisons": found.n_tests,
        "arms": arms,
        "differences": [_plain(found, each) for each in found.differences],
        "worst_case": [_plain(found, each) for each in found.worst],
        "notes": [asdict(note) for note in notes(found, source)],
        "runs": json.loads(frame.to_json(orient="records")),
    }
    return json.dumps(whole, indent=2)


def _plain(found: Comparison, each: Difference) -> dict[str, Any]:
    return {
        "arm": each.arm,
        "minus": each.reference,
        "paired": each.is_paired,
        "verdict": verdict(found, each),
        "p_holm": each.p,
        "larger": each.superior.as_dict(),
        "same": each.same.as_dict() if each.same else None,
        "advice": advice(found, each),
    }


def as_csv(found: Comparison, source: Source) -> str:
    """Render arms and differences as one table."""
    rows: list[tuple[str, str, str, Estimate, int, float | None, str]]
    rows = [("arm", a.name, "", a.estimate, a.n, None, "") for a in found.arms if a.estimate]
    rows += [
        (
            "difference",
            e.arm,
            e.reference,
            e.shown.estimate,
            e.shown.estimate.n_seeds,
            e.p,
            verdict(found, e),
        )
        for e in found.differences
    ]
    return pd.DataFrame(
        [
            (kind, arm, minus, each.value, each.low, each.high, each.confidence, n, p, said)
            for kind, arm, minus, each, n, p, said in rows
        ],
        columns=[
            "kind",
            "arm",
            "minus",
            "value",
            "low",
            "high",
            "confidence",
            "n",
            "p_holm",
            "verdict",
        ],
    ).to_csv(index=False)


def markdown(found: Comparison, source: Source) -> str:
    """Render the tables and notes as Markdown."""
    return environment(False).get_template("compare.md.j2").render(**_shown(found, source))


def html(found: Comparison, source: Source) -> str:
    """Render the page: self-contained, drawings as SVG."""
    used = found.table.used
    return (
        environment(True)
        .get_template("compare.html.j2")
        .render(
            **_shown(found, source),
            strip=drawings.strip(found),
            forest=drawings.forest(found),
            curves=drawings.curves(*_curves(found, source)),
            runs=found.table.frame.sort_values(["outcome", "arm", "pair"], key=_natural).to_dict(
                "records"
            ),
            link=source.link,
            units=lambda each: units(found, each),
            n_used=len(used),
        )
    )


def _natural(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().all() else column


def _shown(found: Comparison, source: Source) -> dict[str, Any]:
    return {
        "found": found,
        "source": source,
        "title": title(found, source),
        "headline": headline(found),
        "arms": _arm_rows(found),
        "differences": [
            (row, advice(found, each), each)
            for row, each in zip(_difference_rows(found), found.differences, strict=True)
        ],
        "notes": notes(found, source),
        "left_out": left_out(found),
        "written": datetime.now().strftime("%Y-%m-%d %H:%M"),
    }


def _curves(found: Comparison, source: Source) -> tuple[dict[str, pd.DataFrame], str]:
    """Return arm -> step x run of the metric, or why there is none."""
    used = found.table.used
    names = [arm.name for arm in found.arms][: drawings.COLOURS]
    shown = used[used["arm"].isin(names)]
    metric = found.table.metric
    if (shown["last"] <= 0).all():
        return {}, f"{metric} was logged once a run: there are no curves."
    ids = shown["run"].tolist()
    n_points = len(source.history(ids[:1], metric)[ids[0]]) * len(ids)
    if n_points > CURVES:
        return {}, f"About {n_points:,} points are too many to draw curves from."
    points = source.history(ids, metric)
    frames = {
        name: pd.DataFrame(
            {run: points[run] for run in shown.loc[shown["arm"] == name, "run"]}
        ).sort_index()
        for name in names
    }
    text = (
        ""
        if len(found.arms) <= len(names)
        else f"Of {len(found.arms)} arms, the best {len(names)} are drawn."
    )
    return frames, text


RENDER: dict[str, Callable[[Comparison, Source], str]] = {
    "html": html,
    "md": markdown,
    "json": as_json,
    "csv": as_csv,
}
