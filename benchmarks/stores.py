"""Damage stores at random: what is damaged is named and left out, and everything else is shown.

A store of two studies is made once. Of each copy the files, tags, rows, runs and outbox of one
study are damaged, or bits of the database are flipped. The report must show the other study; what
is damaged can be compared, run again and trained again, or is refused in one line.
"""

import contextlib
import json
import random
import shlex
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from benchmarks.options import fault, run
from core.config import check_options
from core.errors import UserError

Way = Callable[[Path, str, Mapping[str, str], random.Random], str]
"""damages a study: folder of the store, key, its runs (id -> role), chance; returns what it did"""
STUDY = shlex.split("--schemes zeros --seeds 2 --epochs 1 --no-larger --device cpu --width")
SOUND, DAMAGED = "8", "16"
"""widths of the two studies"""
JSON = ("", "{", "[]", "null", "3", '"text"', "{}", '{"name": 3}', "\udce9", "[[1], [2]]")
TAGS = ("role", "study", "study_key", "schema", "trial", "complete", "data", "trials", "code")
VALUES = ("", "x", "true", "study", "trial", "arm", "2", "1", "null", "it's", "é\n%", "a" * 4000)
TABLES = ("metrics", "latest_metrics", "params", "tags", "inputs")


@dataclass(frozen=True, kw_only=True)
class Config:
    """How many stores."""

    n: Annotated[int, Interval(ge=1, le=1_000_000)] = 500
    """stores to damage; a fifth of them as databases, bit by bit"""
    seed: Annotated[int, Interval(ge=0)] = 0
    """of what is damaged"""

    def __post_init__(self) -> None:
        check_options(self)


def main(config: Config) -> None:
    """Print what was shown and refused; raises UserError where a store was read wrongly."""
    chance, faults, refused = random.Random(config.seed), [], 0
    with tempfile.TemporaryDirectory() as name:
        folder, whole = Path(name, "store"), Path(name, "whole")
        folder.mkdir()
        for width in (SOUND, DAMAGED):
            if wrong := _said(folder, "init_schemes.py", *STUDY, width):
                raise UserError(f"the studies to damage: {wrong}")
        shutil.copytree(folder, whole)
        for number in range(config.n):
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
            is_database = number % 5 == 4
            done = [bits(folder, chance)] if is_database else damage(folder, chance)
            status, wrong = examine(folder, number, chance, sure=not is_database)
            refused += status == 2
            if number % 50 == 49:
                print(f"  {number + 1} of {config.n}", flush=True)
            if wrong:
                faults.append(number)
                print(f"  store {number}, {'; '.join(done)}: {wrong}", flush=True)
    print(f"  {config.n} stores damaged, {refused} of them refused in one line")
    if faults:
        raise UserError(f"stores {faults}: what is sound is wanted, and a line for the rest")


