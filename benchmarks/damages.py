"""Ways to damage a study of a store: its files, tags, rows and runs, and what waits for them."""

import contextlib
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Way = Callable[[Path, str, Mapping[str, str], random.Random], str]
"""damages a study: folder of the store, key, its runs (id -> role), chance; returns what it did"""
JSON = ("", "{", "[]", "null", "3", '"text"', "{}", '{"name": 3}', "\udce9", "[[1], [2]]")
TAGS = ("role", "study", "study_key", "schema", "trial", "complete", "data", "trials", "code")
VALUES = ("", "x", "true", "study", "trial", "arm", "2", "1", "null", "it's", "é\n%", "a" * 4000)
TABLES = ("metrics", "latest_metrics", "params", "tags", "inputs")


def sql(folder: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask or change the store's database."""
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        return database.execute(statement, values).fetchall()


def a_file(folder: Path, key: str, runs: Mapping[str, str], chance: random.Random) -> str:
    """Spoil a file of a run."""
    paths = [path for run in runs for path in sorted(folder.glob(f"mlruns/*/{run}/**/*.*"))]
    files = [path for path in paths if path.is_file() and path.stat().st_size]
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
    for run in chance.sample([*runs], chance.choice((1, len(runs)))):
        sql(folder, f"DELETE FROM {table} WHERE {where} = ?{some}", run)
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
