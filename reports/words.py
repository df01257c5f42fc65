"""Numbers as words: a value is printed with its interval and n, or not at all."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.evaluation.decisions import LEAST_IMAGES, LEAST_OF_A_CLASS, LEAST_SEEDS
from core.evaluation.intervals import Estimate
from core.evaluation.power import BEYOND, Needed
from core.evaluation.prediction import shown_by_one_run
from core.evaluation.verdicts import Decision
from reports.lessons import NO_DATA

if TYPE_CHECKING:
    from reports.judge import Entry

SYNTHETIC = (
    "The data is drawn by a program: this shows how the bench works, and is no evidence on the "
    "published claims."
)
SCALES = {"percent": (100, 1, " %", ""), "points": (100, 1, " points", "+")}
"""unit -> factor, decimals, suffix and sign of a number"""


def number(value: float, unit: str = "", *, bare: bool = False) -> str:
    """Print a number in a unit; 3 significant digits where the unit sets no decimals.

    unit: percent and points take fractions; any other is printed behind the number. bare: leave
    the unit out.
    """
    if math.isnan(value):
        return "n/a"
    factor, decimals, suffix, sign = SCALES.get(unit, (1, None, f" {unit}" if unit else "", ""))
    if decimals is None:
        text = f"{value:,.3g}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2e}"
        text = f"{value:,.0f}" if 1e3 <= abs(value) < 1e9 else text
    else:
        text = f"{factor * value:{sign}z.{decimals}f}"
    return text if bare else text + suffix


def breed(name: str) -> str:
    """Return a breed's name without the number in front and without underscores."""
    return re.sub(r"^(n\d{8}|\d+)[-._ ]+", "", name).replace("_", " ")


