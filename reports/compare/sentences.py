"""A comparison in words: verdicts, what would decide, and what a reader must know."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.evaluation.intervals import Estimate
from core.evaluation.looks import grid_from
from reports import words
from reports.compare import naming
from reports.compare.comparison import Comparison, Difference
from reports.compare.grouping import Note
from reports.compare.pitfalls import some

if TYPE_CHECKING:
    from reports.compare import Config

LOOK = (
    "Verdicts hold for one look at these runs: who adds seeds until it pleases gets more false "
    "ones than 5 %. To look again, say so beforehand: --looks."
)


def form(estimates: Sequence[Estimate]) -> str:
    """Return the format that shows a typical interval's half-width with two digits."""
    halves = sorted((e.high - e.low) / 2 for e in estimates if 0 < e.high - e.low < math.inf)
    if not halves or max(abs(e.value) for e in estimates) > 1e12:
        return "z.4g"
    digits = 1 - math.floor(math.log10(halves[len(halves) // 2]))
    return f"z.{max(digits, 0)}f" if digits <= 10 else "z.4g"


def interval(estimate: Estimate, spec: str) -> str:
    """Print an interval: `0.905 to 0.919`; `none` where there is no variance."""
    if not math.isfinite(estimate.high - estimate.low):
        return "none"
    return f"{estimate.low:{spec}} to {estimate.high:{spec}}"


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
        f"{some(arms, 4)} {'is' if len(arms) == 1 else 'are'} {what}"
        for what, arms in groups.items()
    ]
    role = "baseline" if found.is_baseline else f"best {found.table.metric} seen"
    return f"Against {found.reference} ({role}), {'; '.join(parts)}."


def design(found: Comparison, config: "Config") -> str:
    """Say what is compared, by what, and which way is better."""
    table = found.table
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
    other = found.table.frame.query("outcome != 'used'")
    reasons = other["why"].where(other["outcome"] != "diverged", "diverged: not a finite number")
    return [(str(why), int(n)) for why, n in reasons.value_counts().items()]


def _worst(found: Comparison) -> list[Note]:
    """Say what the differences were if lost runs had been as bad as the worst that is known."""
    lost = {arm.name: arm.diverged + arm.crashed for arm in found.arms}
    lines = []
    for each in found.worst:
        if n := lost[each.arm] + lost[each.reference]:
            estimate = each.shown.estimate
            spec = f"+{form([estimate])}"
            runs = f"the {n} lost runs" if n > 1 else "the lost run"
            lines.append(
                f"Worst case: with {runs} as bad as the worst seen, {each.arm} - {each.reference} "
                f"is {estimate.value:{spec}} ({interval(estimate, spec)}): {verdict(found, each)}."
            )
    return [Note("lost runs", line) for line in lines]


def notes(found: Comparison, config: "Config") -> list[Note]:
    """Return all that a reader must know, the loud first."""
    covered = "training sets of this size" if found.table.overlap else "seeds, on the same data"
    family = f"Holm over {found.n_tests} comparison{'s' * (found.n_tests > 1)}"
    if not found.is_baseline and len(found.arms) > 2:
        family += ", all pairs of arms, as the best is picked by looking"
    method = (
        f"Intervals cover new {covered}. Those of differences are at the level of their "
        f"verdict: {family}."
    )
    grid = ", ".join(map(str, grid_from(config.looks))) if config.looks else ""
    look = f"Verdicts are given at {grid} repetitions, which share the 5 %." if grid else LOOK
    quiet = [Note("method", method, loud=False), Note("looks", look, loud=False)]
    return sorted([*found.notes, *_worst(found), *quiet], key=lambda note: not note.loud)
