"""A comparison in words: verdicts, what would decide, and what a reader must know."""

import math
from collections.abc import Iterator, Sequence
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


def verdict(comparison: Comparison, difference: Difference) -> str:
    """Name a verdict: better, worse, the same, or undecided."""
    margin, larger = comparison.margin, difference.superior.verdict
    same = difference.same.verdict if difference.same else "undecided"
    if larger == "undecided":
        text = {"supported": f"the same, within {margin}", "refuted": f"differs by over {margin}"}
        return text.get(same, "undecided")
    better = (larger == "supported") == comparison.table.is_higher_better
    extent = {"supported": f", by less than {margin}", "refuted": f", by over {margin}"}
    return ("better" if better else "worse") + extent.get(same, "")


def advice(comparison: Comparison, difference: Difference) -> str:
    """Say what would decide a difference; nothing where it is decided."""
    if verdict(comparison, difference) != "undecided":
        return ""
    return words.what_would_decide(difference.superior, seeds=units(comparison, difference))


def units(comparison: Comparison, difference: Difference) -> str:
    """Name what a difference's repetitions are."""
    roles = {naming.role(name) for name in comparison.table.pairs} - {""}
    one = "fold" if comparison.table.overlap else roles.pop() if len(roles) == 1 else "pair"
    return f"{one}s" if difference.is_paired else "runs an arm"


def headline(comparison: Comparison) -> str:
    """Say in a sentence what the comparison found."""
    groups: dict[str, list[str]] = {}
    for difference in comparison.differences:
        groups.setdefault(verdict(comparison, difference), []).append(difference.arm)
    parts = [
        f"{some(arms, 4)} {'is' if len(arms) == 1 else 'are'} {what}"
        for what, arms in groups.items()
    ]
    role = "baseline" if comparison.is_baseline else f"best {comparison.table.metric} seen"
    if not comparison.is_baseline and any(arm.n < 2 for arm in comparison.arms):
        role += " in two or more runs"
    return f"Against {comparison.reference} ({role}), {'; '.join(parts)}."


def design(comparison: Comparison, config: "Config") -> str:
    """Say what is compared, by what, and which way is better."""
    table = comparison.table
    better = "higher" if table.is_higher_better else "lower"
    why = "as asked" if config.direction else "by its name"
    step = "last step" if config.step == "last" else f"step {config.step}"
    paired = f"paired by {' and '.join(table.pairs)}" if table.pairs else "not paired"
    return (
        f"{config.experiment}: {table.metric}, {better} is better ({why}), {step}; "
        f"{len(table.used)} runs, {len(comparison.arms)} arms by {', '.join(table.arms)}, {paired}"
    )


def left_out(comparison: Comparison) -> list[tuple[str, int]]:
    """Count the runs that do not count, by reason."""
    other = comparison.table.frame.query("outcome != 'used'")
    reasons = other["why"].where(other["outcome"] != "diverged", "diverged: not a finite number")
    return [(str(why), int(n)) for why, n in reasons.value_counts().items()]


def _worst(comparison: Comparison) -> Iterator[Note]:
    """Say what the differences were if lost runs had been as bad as the worst that is known."""
    lost = {arm.name: arm.diverged + arm.crashed for arm in comparison.arms}
    for difference in comparison.worst:
        if n := lost[difference.arm] + lost[difference.reference]:
            estimate = difference.shown.estimate
            spec = f"+{form([estimate])}"
            runs = f"the {n} lost runs" if n > 1 else "the lost run"
            yield Note(
                "lost runs",
                f"Worst case: with {runs} as bad as the worst seen, {difference.arm} - "
                f"{difference.reference} is {estimate.value:{spec}} ({interval(estimate, spec)}): "
                f"{verdict(comparison, difference)}.",
            )


def _waiting(comparison: Comparison, grid: str) -> Iterator[Note]:
    """Say which differences wait for a look, and rest on fewer repetitions than are stored."""
    pairs = comparison.table.used.groupby("arm")["pair"].agg(list)
    for d in comparison.differences:
        one, other = pairs[d.arm], pairs[d.reference]
        n = d.shown.estimate.n_seeds
        stored = len({*one} & {*other}) if d.is_paired else min(len(one), len(other))
        if n < stored:
            part = f"{d.arm} - {d.reference} rests on the first {n} of {stored} repetitions"
            yield Note("waiting", f"{part}: the looks are at {grid}.")


def notes(comparison: Comparison, config: "Config") -> list[Note]:
    """Return all that a reader must know, the loud first."""
    scope = "training sets of this size" if comparison.table.overlap else "seeds, on the same data"
    family = f"Holm over {comparison.n_tests} comparison{'s' * (comparison.n_tests > 1)}"
    if comparison.n_tests > 1 and comparison.margin is not None:
        family += " of two questions each"
    if not comparison.is_baseline and comparison.n_tests > 1:
        family += ", all pairs of arms, as the best is picked by looking"
    method = (
        f"Intervals cover new {scope}. Those of differences are at the level of their "
        f"verdict: {family}."
    )
    grid = ", ".join(map(str, grid_from(config.looks))) if config.looks else ""
    look = f"Verdicts are given at {grid} repetitions, which share the 5 %." if grid else LOOK
    waiting = _waiting(comparison, grid) if grid else ()
    quiet = [Note("method", method, loud=False), Note("looks", look, loud=False)]
    return sorted(
        [*comparison.notes, *_worst(comparison), *waiting, *quiet], key=lambda note: not note.loud
    )
