"""Arms compared: means, differences to the best or to a baseline, and what would decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import UserError
from core.evaluation import comparisons, intervals, looks, verdicts
from core.evaluation.components import crossed
from core.evaluation.intervals import Estimate
from core.evaluation.verdicts import Decision
from reports.compare import pitfalls
from reports.compare.grouping import LARGEST, Note, Table


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm by itself."""

    name: str
    n: int
    estimate: Estimate | None
    """mean of its runs; None for a single one"""
    diverged: int
    crashed: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An arm against the reference, at the level that the family leaves to it."""

    arm: str
    reference: str
    is_paired: bool
    superior: Decision
    """that the metric is larger than the reference's; its estimate is arm - reference"""
    same: Decision | None = None
    """that the two differ by less than the margin, if one was given"""

    @property
    def shown(self) -> Decision:
        """Return the decision whose interval is to be read."""
        is_same = self.same is not None and self.same.verdict == "supported"
        open_ = self.superior.verdict == "undecided"
        return self.same if self.same and is_same and open_ else self.superior

    @property
    def p(self) -> float | None:
        """Two-sided p of no difference, after Holm; none where the verdict is withheld."""
        if self.superior.withheld:
            return None
        return min(1.0, 2 * min(self.superior.p_supported, self.superior.p_refuted))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What an experiment's arms say of each other."""

    table: Table
    arms: list[Arm]
    """the best first"""
    reference: str
    is_baseline: bool
    """whether the reference was asked for; else it is the best"""
    margin: float | None
    n_tests: int
    """comparisons that Holm adjusts for"""
    differences: list[Difference]
    """to the reference, in the order of the arms"""
    worst: list[Difference]
    """the same if all lost runs had been as bad as the worst that is known; none without any"""
    notes: list[Note]
    """the table's, and which arms are not paired"""


def compare(
    table: Table,
    *,
    baseline: str | None = None,
    margin: float | None = None,
    first_look: int | None = None,
    accept_diverged: bool = False,
) -> Comparison:
    """Compare every arm with the baseline, or with the best.

    margin: the least difference that matters. first_look: pairs of the first of four looks that
    may be taken. accept_diverged: compare arms that diverged on other pairs. The best is found by
    looking, so all pairs of arms are the family that Holm adjusts for.
    """
    values = _values(table)
    order = values.groupby("arm")["value"].mean().sort_values(ascending=not table.is_higher_better)
    arms = [_arm(str(name), values, table) for name in order.index]
    compared = [arm.name for arm in arms if arm.n > 1]
    if baseline is not None and baseline not in compared:
        raise UserError(f"--baseline {baseline}: an arm is wanted: {', '.join(compared)}")
    reference = compared[0] if baseline is None else baseline
    others = [name for name in compared if name != reference]
    grid = looks.grid_from(first_look) if first_look else ()
    n_tests = len(others) if baseline is not None else len(compared) * (len(compared) - 1) // 2

    def judged(frame: pd.DataFrame, lost: pd.DataFrame) -> list[Difference]:
        differences = [_difference(frame, name, reference, table, margin, grid) for name in others]
        if not accept_diverged:
            differences = [_without_diverged(d, frame, lost) for d in differences]
        return _family(differences, n_tests)

    worst, lost = [], table.lost
    lost = lost[lost["arm"].isin(compared)]
    if len(lost):
        known = pd.concat([table.used, lost])["value"]
        known = known[known.abs() < LARGEST]
        filled = lost.assign(value=(min if table.is_higher_better else max)(known))
        worst = judged(_values(table, filled), lost.iloc[:0])
    differences = judged(values, lost)
    return Comparison(
        table=table,
        arms=arms,
        reference=reference,
        is_baseline=baseline is not None,
        margin=margin,
        n_tests=n_tests,
        differences=differences,
        worst=worst,
        notes=[*pitfalls.unpaired(table, differences), *table.notes],
    )


