"""Runs into arms and pairs, by the params that vary; copies, crashes that were run again, folds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from core.errors import UserError
from core.store import Run
from reports.compare import naming

if TYPE_CHECKING:
    from reports.compare import Config

UNSET, EMPTY = "not set", '""'
LARGEST = 1e150
"""a value whose square has no place: as bad as infinity"""


@dataclass(frozen=True)
class Note:
    """Something that a reader must know to read the numbers."""

    name: str
    text: str
    loud: bool = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """What the runs of an experiment say of a metric."""

    metric: str
    is_higher_better: bool
    runs: dict[str, Run]
    """by their ids, with the params of the runs above them"""
    frame: pd.DataFrame
    """one row a run: run, name, arm, pair, value, step, outcome (used, diverged, crashed, left
    out) and why it is left out"""
    params: pd.DataFrame = field(default_factory=pd.DataFrame)
    """run by param, as text"""
    arms: tuple[str, ...] = ()
    """params whose values make an arm"""
    pairs: tuple[str, ...] = ()
    """params whose values make a pair; none: runs are not paired"""
    identity: tuple[str, ...] = ()
    """params that tell repetitions apart, whether or not they pair"""
    overlap: float = 0.0
    """of folds: test over training data of each; 0 for seeds"""
    notes: list[Note] = field(default_factory=list)

    def noted(self, *notes: Note) -> "Table":
        """Return the same with more notes."""
        return replace(self, notes=[*self.notes, *notes])

    @property
    def used(self) -> pd.DataFrame:
        """Return the runs that count."""
        return self.frame[self.frame["outcome"] == "used"]

    @property
    def lost(self) -> pd.DataFrame:
        """Return the runs that would count had they not diverged or crashed."""
        return self.frame[self.frame["outcome"].isin(["diverged", "crashed"])]


def grouped(table: Table, config: "Config") -> Table:
    """Give every run its arm and pair."""
    frame = table.frame
    params = _params(list(table.runs.values()), (*config.arm, *config.pair))
    ready = params.loc[frame.index[frame["outcome"].isin(["used", "diverged"])]]
    if both := {*config.arm} & {*config.pair}:
        raise UserError(f"--pair {' '.join(both)}: it makes the arms; another param is wanted")
    seeds = _pairs(ready.drop(columns=list(config.arm)))
    pairs = () if config.pair == ("none",) else config.pair or seeds
    identity = pairs or seeds
    arms, notes = _arms(ready, identity, config.arm)
    frame = frame.assign(
        arm=labels(params, arms),
        pair=labels(params, pairs, bare=True) if pairs else "",
        same=labels(params, identity, bare=True) if identity else frame.index,
    )
    table = replace(table, params=params, arms=arms, pairs=pairs, identity=identity, frame=frame)
    return _folded(_without_reruns(_without_copies(table.noted(*notes), config)), config)


def _params(level: Sequence[Run], named: Sequence[str]) -> pd.DataFrame:
    """Return run by param; tags that are asked for by name are params too."""
    tags = [name.removeprefix("tags.") for name in named if name.startswith("tags.")]
    rows = [{**r.params, **{f"tags.{t}": r.tags.get(t, UNSET) for t in tags}} for r in level]
    frame = pd.DataFrame(rows, index=[run.id for run in level], dtype=object).fillna(UNSET)
    frame = frame.replace({r"^\s*$": EMPTY, r"\s+": " "}, regex=True)  # names fit on a line
    unknown = [name for name in named if name not in frame and named != ("none",)]
    if unknown:
        known = ", ".join(varying(frame)) or "none varies"
        raise UserError(
            f"{' '.join(unknown)}: no run has such a param; tags.NAME is a tag; params: {known}"
        )
    return frame


def varying(params: pd.DataFrame) -> list[str]:
    """Name the params with more than one value that say how a run trained."""
    return [n for n in params if len(set(params[n])) > 1 and not naming.is_machine(n)]


def _n_groups(params: pd.DataFrame, names: Sequence[str]) -> int:
    return len(params[list(names)].drop_duplicates())


def _pairs(params: pd.DataFrame) -> tuple[str, ...]:
    """Return the params that repeat a training: seed-like ones that vary, else a constant one."""
    marks = [name for name in params if naming.role(name) and not naming.are_shares(params[name])]
    kept: tuple[str, ...] = ()
    for name in varying(params[marks]):
        if not kept or _n_groups(params, (*kept, name)) > _n_groups(params, kept):
            kept = (*kept, name)
    return kept or tuple(marks[:1])


def _arms(
    params: pd.DataFrame, pairs: tuple[str, ...], given: tuple[str, ...]
) -> tuple[tuple[str, ...], list[Note]]:
    """Return the params that make arms, and what else differs between these."""
    free = [name for name in varying(params) if name not in pairs and not naming.role(name)]
    free = [
        n for n in free if not names_runs(params, n) and not names_pairs(params, n, pairs)
    ] or free
    other = {name: naming.is_data(name) or naming.is_budget(name) for name in free}
    # Words before numbers, many values before few: `model` names what `layers` follows.
    free.sort(key=lambda n: (other[n], naming.is_numeric(params[n]), -params[n].nunique()))
    arms = given
    for name in () if given else free:
        if not arms or _n_groups(params, (*arms, name)) > _n_groups(params, arms):
            arms = (*arms, name)
    if not arms:
        raise UserError(
            f"--arm: no param varies over the {len(params)} runs, apart from seeds; what is "
            "compared must be logged as one (or --arm tags.NAME)"
        )
    n_arms = _n_groups(params, arms)
    apart = [name for name in free if name not in arms and not other[name]]
    bound = [name for name in apart if _n_groups(params, (*arms, name)) == n_arms]
    text = f"Arms by {', '.join(arms)} also differ in {', '.join(bound)}: the difference is of all."
    return arms, [Note("confounded", text)] if bound else []


def names_runs(params: pd.DataFrame, name: str) -> bool:
    """Tell whether a param is another in every run, as an output folder is."""
    return params[name].nunique() == len(params)


def names_pairs(params: pd.DataFrame, name: str, pairs: tuple[str, ...]) -> bool:
    """Tell whether a param is another name of the pairs, as the seed of the data may be."""
    n = params[name].nunique()
    return bool(pairs) and n == _n_groups(params, pairs) == _n_groups(params, (*pairs, name))


def labels(params: pd.DataFrame, names: Sequence[str], *, bare: bool = False) -> pd.Series:
    """Join a run's values: `resnet`, or `model=resnet, lr=0.1` where there are several params."""
    if len(names) == 1:
        return params[names[0]].astype(str)
    columns = [("" if bare else f"{name}=") + params[name].astype(str) for name in names]
    return pd.concat(columns, axis=1).agg(", ".join, axis=1)


