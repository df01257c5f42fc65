"""Damaged stores: what is damaged is named and left out, and everything else is shown."""

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections import OrderedDict
from dataclasses import replace

import pytest

from core import cli
from core.errors import UserError
from core.outbox import outbox
from core.store import Store
from experiments import init_schemes
from experiments.init_schemes import SMOKE
from reports import __main__ as report
from reports import rerun
from reports.studies import collect

STORES = int(os.environ.get("STORES", "60"))
"""how many are damaged; 500 were, once"""
SOUND = replace(SMOKE, schemes=("zeros", "default"), width=8, larger=False)
JSON = ("", "{", "[]", "null", "3", '"text"', "{}", '{"name": 3}', "\udce9", "[[1], [2]]")
TAGS = ("role", "study", "study_key", "schema", "trial", "complete", "data", "trials", "code")
VALUES = ("", "x", "true", "study", "trial", "arm", "2", "1", "null", "it's", "é\n%", "a" * 4000)
TABLES = ("metrics", "latest_metrics", "params", "tags", "inputs")


@pytest.fixture(scope="module")
def two(studied, tmp_path_factory):
    """Copy the store of the smoke study, and add a second study, which stays sound."""
    folder = tmp_path_factory.mktemp("two") / "store"
    shutil.copytree(studied, folder)
    moved(studied, folder)
    with pytest.MonkeyPatch.context() as patch:
        point_at(folder, patch)
        init_schemes.main(SOUND)
    return folder


def point_at(folder, patch):
    patch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    # By the run's id MLflow remembers where its files went: copies have the same runs.
    patch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", OrderedDict())
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")


def sql(folder, statement, *values):
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        return database.execute(statement, values).fetchall()


def moved(old, new):
    """Let the addresses in a copied store name the copy."""
    for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
        sql(new, f"UPDATE {table} SET {column} = replace({column}, ?, ?)", str(old), str(new))


def study_of(folder, width):
    """Return key and runs of the study of a width: id -> role."""
    ((key,),) = sql(
        folder,
        "SELECT DISTINCT tags.value FROM tags JOIN params USING (run_uuid) "
        "WHERE params.key = 'width' AND params.value = ? AND tags.key = 'study_key'",
        str(width),
    )
    roles = (
        "SELECT a.run_uuid, b.value FROM tags a JOIN tags b USING (run_uuid) "
        "WHERE a.key = 'study_key' AND a.value = ? AND b.key = 'role'"
    )
    return key, dict(sorted(sql(folder, roles, key)))


def damage(folder, key, runs, chance):
    """Damage a study of a store in one to three ways; returns their names."""
    ways = chance.choices((a_file, a_tag, a_row, a_run, a_foreign_run, the_outbox), k=3)
    return [way(folder, key, runs, chance) for way in ways[: chance.choice((1, 1, 2, 3))]]


def a_file(folder, key, runs, chance):
    found = [path for run in runs for path in sorted(folder.glob(f"mlruns/*/{run}/**/*.*"))]
    path = chance.choice([path for path in found if path.is_file() and path.stat().st_size])
    return f"{path.name}: {spoil(path, chance)}"


def spoil(path, chance):
    """Flip bits of a file, cut it, write other things, or put something in its place."""
    content = bytearray(path.read_bytes())
    way = chance.choice(("flip", "cut", "json", "gone", "folder", "loop", "long"))
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


def a_tag(folder, key, runs, chance):
    run, name, value = chance.choice([*runs]), chance.choice(TAGS), chance.choice(VALUES)
    sql(folder, "DELETE FROM tags WHERE run_uuid = ? AND key = ?", run, name)
    if chance.random() < 0.7:
        sql(folder, "INSERT INTO tags VALUES (?, ?, ?)", name, value, run)
    return f"tag {name} of {runs[run]}: {value[:9]}"


def a_row(folder, key, runs, chance):
    table = chance.choice(TABLES)
    where = {"inputs": "destination_id"}.get(table, "run_uuid")
    some = chance.choice(("", " AND abs(random()) % 2"))
    for run in chance.sample([*runs], chance.choice((1, len(runs)))):
        sql(folder, f"DELETE FROM {table} WHERE {where} = ?{some}", run)
    return f"rows of {table}"


