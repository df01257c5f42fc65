"""Other people's stores: read whole, and left as they are."""

import contextlib
import gc
import math
import os
import sqlite3
import tempfile
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param

from core.errors import UserError
from core.store import Store
from core.tracking import StoreError


@pytest.fixture
def filled(store):
    """A store with two runs of one experiment; returns its file and their ids."""
    client = MlflowClient()
    place = client.create_experiment("theirs")
    ids = []
    for seed, last in enumerate((math.nan, math.inf)):
        run_id = client.create_run(place, run_name=f"run {seed}").info.run_id
        curve = [Metric("loss", 0.5 - step / 10, step, step) for step in range(3)]
        again = Metric("loss", 7.0, 9, 1)  # step 1, logged a second time
        client.log_batch(run_id, [*curve, again], [Param("seed", str(seed))])
        client.log_metric(run_id, "end", last)
        client.log_inputs(run_id, [DatasetInput(Dataset("data", f"digest{seed}", "local", "x"))])
        client.set_terminated(run_id)
        ids.append(run_id)
    return store / "mlflow.db", ids


def contents(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_runs_are_read_with_all_that_was_logged(filled):
    path, ids = filled
    reader = Store(str(path), read_only=True)
    first, second = sorted(reader.runs("", reader.find("theirs")), key=lambda run: run.name)
    assert [first.id, second.id] == ids
    assert (first.name, first.params, first.digests) == ("run 0", {"seed": "0"}, ("digest0",))
    assert first.metrics["loss"] == (2, pytest.approx(0.3))
    assert math.isnan(first.metrics["end"][1])
    assert second.metrics["end"] == (0, math.inf)


def test_histories_are_the_same_in_bulk_and_one_by_one(filled, monkeypatch):
    path, ids = filled
    reader = Store(str(path), read_only=True)
    bulk = reader.histories(ids, "loss")
    assert bulk[ids[0]] == {0: 0.5, 1: 7.0, 2: pytest.approx(0.3)}
    assert list(bulk[ids[0]]) == [0, 1, 2]
    assert reader.histories(ids, "end")[ids[1]] == {0: math.inf}
    monkeypatch.setattr("core.store.RUNS", 1)
    assert reader.histories(ids, "loss") == bulk
    monkeypatch.setattr(reader._client, "_tracking_client", None)
    monkeypatch.setattr(reader._client, "get_metric_history", MlflowClient().get_metric_history)
    assert reader.histories(ids, "loss") == bulk


def test_nothing_is_written(filled, tmp_path, monkeypatch):
    path, ids = filled
    before = contents(path.parent)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    uri = mlflow.get_tracking_uri()
    reader = Store(f"sqlite:///{path}", read_only=True)
    reader.histories(ids, "loss")
    reader.runs("params.seed = '1'", reader.find("theirs"))
    with pytest.raises(StoreError, match=r"another release|readonly"):
        reader.log(ids[0], tags={"x": "y"})
    assert contents(path.parent) == before
    assert os.listdir() == []
    assert mlflow.get_tracking_uri() == uri


@pytest.mark.parametrize("changes", ["", "DROP TABLE logged_models"])
def test_the_tables_of_another_release_are_not_migrated(filled, changes):
    path, _ = filled
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '0584bdc529eb'")
        database.execute(changes)
        database.commit()
    before = contents(path.parent)
    with pytest.raises(StoreError, match=r"another release of MLflow.*mlflow db upgrade") as caught:
        Store(str(path), read_only=True)
    assert "\n" not in str(caught.value)
    assert contents(path.parent) == before


def test_the_folder_of_an_older_release_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = MlflowClient(tracking_uri=str(tmp_path / "mlruns"))
    run_id = client.create_run(client.create_experiment("old")).info.run_id
    client.log_metric(run_id, "loss", 0.5, step=3)
    (tmp_path / "mlruns" / ".trash").rmdir()
    reader = Store(str(tmp_path / "mlruns"), read_only=True)
    assert reader.histories([run_id], "loss") == {run_id: {3: 0.5}}
    assert reader.runs("", reader.find("old"))[0].metrics == {"loss": (3, 0.5)}
    assert not (tmp_path / "mlruns" / ".trash").exists()


@pytest.mark.filterwarnings("error")
def test_what_a_reader_left_beside_it_goes_with_it(filled, tmp_path, monkeypatch):
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    reader = Store(str(filled[0]), read_only=True)
    assert list((tmp_path / "scratch").iterdir())
    del reader
    gc.collect()
    assert not list((tmp_path / "scratch").iterdir())


def test_an_experiment_is_found_by_name_and_by_id(filled):
    reader = Store(str(filled[0]), read_only=True)
    assert reader.find("theirs") == reader.find(reader.find("theirs"))
    for name, known in (("others", "theirs and 1 more"), ("x", "Default, theirs")):
        with pytest.raises(UserError, match=rf"^experiment {name}: one that .* wanted: {known}$"):
            reader.find(name)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("{}/none.db", "no runs of MLflow's"),
        ("sqlite:///{}/none.db", "No such file"),
        ("sqlite:////dev/null", "--uri .*a device"),
        ("{}", "no runs of MLflow's"),
        ("postgresql://host/name", "--uri postgresql: .*http is wanted"),
    ],
)
def test_what_holds_no_runs_is_one_line(tmp_path, address, said):
    with pytest.raises(UserError, match=said):
        Store(address.format(tmp_path), read_only=True)
    assert list(tmp_path.iterdir()) == []
