"""Trials that the store has: which of a study are complete, and what each of them kept."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from core.store import Run, Store
from core.tracking import AwayError, StoreError
from core.trials import DamagedError, Record, Trial

RECORD, FACTS, SHARED = "record.safetensors", "trial.json", "shared.safetensors"
KEPT = "kept"
"""folder of a trial's network among its artifacts, and the tag of the trials that have it"""
READERS = 8  # of records, at once
DAMAGE = (DamagedError, OSError, ValueError, KeyError, TypeError)
"""what reading a file that is not what was written may raise"""

T = TypeVar("T")


def kept(store: Store, key: str, experiment: str | None = None) -> list[Run]:
    """Return the complete trials of a study, one run each, the first that was kept."""
    query = f"tags.role = 'trial' AND tags.study_key = '{key}' AND tags.complete = 'true'"
    runs = sorted(store.runs(query, experiment), key=lambda run: run.started)
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.tags.get("trial", run.id), run)
    return list(first.values())


def read(store: Store, run: Run) -> tuple[Trial, Record, list[dict[str, Any]]]:
    """Return a sent trial, its record and the trials of its program. Raises one of DAMAGE."""
    members = plain(store.read(run, FACTS), {"trial": dict, "group": list})
    trial = Trial.of(members["trial"])
    if run.tags.get("trial") != trial.key:
        raise ValueError(f"it holds {trial.key}")
    return trial, Record.unpack(store.read(run, RECORD)), members["group"]


def is_whole(store: Store, run: Run) -> bool:
    """Read a kept record; one that is damaged is set aside, to be trained again."""
    try:
        read(store, run)
    except AwayError:
        raise
    except StoreError as error:  # its files are kept elsewhere
        print(f"trial {run.tags.get('trial')}: out of reach, and not trained again: {error}")
    except DAMAGE as error:
        print(f"trial {run.tags.get('trial')}: its record in run {run.id} is set aside: {error}")
        store.delete(run.id)
        return False
    return True


def at_once(function: Callable[[Run], T], runs: Iterable[Run]) -> Iterator[T]:
    """Map a function that reads from the store over runs, in order; a server answers several."""
    pool = ThreadPoolExecutor(READERS)
    try:
        yield from pool.map(function, runs)
    finally:
        pool.shutdown(cancel_futures=True)  # after an interrupt, too


def plain(content: bytes, wanted: Mapping[str, type]) -> dict[str, Any]:
    """Read a JSON object with values of these types. Raises ValueError for anything else."""
    values = json.loads(content)
    for name, kind in wanted.items():
        if not isinstance(values, dict) or not isinstance(values.get(name), kind):
            raise ValueError(f"{name} is not as it was written")  # noqa: TRY004
    return values