def a_run(folder, key, runs, chance):
    run = chance.choice([*runs])
    column, value = chance.choice(
        (
            ("status", chance.choice(("RUNNING", "FAILED", "KILLED", "SCHEDULED"))),
            ("lifecycle_stage", "deleted"),
            ("artifact_uri", chance.choice(("", "/nowhere", "file:///nowhere"))),
            ("start_time", chance.choice((0, -1, 10**15))),
            ("end_time", None),
            ("name", chance.choice((None, "", "é\n$x$"))),
        )
    )
    sql(folder, f"UPDATE runs SET {column} = ? WHERE run_uuid = ?", value, run)
    return f"{column} of {runs[run]}: {value}"


def a_foreign_run(folder, key, runs, chance):
    tags = {name: chance.choice((*VALUES, key)) for name in TAGS if chance.random() < 0.7}
    store = Store()
    place = store.experiment(chance.choice(("init_schemes", "init_schemes", "somebody's")))
    store.create(place, "foreign", {**tags, "role": chance.choice(("study", "trial", "arm"))})
    return f"foreign {sorted(tags.items())}"


def the_outbox(folder, key, runs, chance):
    place = outbox(Store()) / key
    way = chance.choice(("study", "trial", "gone", "file", "file in trials"))
    if way == "study":
        (place / ".described").unlink(missing_ok=True)
        return f"outbox study.json: {spoil(place / 'study.json', chance)}"
    if way == "gone":
        shutil.rmtree(place)
    elif way == "trial":
        run = place / "trials" / "0123456789abcdef" / "run.json"
        run.parent.mkdir(parents=True, exist_ok=True)
        facts = {"trial": "zeros/0/scale=course", "metrics": [], "params": {}, "tags": {}}
        run.write_text(json.dumps(facts | {"started": 1.0, "ended": 2.0}))
        return f"outbox run.json: {spoil(run, chance)}"
    elif way == "file":
        (place.parent / "0000").write_text("")
        (place.parent / "1111").mkdir()
    else:
        (place / "trials").mkdir(exist_ok=True)
        (place / "trials" / "0000").write_text("")
    return f"outbox {way}"


def copy(two, folder, patch):
    """Copy the store of two studies to a folder, addresses and all, and point the test at it."""
    shutil.copytree(two, folder)
    moved(two, folder)
    point_at(folder, patch)
    for each in sorted((folder / "mlruns" / "outbox").glob("*/*")):
        shutil.move(each, outbox(Store()) / each.name)


@pytest.mark.slow
def test_what_is_damaged_is_named_and_everything_else_is_shown(two, tmp_path, monkeypatch):
    chance, page = random.Random(17), tmp_path / "page.json"
    sound, others = study_of(two, 8)
    (run,) = (run for run, role in others.items() if role == "study")
    monkeypatch.setattr("reports.pictures.save", lambda *_: None)  # no figure of theirs is new
    for number in range(STORES):
        folder = tmp_path / str(number)  # MLflow goes on with a file that is gone
        copy(two, folder, monkeypatch)
        key, runs = study_of(folder, 16)
        done = damage(folder, key, runs, chance)
        try:
            report.main(report.Config(format="json", out=page))
            assert run in [study["run"] for study in json.loads(page.read_text())["studies"]]
            with contextlib.suppress(UserError):  # which says why it cannot be trained again
                rerun._logged(Store(), chance.choice([*runs]))
            if number % 4 == 0:
                init_schemes.main(SMOKE)
                found = {s.trials.attrs["key"]: s.size for s in collect(Store()).studies}
                assert found[sound] == "4 trials, 2 arms, 2 seeds"
                assert found[key].startswith("10 trials")
        except OSError as error:  # which every command says in one line
            assert error.errno in cli.UNUSABLE, done  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"store {number}: {done}") from error
        shutil.rmtree(folder)


@pytest.mark.slow
def test_a_database_with_changed_bits_is_read_or_refused_in_one_line(two, tmp_path, monkeypatch):
    chance, refused = random.Random(17), 0
    for number in range(STORES):
        folder = tmp_path / str(number)
        copy(two, folder, monkeypatch)
        content = bytearray((folder / "mlflow.db").read_bytes())
        for _ in range(chance.choice((1, 10, 100, 1000))):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
        damaged = folder / "damaged.db"
        damaged.write_bytes(content)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{damaged}")
        try:
            report.main(report.Config(format="json", out=tmp_path / "page.json"))
        except UserError as error:  # one line, as every command prints it
            assert str(error).isprintable()  # noqa: PT017
            refused += 1
        shutil.rmtree(folder)
    assert 0 < refused < STORES
