"""What would mislead a reader of a comparison: refused, or named."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from core.errors import UserError
from core.store import Run
from reports.compare import naming
from reports.compare.grouping import Note, Table, names_pairs, names_runs, varying

if TYPE_CHECKING:
    from reports.compare import Config
    from reports.compare.comparison import Difference

COMMIT = "mlflow.source.git.commit"
UNRELATED = "they are compared as unrelated samples (Welch, with wider limits)"
TOLERANCE = 0.1
"""part by which the arms' mean budgets may differ where the budget is measured, as seconds are"""


def named(table: Table, config: "Config") -> Iterator[Note]:
    """Yield what a reader must know. Raises UserError for what the user has to decide."""
    yield from _mixed(table)
    yield from _selection(table.metric)
    yield from _design(table)
    yield from _unlike(table, config)


def _mixed(table: Table) -> Iterator[Note]:
    """Say what varies among the runs of an arm."""
    used, chosen = table.used, table.params.loc[table.used.index]
    inside = [
        name
        for name in varying(chosen)
        if name not in (*table.arms, *table.identity)
        and not naming.role(name)
        and not names_pairs(chosen, name, table.identity)
        and (naming.is_numeric(chosen[name]) or not names_runs(chosen, name))
        and chosen.groupby(used["arm"])[name].nunique().max() > 1
    ]
    if inside:
        yield Note("mixed", f"Runs of one arm differ in {some(inside)}: arms are mixtures.")


def _selection(metric: str) -> Iterator[Note]:
    if {"best", "max", "min"} & set(naming.words(metric)):
        yield Note(
            "selection",
            f"{metric} may be the best epoch by itself, which is too good by chance: a metric at "
            "the last step, or at one chosen by another (--step best:val_loss), is safer.",
        )


def _design(table: Table) -> Iterator[Note]:
    """Say whether and how runs are paired; refuse single runs."""
    used, lost = table.used, table.lost
    counts = used.groupby("arm").size()
    gone = lost[~lost["arm"].isin(counts.index)].groupby("arm").size()
    if len(gone):
        shown = some([f"{arm} ({n})" for arm, n in gone.items()])
        yield Note("lost arms", f"All runs diverged or crashed of: {shown}.")
    by = f"--arm {' '.join(table.arms)}"
    if len(counts) < 2:
        only = ", ".join(counts.index) or "none"
        gone_ = f"; {len(lost)} runs diverged or crashed" if len(lost) else ""
        raise UserError(
            f"{by}: 2 or more arms with runs that count are wanted, found: {only}{gone_}"
        )
    if (counts > 1).sum() < 2:
        raise UserError(
            f"{by}: {len(counts)} arms, {(counts < 2).sum()} of one run each, are no comparison: "
            "more seeds are wanted, or fewer params"
        )
    single = [str(arm) for arm in counts.index[counts < 2]]
    if single:
        yield Note("one run", f"One run is no comparison: {some(single)} is only listed.")
    if not table.pairs:
        yield Note("unpaired", f"Runs are not paired: {UNRELATED}.")
    elif used.groupby("pair")["arm"].nunique().max() > 1:
        yield from _missing(table)


def _missing(table: Table) -> Iterator[Note]:
    """Name the pairs that some arm lacks. Where none is shared, `comparison` says so."""
    pairs = sorted(set(table.used["pair"]), key=lambda pair: (len(pair), pair))  # 9 before 10
    name = " and ".join(table.pairs)
    lacking = {
        arm: [pair for pair in pairs if pair not in set(present)]
        for arm, present in table.used.groupby("arm")["pair"]
    }
    missing = [f"{arm} ({name} {some(gone)})" for arm, gone in lacking.items() if gone]
    if missing:
        text = "Arms are compared on the pairs that both have, where these are two or more."
        text += " Some lack pairs:"
        yield Note("missing pairs", f"{text} {some(missing)}.")


def unpaired(table: Table, differences: Sequence["Difference"]) -> list[Note]:
    """Say which arms share too few pairs with the reference to be paired with it."""
    alone = [d.arm for d in differences if table.pairs and not d.is_paired]
    if not alone:
        return []
    pair = " and ".join(table.pairs)
    who, ref = ", ".join(alone), differences[0].reference
    if table.overlap:
        raise UserError(
            f"--pair {' '.join(table.pairs)}: {who} and {ref} share fewer than two {pair}s, "
            "and parts of one data set compare only one by one; the same for every arm are wanted"
        )
    text = f"{who} and {ref} share fewer than two {pair}s: {UNRELATED}."
    return [Note("unpaired", f"{text} The same {pair}s for every arm would tell more.")]


