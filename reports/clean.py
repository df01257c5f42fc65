"""List what is old, kind by kind, and remove it where you say so.

Studies (as MLflow's page deletes them), results that wait for a store, checkpoints of trainings
that were broken off, caches. What a running study uses is left alone, as are your pictures.

Command:  python -m reports clean                            (what was last used 30 days ago)
          python -m reports clean --older-than 12h --kinds checkpoints caches --dry-run
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from core.config import ANYTHING, check, check_names, check_options
from core.provenance import ROOT
from reports.running import DURATION, seconds

if TYPE_CHECKING:
    from core.store import Run, Store

Kind = Literal["studies", "waiting", "checkpoints", "caches"]
CACHES = ("features", "heads", "figures")
"""folders of <repo>/mlruns whose files are made again when they are wanted"""
LIVELY = 3600.0
"""seconds for which what was used counts as in use: studies of other stores share the caches"""
SAID = {
    "studies": "with all their runs, as MLflow's page deletes them",
    "waiting": "results that no store has; `python -m core.outbox` sends those that are whole",
    "checkpoints": "of trainings that were broken off; they would begin again",
    "caches": "made again when they are wanted",
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to list, and whether to ask."""

    older_than: Annotated[str, ANYTHING] = "30d"
    """how long ago it was last used: 40s, 30m, 8h or 30d"""
    kinds: tuple[Kind, ...] = get_args(Kind)
    """studies (all their runs), waiting (results that a store did not take), checkpoints, caches"""
    dry_run: bool = False
    """list, and remove nothing"""
    yes: bool = False
    """remove all that is listed, without asking"""

    def __post_init__(self) -> None:
        check_options(self)
        check_names("kinds", self.kinds)
        check("older_than", self.older_than, seconds(self.older_than) > 0, DURATION)


@dataclass(frozen=True)
class Old:
    """Something that may go."""

    name: str
    used: float
    """when last, seconds since 1970"""
    size: int
    """bytes"""
    remove: Callable[[], None]
    study: str = ""
    """key of the study that it belongs to"""


def main(config: Config) -> None:
    """List each kind, ask, remove."""
    from core.store import Store

    store = Store()
    store.sweep()
    before = time.time() - seconds(config.older_than)
    old = {kind: [item for item in FIND[kind](store) if item.used < before] for kind in FIND}
    removed = set()
    for kind in config.kinds:
        if not old[kind]:
            continue
        print(f"\n{kind}, {_size(sum(item.size for item in old[kind]))}: {SAID[kind]}")
        for item in sorted(old[kind], key=lambda item: item.used):
            day = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.used))
            print(f"  {day}  {_size(item.size):>9}  {item.name}")
        if not config.dry_run and (config.yes or _agrees(f"Remove these {kind}?")):
            running = _running(store)  # some may have begun while the question stood
            for item in old[kind]:
                if item.study in running:
                    print(f"left, as it runs again: {item.name}")
                else:
                    item.remove()
            removed.add(kind)
    if not any(old[kind] for kind in config.kinds):
        print(f"nothing was last used more than {config.older_than} ago: {', '.join(config.kinds)}")
    if "studies" in removed:
        options = ("--backend-store-uri", "--tracking-uri")
        is_file = store.uri.startswith("sqlite")
        gc = " ".join(f"{option} {store.name}" for option in options) if is_file else "there"
        print(
            "MLflow keeps deleted runs: `mlflow runs restore --run-id ID` brings one back, and\n"
            f"`mlflow gc {gc}` frees the disk for good."
        )


def _agrees(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # nobody is there
        print("(no answer: nothing is removed; --yes removes without asking)")
        return False


def studies(store: "Store") -> Iterator[Old]:
    """Yield the studies of which no process of any machine is at work."""
    for study, runs in _by_study(store):
        if study.status != "RUNNING":
            used = max(run.started for run in runs)
            folders = [Path(run.artifacts.removeprefix("file://")) for run in runs]
            size = _size_of(file for folder in folders for file in _files(folder))
            name = f"{study.tags.get('study', '(unknown)')}: {study.name}, run {study.id[:8]}"
            key = study.tags.get("study_key", "")
            yield Old(name, used, size, partial(_delete, store, key, runs), key)


def _by_study(store: "Store") -> "Iterator[tuple[Run, list[Run]]]":
    """Yield each study's run, and all its runs."""
    of: dict[str, list[Run]] = {}
    for run in store.runs("tags.role LIKE '%'"):
        parent = run.tags.get("mlflow.parentRunId", run.id)  # of schema 1, which had no key
        of.setdefault(run.tags.get("study_key", parent), []).append(run)
    for runs in of.values():
        for study in (run for run in runs if run.tags["role"] == "study"):
            yield study, runs


def _delete(store: "Store", key: str, runs: "Sequence[Run]") -> None:
    """Delete a study's runs, and what it is made of, which lies in the outbox too."""
    from core.outbox import StudyFolder, outbox

    for run in runs:
        store.delete(run.id)
    if key and not StudyFolder(outbox(store) / key).waiting():
        shutil.rmtree(outbox(store) / key, ignore_errors=True)


def waiting(store: "Store") -> Iterator[Old]:
    """Yield studies with trials that were not sent, or were damaged."""
    for folder in _idle(store):
        for place, word in (("trials", "wait"), ("damaged", "are damaged")):
            if places := [*(folder / place).glob("*/")]:
                yield _old(f"{len(places)} {word}, in {folder}", places, folder.name)


def checkpoints(store: "Store") -> Iterator[Old]:
    """Yield studies with checkpoints of programs that nobody trains."""
    for folder in _idle(store):
        if files := [*folder.glob("checkpoints/*")]:
            yield _old(f"{len(files)}, in {folder}", files, folder.name)


def caches(_: "Store") -> Iterator[Old]:
    """Yield caches, a line each, of their files that no process has used for an hour."""
    lately = time.time() - LIVELY
    for folder in (ROOT / "mlruns" / name for name in CACHES):
        if files := [file for file in _files(folder) if _used(file) < lately]:
            yield _old(f"{len(files)}, in {folder}", files)


FIND: dict[Kind, Callable[["Store"], Iterator[Old]]] = {
    "studies": studies,
    "waiting": waiting,
    "checkpoints": checkpoints,
    "caches": caches,
}


def _idle(store: "Store") -> Iterator[Path]:
    """Yield the folders, in this store's outbox, of studies that are not running."""
    from core.outbox import outbox

    running = _running(store)
    for folder in sorted(outbox(store).glob("*/")):
        if folder.name not in running:
            yield folder


def _running(store: "Store") -> set[str]:
    """Return the keys of the studies at work; those whose process died have been ended."""
    runs = store.runs("attributes.status = 'RUNNING' AND tags.role = 'study'")
    return {run.tags.get("study_key", run.id) for run in runs}


def _old(name: str, paths: Sequence[Path], study: str = "") -> Old:
    files = [file for path in paths for file in _files(path)]
    used = max(map(_used, files), default=0.0)
    return Old(name, used, _size_of(files), partial(_remove, paths), study)


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _used(path: Path) -> float:
    """Return when a file was last read or written; disks note reads about once a day."""
    stat = path.stat()
    return max(stat.st_atime, stat.st_mtime)


def _files(path: Path) -> list[Path]:
    return [file for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]


def _size_of(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _size(n: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"