def examine(folder: Path, number: int, chance: random.Random, *, sure: bool) -> tuple[int, str]:
    """Report; of every third also compare, run or train again; return status and what is wrong.

    sure: the report must show the sound study.
    """
    runs = [run_id for (run_id,) in _quietly(folder, "SELECT run_uuid FROM runs")] or ["0" * 32]
    status, wrong = _report(folder)
    if not wrong and sure and (status or SOUND not in _widths(folder)):
        wrong = f"status {status}, widths {_widths(folder)}"
    if wrong or number % 3:
        return status, wrong
    command = (
        ("init_schemes.py", *STUDY, DAMAGED),
        ("reports", "compare", "init_schemes", "--metric", "test/accuracy", "--out", "c.html"),
        ("reports", "rerun", chance.choice(runs)),
    )[number // 3 % 3]
    wrong = _said(folder, *command)
    if not wrong and sure and command[0] == "init_schemes.py":
        again, wrong = _report(folder)
        if not wrong and (again or SOUND not in _widths(folder)):
            wrong = f"after training again: status {again}, widths {_widths(folder)}"
    return status, wrong


def _said(folder: Path, script: str, *given: str) -> str:
    """Start a script; return what was wrong with how it ended."""
    return fault(*run(script, given, folder, inf))


def _report(folder: Path) -> tuple[int, str]:
    (folder / "page.json").unlink(missing_ok=True)
    status, said, errors = run("reports", ("--format", "json", "--out", "page.json"), folder, inf)
    lines = [line for line in errors.splitlines() if not line.startswith("left out: ")]
    return status, fault(status, said, "\n".join(lines))


def _widths(folder: Path) -> list[str]:
    """Return the widths of the studies in the report."""
    page = folder / "page.json"
    studies = json.loads(page.read_text())["studies"] if page.exists() else []
    return [str(study["provenance"]["settings"]["width"]) for study in studies]


def sql(folder: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask or change the store's database."""
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        return database.execute(statement, values).fetchall()


def _quietly(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    try:
        return sql(folder, statement)
    except (sqlite3.Error, UnicodeDecodeError):  # its bits are flipped
        return []


def bits(folder: Path, chance: random.Random) -> str:
    """Flip bits of the database."""
    content = bytearray((folder / "mlflow.db").read_bytes())
    n = chance.choice((1, 10, 100, 1000))
    for _ in range(n):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    (folder / "mlflow.db").write_bytes(content)
    return f"{n} bits of the database"


def damage(folder: Path, chance: random.Random) -> list[str]:
    """Damage one study in one to three ways; returns what was done."""
    ((key,),) = sql(
        folder,
        "SELECT DISTINCT tags.value FROM tags JOIN params USING (run_uuid) "
        "WHERE params.key = 'width' AND params.value = ? AND tags.key = 'study_key'",
        DAMAGED,
    )
    roles = (
        "SELECT a.run_uuid, b.value FROM tags a JOIN tags b USING (run_uuid) "
        "WHERE a.key = 'study_key' AND a.value = ? AND b.key = 'role'"
    )
    runs = dict(sorted(sql(folder, roles, key)))
    return [
        way(folder, key, runs, chance) for way in chance.sample(WAYS, chance.choice((1, 1, 2, 3)))
    ]


def a_file(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Spoil a file of a run."""
    found = [path for run in runs for path in sorted(folder.glob(f"mlruns/*/{run}/**/*.*"))]
    files = [path for path in found if path.is_file() and path.stat().st_size]
    if not files:
        return "no file is left"
    path = chance.choice(files)
    return f"{path.name}: {spoil(path, chance)}"


def spoil(path: Path, chance: random.Random) -> str:
    """Flip bits of a file, cut it, write other things, or put something in its place."""
    content = bytearray(path.read_bytes()) if path.exists() else bytearray()
    ways = ("flip", "cut", "json", "gone", "folder", "loop", "long") if content else ("json",)
    way = chance.choice(ways)
    if way == "flip":
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    elif way == "cut":
        path.write_bytes(content[: chance.randrange(len(content))])
    elif way == "json":
        path.write_text(chance.choice(JSON), errors="surrogateescape")
    elif way == "long":
        path.write_bytes(content + content)
    else:
        path.unlink()
        if way == "folder":
            path.mkdir()
        elif way == "loop":
            path.symlink_to(path)
    return way


def a_tag(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Change or remove a tag."""
    run, name, value = chance.choice([*runs]), chance.choice(TAGS), chance.choice(VALUES)
    sql(folder, "DELETE FROM tags WHERE run_uuid = ? AND key = ?", run, name)
    if chance.random() < 0.7:
        sql(folder, "INSERT INTO tags VALUES (?, ?, ?)", name, value, run)
    return f"tag {name} of {runs[run]}: {value[:9]}"


def a_row(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Remove rows."""
    table = chance.choice(TABLES)
    where = {"inputs": "destination_id"}.get(table, "run_uuid")
    some = chance.choice(("", " AND abs(random()) % 2"))
    for each in chance.sample([*runs], chance.choice((1, len(runs)))):
        sql(folder, f"DELETE FROM {table} WHERE {where} = ?{some}", each)
    return f"rows of {table}"


def a_run(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Change what the database knows of a run."""
    run = chance.choice([*runs])
    column, value = chance.choice(
        (
            ("status", chance.choice(("RUNNING", "FAILED", "KILLED", "SCHEDULED"))),
            ("lifecycle_stage", "deleted"),
            ("artifact_uri", chance.choice(("", "/nowhere", "file:///nowhere", "s3://nowhere/x"))),
            ("start_time", chance.choice((None, 0, -1, 10**15))),
            ("end_time", None),
            ("name", chance.choice((None, "", "é\n$x$"))),
        )
    )
    sql(folder, f"UPDATE runs SET {column} = ? WHERE run_uuid = ?", value, run)
    return f"{column} of {runs[run]}: {value}"


def a_foreign_run(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Add a run that has some of our tags, by chance."""
    (row,) = sql(folder, "SELECT * FROM runs WHERE run_uuid = ?", chance.choice([*runs]))
    sql(folder, f"INSERT INTO runs VALUES (?{', ?' * (len(row) - 1)})", "f" * 32, *row[1:])
    tags = {name: chance.choice((*VALUES, key)) for name in TAGS if chance.random() < 0.7}
    tags["role"] = chance.choice(("study", "trial", "arm"))
    for name, value in tags.items():
        sql(folder, "INSERT INTO tags VALUES (?, ?, ?)", name, value, "f" * 32)
    return f"foreign {sorted(tags.items())}"


def the_outbox(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Damage what the study has on disk, or what lies beside it."""
    (place,) = folder.glob(f"mlruns/outbox/*/{key}")
    way = chance.choice(("study", "trial", "note", "gone", "file", "file in trials"))
    if way == "study":
        (place / ".described").unlink(missing_ok=True)
        return f"outbox study.json: {spoil(place / 'study.json', chance)}"
    if way == "note":
        return f"outbox .known: {spoil(place / chance.choice(('.known', '.ended')), chance)}"
    if way == "gone":
        shutil.rmtree(place)
    elif way == "trial":
        waiting = place / "trials" / "0123456789abcdef" / "run.json"
        waiting.parent.mkdir(parents=True, exist_ok=True)
        facts = {"trial": "zeros/0/scale=course", "metrics": [], "params": {}, "tags": {}}
        waiting.write_text(json.dumps(facts | {"started": 1.0, "ended": 2.0}))
        return f"outbox run.json: {spoil(waiting, chance)}"
    elif way == "file":
        (place.parent / "0000").write_text("")
        (place.parent / "1111").mkdir()
    else:
        (place / "trials").mkdir(exist_ok=True)
        (place / "trials" / "0000").write_text("")
    return f"outbox {way}"


WAYS: tuple[Way, ...] = (a_file, a_tag, a_row, a_run, a_foreign_run, the_outbox)