def _stops(table: Table, config: "Config") -> Iterator[Note]:
    """Say where runs ended at different steps; as a budget, where nothing else tells it."""
    last = "step " + table.used["last"].astype(str)
    differing = {} if config.step.isdigit() else _differing(table.used, last)
    if differing:
        text = f"Runs logged {table.metric} up to different steps ({_by_arm(differing)})"
        yield Note("stops", f"{text}: they stopped early, or were cut short.")


def _unlike(table: Table, config: "Config") -> Iterator[Note]:
    """Refuse arms that differ in budget, data or commit, unless that is accepted."""
    used = table.used
    facts: dict[str, Mapping[str, str]]
    facts = {"commit": {i: table.runs[i].tags.get(COMMIT, "")[:7] for i in used.index}}
    if not any(map(naming.is_data, config.arm)):
        facts["data"] = {i: _data(table.runs[i]) for i in used.index}
    if not any(map(naming.is_budget, config.arm)):
        facts["budget"] = _budgets(table, config)
    for kind, known in facts.items():
        seen = pd.Series(known, dtype=object)
        differing = _differing(used, seen[seen != ""])
        if not differing:
            continue
        shown = _by_arm(differing)
        if kind not in config.accept:
            raise UserError(
                f"arms differ in {kind} ({shown}), so what is compared is not the arms alone: "
                f"--where \"params.NAME = 'VALUE'\" leaves some out, --accept {kind} compares all"
            )
        yield Note(kind, f"Arms differ in {kind}, as accepted ({shown}).")
    if "budget" not in config.accept:
        yield from _stops(table, config)


def _data(run: Run) -> str:
    """Return what identifies a run's data, as logged."""
    told = {**run.tags, **run.params}
    return ", ".join([*run.digests, *(told[name] for name in sorted(told) if naming.is_data(name))])


def _budgets(table: Table, config: "Config") -> Mapping[str, str]:
    """Return what each run was given: a named param or metric, else epochs, else its last step."""
    used, params, name = table.used, table.params.loc[table.used.index], config.budget
    if name and name not in params:
        spent = {
            i: table.runs[i].metrics[name][1] for i in used.index if name in table.runs[i].metrics
        }
        if not spent:
            raise UserError(f"--budget {name}: a param or a metric of the runs is wanted")
        means = pd.Series(spent).groupby(used["arm"]).mean()
        if means.max() <= (1 + TOLERANCE) * means.min():
            return {}
        return {i: f"{name} {means[used['arm'][i]]:.4g} on average" for i in spent}
    names = [name] if name else [n for n in params if naming.is_budget(n)]
    if not names and not config.step.isdigit():
        return ("last step " + used["last"].astype(str)).to_dict()
    return {i: ", ".join(f"{n} {v}" for n, v in row.items()) for i, row in params[names].iterrows()}


def _differing(used: pd.DataFrame, seen: pd.Series) -> dict[str, set[str]]:
    """Return arm -> values, where arms differ within a pair, or as a whole if none is shared."""
    known = used.loc[seen.index].assign(seen=seen)
    sets = {str(arm): set(values) for arm, values in known.groupby("arm")["seen"]}
    by_pair = known.groupby("pair")
    paired = len(by_pair) > 1 and by_pair["arm"].nunique().max() > 1
    unlike = (
        by_pair["seen"].nunique().max() > 1
        if paired
        else len(set(map(frozenset, sets.values()))) > 1
    )
    return sets if unlike else {}


def _by_arm(differing: Mapping[str, Collection[str]]) -> str:
    """Say which arms have which values; arms that have the same are named together."""
    alike: dict[str, list[str]] = {}
    for arm, values in differing.items():
        alike.setdefault(some(sorted(values)), []).append(arm)
    return "; ".join(f"{some(arms)}: {values}" for values, arms in alike.items())


def some(names: Sequence[str], at_most: int = 3) -> str:
    """List names, the first of many."""
    shown = ", ".join(names[:at_most])
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"