def _without_copies(table: Table, config: "Config") -> Table:
    """Refuse two runs of one arm and seed, or keep the latest."""
    frame, identity = table.frame, table.identity
    counting = frame[frame["outcome"].isin(["used", "diverged"])]
    groups = counting.groupby(["arm", "same"])
    copies = counting[groups["value"].transform("size") > 1]
    same_everywhere = len(set(counting["same"])) == 1
    if copies.empty:
        return table
    arm, same = copies[["arm", "same"]].iloc[0]
    what = f"{arm}, {' and '.join(identity)} {same}"
    if config.latest:
        latest = copies.sort_values("started").groupby(["arm", "same"]).tail(1).index
        older = copies.index.difference(latest)
        text = f"Of {len(copies)} runs that repeat a seed and arm, the latest counts."
        why = "an older run of the same seed and arm"
        return _leave_out(table, older, why).noted(Note("repeated runs", text))
    if config.pair == ("none",) and same_everywhere:
        text = f"All runs have {' and '.join(identity)} {same}: their spread is not that of seeds."
        return table.noted(Note("same seed", text))
    some, counted = table.params.loc[copies.index], table.params.loc[counting.index]
    differ = [name for name in varying(some) if name not in (*table.arms, *identity)]
    differ = [n for n in differ if naming.is_numeric(some[n]) or not names_runs(counted, n)]
    if differ:
        name = differ[0]
        raise UserError(
            f"{len(copies)} runs share arm and seed with others ({what}) and differ in "
            f"{', '.join(differ)}: --arm {' '.join([*table.arms, *differ])}, or one value by "
            f"--where \"params.{name} = '{some[name].iloc[0]}'\""
        )
    raise UserError(
        f"{len(copies)} runs repeat an arm and seed, such as {what}, which is no new "
        "evidence: --latest keeps the latest of each"
        + (", --pair none takes all" if same_everywhere else "")
    )


def _leave_out(table: Table, runs: pd.Index, why: str) -> Table:
    frame = table.frame.copy()
    frame.loc[runs, ["outcome", "why"]] = "left out", why
    return replace(table, frame=frame)


def _without_reruns(table: Table) -> Table:
    """Forget the crash of what was run again."""
    frame = table.frame
    done = frame.loc[frame["outcome"].isin(["used", "diverged"]), ["arm", "same"]]
    crashed = frame[frame["outcome"] == "crashed"]
    again = pd.MultiIndex.from_frame(crashed[["arm", "same"]]).isin(pd.MultiIndex.from_frame(done))
    return _leave_out(table, crashed.index[again], "crashed, and run again")


def _folded(table: Table, config: "Config") -> Table:
    """Say of folds that they share training data; average seeds within each."""
    roles: dict[str, str] = {naming.role(name): name for name in table.pairs}
    kind = "fold" if "fold" in roles else "split" if "split" in roles else ""
    if not kind:
        return table
    name = roles[kind]
    share = config.test_share
    if share is None and kind == "split":
        raise UserError(
            f"--pair {name}: random splits of one data set share training data; --test-share, the "
            "part that each tests, is wanted (0 if every split has data of its own)"
        )
    n_folds = table.params[name][table.params[name] != UNSET].nunique()
    share = 1 / max(n_folds, 2) if share is None else share
    text = (
        f"Pairs are {kind}s of one data set, which share training data: intervals are the "
        f"corrected resampled t's (Nadeau and Bengio 2003), each {kind} testing {share:.0%}."
        if share
        else f"Every {kind} has data of its own, by --test-share 0."
    )
    table = replace(table, overlap=share / (1 - share)).noted(Note("folds", text, share > 0))
    if not (share and "seed" in roles):
        return table
    text = f"Seeds are averaged within each {kind}: they test the same data again."
    others = [other for other in table.pairs if naming.role(other) != "seed"]
    frame = table.frame.assign(pair=labels(table.params, others, bare=True))
    return replace(table, frame=frame).noted(Note("seeds within folds", text, loud=False))