def _values(table: Table, more: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one value an arm and pair: arm, pair, value, and `order`, in which looks take pairs.

    Where seeds lie within folds, the value is their mean.
    """
    runs = table.used if more is None else pd.concat([table.used, more])
    if not table.pairs:
        return runs.assign(order=runs["started"])[["arm", "pair", "value", "order"]]
    groups = runs.groupby(["arm", "pair"], sort=False)
    return groups.agg(value=("value", "mean"), order=("started", "min")).reset_index()


def _column(values: pd.Series) -> NDArray[np.float64]:
    return values.to_numpy(np.float64)[:, None]


def _arm(name: str, values: pd.DataFrame, table: Table) -> Arm:
    sample = values.loc[values["arm"] == name, "value"]
    lost = table.lost.loc[table.lost["arm"] == name, "outcome"]
    return Arm(
        name=name,
        n=len(sample),
        estimate=_mean(_column(sample), table.overlap) if len(sample) > 1 else None,
        diverged=int((lost == "diverged").sum()),
        crashed=int((lost == "crashed").sum()),
    )


def _mean(column: NDArray[np.float64], overlap: float) -> Estimate:
    """Estimate a mean over seeds; over folds with the corrected resampled t."""
    if not overlap:
        return intervals.mean(column)
    parts = replace(crossed(column), overlap=overlap)
    return intervals.symmetric(float(column.mean()), parts)


def _difference(
    values: pd.DataFrame,
    name: str,
    reference: str,
    table: Table,
    margin: float | None,
    grid: tuple[int, ...],
) -> Difference:
    one, other = (values[values["arm"] == arm] for arm in (name, reference))
    both = one.merge(other, on="pair") if table.pairs else one.iloc[:0]
    paired = len(both) > 1  # one shared pair has no variance
    if paired:
        both = both.assign(order=both[["order_x", "order_y"]].max(axis=1)).sort_values("order")
        gaps = _column(both["value_x"] - both["value_y"])
        estimates = {n: _mean(gaps[:n], table.overlap) for n in looks.looks_at(grid, len(gaps))}
    else:
        a, b = (_column(arm.sort_values("order")["value"]) for arm in (one, other))
        estimates = {
            n: comparisons.unpaired(a[:n], b[:n]) if grid else comparisons.unpaired(a, b)
            for n in looks.looks_at(grid, min(len(a), len(b)))
        }

    def judged(test: Callable[[Estimate], Decision]) -> Decision:
        decisions = {n: test(estimate) for n, estimate in estimates.items()}
        return looks.over_looks(decisions, grid) if grid else decisions[max(decisions)]

    return Difference(
        arm=name,
        reference=reference,
        is_paired=paired,
        superior=judged(verdicts.superior),
        same=judged(lambda estimate: verdicts.equivalent(estimate, margin)) if margin else None,
    )


def _without_diverged(
    difference: Difference, values: pd.DataFrame, lost: pd.DataFrame
) -> Difference:
    """Withhold the verdict where the two arms did not diverge on the same pairs."""
    diverged = lost[lost["outcome"] == "diverged"]
    arms = (difference.arm, difference.reference)
    one, other = (set(diverged.loc[diverged["arm"] == arm, "pair"]) for arm in arms)
    if difference.is_paired:
        pairs = sorted({*one, *other, *values["pair"]})
        flags = [[pair in gone for pair in pairs] for gone in (one, other)]
    else:
        flags = [[bool(one or other)], [False]]
    same = difference.same and verdicts.withheld(difference.same, *flags)
    return replace(difference, superior=verdicts.withheld(difference.superior, *flags), same=same)


def _family(differences: Sequence[Difference], n_tests: int) -> list[Difference]:
    """Judge all differences together.

    Of one pair, "larger" and "the same" cannot both be true nulls that the same interval
    excludes, so that one comparison needs no adjusting for the second question; a family does.
    """
    larger = {f"larger: {d.arm}": d.superior for d in differences}
    same = {f"same: {d.arm}": d.same for d in differences if d.same}
    judged: dict[str, Decision] = {}
    for family in [larger, same] if n_tests == 1 else [larger | same]:
        size = n_tests * (2 if same and n_tests > 1 else 1)
        judged |= verdicts.decide_family(family, size=size)
    return [
        replace(d, superior=judged[f"larger: {d.arm}"], same=judged.get(f"same: {d.arm}"))
        for d in differences
    ]
