"""What a report cannot read is named and left out, and stops nothing else."""

import contextlib
import shutil
import sqlite3
from types import SimpleNamespace

import pytest

import reports
from core.store import Store
from reports import judge, readme, replicate, studies
from reports.__main__ import Config, main


@pytest.fixture
def copied(studied, tmp_path, monkeypatch):
    """Return a copy of the studied store, which a test may damage."""
    shutil.copytree(studied, tmp_path / "store")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/store/mlflow.db")
    return Store()


def test_what_cannot_be_read_is_named_and_stops_nothing(copied, tmp_path, capsys):
    """A study without trials, one of another schema, a run that bears our tags by chance."""
    place = copied.experiment("init_schemes")
    tags = {"role": "study", "study": "init_schemes", "data": "digits", "schema": "2"}
    names = {"empty": {**tags, "study_key": "0"}, "old": {"role": "study"}, "keyless": tags}
    names["foreign"] = {**tags, "study": "somebody_elses"}
    made = {name: copied.create(place, name, given) for name, given in names.items()}
    shelf = studies.collect(copied)
    assert [study.name for study in shelf.studies] == ["init_schemes"]
    assert len(shelf.left_out) == 4
    assert all(any(run_id in line for line in shelf.left_out) for run_id in made.values())
    main(Config(out=tmp_path / "r.html"))
    assert "4 stored things were left out" in (tmp_path / "r.html").read_text()
    assert capsys.readouterr().err.count("left out: study ") == 4
    for file in ("ledger", "summary"):
        (tmp_path / file).write_text("\n".join(["", *map(str.strip, readme.MARKS), ""]))
    for command in (
        lambda: readme.main(
            readme.Config(ledger=tmp_path / "ledger", summary=tmp_path / "summary")
        ),
        lambda: replicate.show(copied, ["W1"]),
        lambda: reports.load("init_schemes"),
    ):
        command()
        assert capsys.readouterr().err.count("left out: study ") >= 2  # of those asked for


def test_a_damaged_trial_is_named_and_left_out(study_store, monkeypatch):
    run = Store().runs("tags.role = 'trial'")[0]
    honest = Store.read

    def damaged(self, asked, artifact):
        content = honest(self, asked, artifact)
        return content[:-1] if (asked.id, artifact) == (run.id, "record.safetensors") else content

    monkeypatch.setattr(Store, "read", damaged)
    shelf = studies.collect(Store())
    (study,) = shelf.studies
    assert int(study.trials["trained"].sum()) == 9
    assert [run.id in line for line in shelf.left_out] == [True]


def test_a_trial_out_of_reach_is_named(copied, tmp_path, monkeypatch):
    """Its files are in a bucket, and the bucket's library raises what it likes."""
    run = copied.runs("tags.role = 'trial'")[0]
    _sql(tmp_path, "UPDATE runs SET artifact_uri = 's3://bucket/x' WHERE run_uuid = ?", run.id)
    trial = f"trial {run.tags['trial']}, run {run.id}: "
    (study,) = studies.collect(copied).studies  # without the library, which is a reason of its own
    assert int(study.trials["trained"].sum()) == 9
    assert [line.startswith(trial) for line in study.trials.attrs["left_out"]] == [True]

    def endpoint(*_):
        raise ZeroDivisionError("no endpoint")

    monkeypatch.setattr(copied._client, "download_artifacts", endpoint)
    (line,) = studies.collect(copied).left_out  # all of the study's may be
    assert line.startswith(trial)
    assert line.endswith("is wanted: no endpoint")


def test_a_run_without_a_start_is_named(copied, tmp_path):
    """MLflow could read none of the experiment's."""
    run = copied.runs("tags.role = 'trial'")[0]
    _sql(tmp_path, "UPDATE runs SET start_time = NULL WHERE run_uuid = ?", run.id)
    shelf = studies.collect(Store())
    assert int(shelf.studies[0].trials["trained"].sum()) == 9
    named = f"run {run.id} ({run.tags['trial']}): start_time cannot be None"
    assert shelf.left_out == [named]
    reader = Store(f"sqlite:///{tmp_path}/store/mlflow.db", read_only=True)
    assert len(reader.runs("", reader.find("init_schemes"))) == len(Store().runs(""))
    assert reader.left_out == [named]


def test_a_study_without_its_seed_0_is_shown(copied, tmp_path):
    """Seed 0 alone keeps the initial weights; what shows them once stopped the whole page."""
    for run in copied.runs("tags.role = 'trial' AND params.seed = '0'"):
        _sql(tmp_path, "DELETE FROM tags WHERE run_uuid = ? AND key = 'complete'", run.id)
    (study,) = studies.collect(Store()).studies
    assert study.trials["seed"].values.tolist() == [1]
    assert "weights" not in study.exhibits
    assert "accuracy" in study.exhibits
    assert study.entries


def test_a_mistake_in_an_exhibit_is_not_hidden(study_store, monkeypatch):
    (study,) = studies.collect(Store()).studies
    wrong = SimpleNamespace(exhibits={"wrong": lambda trials: trials["typo"]})
    monkeypatch.setattr("reports.judge.lesson_of", lambda _: wrong)
    with pytest.raises(KeyError, match="typo"):
        judge.exhibits(study.trials)


def _sql(folder, statement, *values):
    path = folder / "store" / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"settings": 3}', b"\xff"])
@pytest.mark.parametrize("name", ["facts", "data"])
def test_a_study_without_what_made_it_is_named(study_store, monkeypatch, name, content):
    honest = Store.read

    def damaged(self, run, artifact):
        return content if artifact == f"study/{name}.json" else honest(self, run, artifact)

    monkeypatch.setattr(Store, "read", damaged)
    shelf = studies.collect(Store())
    assert shelf.studies == []
    assert len(shelf.left_out) == 1
    assert "cannot be read" in shelf.left_out[0]
