"""A study of the store as one labelled dataset; what cannot be read is named and left out."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import xarray as xr

from core import archive
from core.archive import DAMAGE, SHARED, at_once, kept, plain
from core.dataset import build
from core.errors import UserError
from core.store import Run, Store
from core.tracking import AwayError, StoreError
from core.trials import Record, Shared, Trial

T = TypeVar("T")
CARD = {
    **dict.fromkeys(("name", "source", "fingerprint", "split"), str),
    **dict.fromkeys(("classes", "shape", "warnings", "quarantined"), list),
    "counts": dict,
    "synthetic": bool,
}
MADE_BY = {**dict.fromkeys(("device", "code", "arm", "command"), str), "settings": dict}


def read(store: Store, study: Run) -> xr.Dataset:
    """Read a study of the store: its complete trials as one dataset.

    attrs: `study`, `key`, `run`, `card` (the data card), `facts` (settings, code, device, command,
    ...) as plain values, `runs` (trial -> id of its run) and `left_out` (what could not be read).
    Raises UserError where nothing of it can be read.
    """
    left_out, records, runs, groups = [], [], {}, {}

    def document(name: str, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(store.read(study, f"study/{name}"))
        except AwayError:
            raise
        except (*DAMAGE, StoreError) as error:
            raise UserError(f"study {study.id}: study/{name} cannot be read: {error}") from error

    shared = document(SHARED, Shared.unpack)
    card = document("data.json", partial(plain, wanted=CARD))
    facts = document("facts.json", partial(plain, wanted=MADE_BY))

    def attempt(run: Run) -> tuple[Trial, Record, list[dict[str, Any]]] | str:
        try:
            return archive.read(store, run)
        except AwayError as error:  # as all others may be: each would wait for it
            raise AwayError(f"trial {run.tags.get('trial')}, run {run.id}: {error}") from error
        except (*DAMAGE, StoreError) as error:
            return f"trial {run.tags.get('trial')}, run {run.id}: {error}"

    complete = kept(store, study.tags["study_key"])
    for run, outcome in zip(complete, at_once(attempt, complete), strict=True):
        if isinstance(outcome, str):
            left_out.append(outcome)
            continue
        trial, record, group = outcome
        records.append((trial, record))
        runs[trial.key], groups[trial.key] = run.id, group
    if not records:
        raise UserError(f"study {study.id}: no complete trial can be read")
    attrs = {
        "study": study.tags["study"],
        "key": study.tags["study_key"],
        "run": study.id,
        "card": card,
        "facts": facts,
        "runs": runs,
        "groups": groups,
        "left_out": left_out,
    }
    return build(records, shared, attrs)