def chance(p: float) -> str:
    """Print a p value: `= 0.03`, `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def interval(value: float, low: float, high: float, unit: str = "") -> str:
    """Print a value and its interval: `84.8 % (84.1 to 85.4)`, or `n/a`."""
    if math.isnan(value):
        return number(value)
    low_, high_ = (number(bound, unit, bare=True) for bound in (low, high))
    return f"{number(value, unit)} ({low_} to {high_})"


def size(estimate: Estimate, images: str = "image") -> str:
    """Print what an estimate rests on: `10 seeds, 359 images`. images: one, in the singular."""
    parts = [(estimate.n_seeds, "seed"), (estimate.n_images, images)]
    return ", ".join(f"{n:,} {word}s" for n, word in parts if n > 1) or "1 run"


def estimate(estimated: Estimate, unit: str = "", images: str = "image") -> str:
    """Print an estimate with interval and n: `+1.2 points (+0.4 to +2.0; 10 seeds, 359 images)`."""
    shown = interval(estimated.value, estimated.low, estimated.high, unit)
    return f"{shown[:-1]}; {size(estimated, images)})"


def parts(entry: "Entry") -> list[str]:
    """Print every part of a verdict: name, value, interval, n."""
    members = entry.decision.members if entry.decision else {}
    return [_part(name, part.estimate, entry) for name, part in members.items()]


def deciding(entry: "Entry") -> str:
    """Print the part of a verdict that decides it, or is furthest from deciding."""
    if entry.decision is None:
        return ""
    name, _ = entry.decision.shown
    return _part(name, entry.decision.estimate, entry)


def _part(name: str, estimated: Estimate, entry: "Entry") -> str:
    shown = estimate(estimated, entry.claim.unit, entry.claim.images)
    return f"{name}: {shown}" if name else shown


def advice(entry: "Entry") -> str:
    """Say what would decide a claim, or what its test lacks; nothing if it is decided."""
    decision, claim = entry.decision, entry.claim
    if decision is None:
        return f"{entry.lacking} `{claim.command}`"
    return what_would_decide(decision, claim.images)


def apart(entries: "Iterable[Entry]") -> str:
    """Say that no verdict of a study counts as one on the published claims, and why."""
    tested = [entry for entry in entries if entry.decision and entry.claim.data != NO_DATA]
    if not tested or any(entry.as_published for entry in tested):
        return ""
    reasons = [*([] if tested[0].same_data else ["other data"]), *tested[0].departures]
    return f"Not counted among the published results: {'; '.join(reasons)}."


def following(entries: "Iterable[Entry]") -> str:
    """Return the command that tests the claims of a study on the published data, if it did not."""
    return next((e.claim.command for e in entries if e.decision and not e.same_data), "")


def what_would_decide(decision: Decision, images: str = "image", seeds: str = "seeds") -> str:
    """Say what would decide an undecided verdict; nothing if it is decided.

    images: one, in the singular; seeds: what repetitions are called, in the plural.
    """
    if decision.verdict != "undecided":
        return ""
    if reason := _withheld(decision, images, seeds):
        return reason
    return _needed(decision, images, seeds)


def _withheld(decision: Decision, images: str, seeds: str) -> str:
    """Say why there is no verdict, whatever the numbers are, and of which part."""
    held = {name: part for name, part in decision.members.items() if part.withheld}
    if not (held or decision.withheld):
        return ""
    name, part = next(iter(held.items()), ("", decision))
    first = decision.grid[0] if decision.grid else LEAST_SEEDS
    here = f"`{name}` has" if name else "here are"
    fewest = part.estimate.fewest
    least, n, of = LEAST_IMAGES, part.estimate.n_images, ""
    if fewest is not None:  # an area, which rests on two classes
        least, n, of = LEAST_OF_A_CLASS, fewest, " of either class"
    return {
        "few images": f"Verdicts begin at {least} {images}s{of}; {here} {n:,}.",
        "diverged": "Some trainings diverged where others did not: their means are not judged.",
    }.get(part.withheld, f"Verdicts begin at {first} {seeds}; here are {part.estimate.n_seeds}.")


def _needed(decision: Decision, images: str, seeds: str) -> str:
    """Say how many seeds or images would decide, in one sentence, or why none would."""
    needed, estimate = decision.needed, decision.estimate
    options = list(_options(needed, estimate, images, seeds)) if needed else []
    if not options and estimate.se == 0:
        return "All repetitions give the same number: there is no variance to judge by."
    if needed is None:
        return ""
    which = f"`{needed.part}`" if len(decision.parts) > 1 else "it"
    part = decision.members.get(needed.part, decision)
    if not options and part.looks and estimate.n_seeds > 1:  # seeds end at the last look
        last = part.grid[-1]
        ways = [f"at the last look ({last:,} {seeds})"] if estimate.n_seeds < last else []
        ways += [f"with {BEYOND:,} {images}s"] if estimate.n_images > 1 else []
        chance = f"the chance to decide {which} is below {100 * needed.power:.0f} %"
        return f"A near tie: {chance} {' or '.join(ways)}." if ways else "All looks are used."
    if not options:
        several = {seeds: estimate.n_seeds, f"{images}s": estimate.n_images}
        what = " or ".join(name for name, n in several.items() if n > 1)
        return f"A near tie: to decide {which} would take more than {BEYOND:,} {what}."
    plan = " or ".join(options)
    return f"About {plan} would decide {which}, if the truth is as observed."


def _options(needed: Needed, estimate: Estimate, images: str, seeds: str) -> Iterator[str]:
    """Yield the ways to a verdict: more seeds, more images, or both."""
    if needed.seeds is not None:
        more = f" ({needed.seeds - estimate.n_seeds:,} more)" if estimate.n_seeds > 1 else ""
        yield f"{needed.seeds:,} {seeds}{more}"
    if needed.images is not None:
        yield f"{needed.images:,} {images}s"
    if needed.together is not None:
        n_seeds, n_images = needed.together
        yield f"{n_seeds:,} {seeds} and {n_images:,} {images}s"


def one_run(entry: "Entry") -> str:
    """Say how likely a single run is to show the same sign; nothing where there is none."""
    decision = entry.decision
    if decision is None or decision.test != "superior" or decision.estimate.n_seeds < 2:
        return ""
    share = shown_by_one_run(decision.estimate, null=decision.margin)
    often = f"{100 * share:.0f} of 100" if share < 0.995 else "Nearly all"
    return f"{often} single runs would fall on the same side."


def table(frame: pd.DataFrame, units: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Print a frame as header and rows of text; a column and its _low and _high become one.

    A frame with `low` and `high` gives them to the numeric column before `low`.
    """
    names = [str(name) for name in frame.columns]
    bounds = {name: (f"{name}_low", f"{name}_high") for name in names if f"{name}_low" in names}
    if {"low", "high"} <= set(names):
        bounds[names[names.index("low") - 1]] = ("low", "high")
    hidden = {bound for pair in bounds.values() for bound in pair}
    shown = [name for name in names if name not in hidden]
    header = [name.replace("_", " ") for name in shown]
    rows = []
    for row in frame.to_dict("records"):
        cells = []
        for name in shown:
            unit = units.get(name, "")
            if name in bounds:
                low, high = (row[bound] for bound in bounds[name])
                cells.append(interval(row[name], low, high, unit))
            else:
                cells.append(_cell(row[name], unit))
        rows.append(cells)
    return header, rows


def _cell(value: Any, unit: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) and not unit else number(value, unit)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Print rows of text as lines whose columns stand below each other in a terminal."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes: wide letters two, accents none."""
    letters = (c for c in text if not unicodedata.combining(c))
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in letters)
