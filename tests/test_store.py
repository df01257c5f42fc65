"""The store: made once by many, swept of the dead, one line where it cannot be used."""

import contextlib
import errno
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from benchmarks.writers import free_port, server
from core import provenance
from core.errors import UserError
from core.store import Store
from reports import views


def test_runs_are_logged_beside_their_database(store):
    one = Store()
    run_id = one.create(one.experiment("x"), "name", {"role": "trial"})
    one.log(run_id, [("test/accuracy", 0.5, 0)], {"seed": 3})
    (store / "file.txt").write_text("hello")
    (store / "folder").mkdir()
    (store / "folder" / "a ü.txt").write_text("hello")
    one.upload(run_id, store / "folder")
    one.end(run_id, "FINISHED")
    run = MlflowClient().get_run(run_id)
    assert run.data.metrics == {"test/accuracy": 0.5}
    assert Path(run.info.artifact_uri).is_relative_to(store / "mlruns")
    assert one.read(one.run(run_id), "a ü.txt") == b"hello"


def test_more_metrics_than_one_call_takes(store):
    one = Store()
    run_id = one.create(one.experiment("x"), "name", {})
    one.log(run_id, [("loss", float(step), step) for step in range(2345)], {"seed": 3})
    history = MlflowClient().get_metric_history(run_id, "loss")
    assert [point.value for point in history] == list(range(2345))
    assert MlflowClient().get_run(run_id).data.params == {"seed": "3"}


def test_more_runs_than_one_page_holds(store, monkeypatch):
    one = Store()
    place = one.experiment("x")
    made = [one.create(place, str(index), {"role": "trial"}) for index in range(7)]
    search = one._client.search_runs

    def pages_of_two(places, query, kind, size, page_token):
        return search(places, query, kind, 2, page_token=page_token)

    monkeypatch.setattr(one._client, "search_runs", pages_of_two)
    assert {run.id for run in one.runs("tags.role = 'trial'")} == set(made)


def test_a_deleted_experiment_is_restored(store):
    one = Store()
    place = one.experiment("x")
    MlflowClient().delete_experiment(place)
    assert one.experiment("x") == place
    assert MlflowClient().get_experiment(place).lifecycle_stage == "active"
    one.create(place, "name", {})


def test_runs_of_dead_processes_are_swept_and_no_others(store):
    one = Store()
    place = one.experiment("x")
    living, dead, zombie = (subprocess.Popen(["sleep", "60"]) for _ in range(3))
    try:
        tags = {}
        for name, process in (("living", living), ("dead", dead), ("zombie", zombie)):
            started = psutil.Process(process.pid).create_time()
            own = {"pid": str(process.pid), "pid_started": f"{started:.2f}"}
            tags[name] = {**provenance.owner(), **own}
        tags["elsewhere"] = {**tags["dead"], "host": "another-machine"}
        hours_ago = f"{time.time() - 7200:.0f}"
        far = {f"{provenance.HIDDEN}host": "another", f"{provenance.HIDDEN}alive": hours_ago}
        tags["silent"], tags["heard"] = far, {**far, **provenance.heartbeat()}
        tags["reused"] = {**tags["living"], "pid_started": "1000.00"}
        tags["mine"] = provenance.owner()
        made = {
            name: one.create(place, name, {"role": "study", **each}) for name, each in tags.items()
        }
        made["foreign"] = MlflowClient().create_run(place).info.run_id  # not one of ours
        for process in (dead, zombie):
            process.kill()
        dead.wait()
        one.sweep()
        status = {name: MlflowClient().get_run(made[name]).info.status for name in made}
    finally:
        for process in (living, dead, zombie):
            process.kill()
            process.wait()
    gone = {name for name, each in status.items() if each == "KILLED"}
    assert gone == {"dead", "zombie", "reused", "silent"}
    assert all(status[name] == "RUNNING" for name in set(made) - gone)


def test_an_address_is_settled_once(tmp_path, empty_store, monkeypatch):
    """A relative one means the directory of the start, whatever the directory is later."""
    (tmp_path / "runs.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    monkeypatch.chdir(tmp_path)
    one = Store()
    place = one.experiment("x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert Store().experiment("x") == place
    assert list(elsewhere.iterdir()) == []
    assert one.uri == f"sqlite:///{tmp_path}/runs.db"


def test_without_a_variable_the_store_is_the_repos(monkeypatch, tmp_path, empty_store):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    one = Store()
    run_id = one.create(one.experiment("x"), "name", {})
    assert one.uri == f"sqlite:///{tmp_path}/mlflow.db"
    place = MlflowClient(tracking_uri=one.uri).get_run(run_id).info.artifact_uri
    assert Path(place).is_relative_to(tmp_path / "mlruns")


@pytest.mark.parametrize("name", ["with space # 1", "größer 日本", "100%"])
def test_odd_folders_hold_a_store(tmp_path, empty_store, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    one = Store()
    run_id = one.create(one.experiment("x"), "name", {})
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "file.txt").write_text("hello")
    one.upload(run_id, tmp_path / "up")
    assert one.read(one.run(run_id), "file.txt") == b"hello"
    assert sorted(path.name for path in folder.iterdir()) == ["mlflow.db", "mlruns"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "up"])


def unusable(reason):
    return pytest.raises(UserError, match=f"MLflow store .*: a store .* is wanted: .*{reason}")


def test_a_password_is_not_shown(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mssql://me:secret@server/db")
    with unusable("") as caught:
        Store()
    assert "secret" not in str(caught.value)
    assert "MLflow store mssql://server/db: " in str(caught.value)


def test_an_address_where_no_store_can_be_is_refused_before_it_is_opened(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////tmp")  # a folder: see test_address
    monkeypatch.setattr("mlflow.set_tracking_uri", pytest.fail)
    with pytest.raises(UserError, match=r"^MLFLOW_TRACKING_URI sqlite:////tmp: a folder; "):
        Store()


def test_a_disk_that_fills_up_is_one_line(store):
    one = Store()
    run_id = one.create(one.experiment("x"), "name", {})
    points = [("loss", float(step), step) for step in range(20_000)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (store / "mlflow.db").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, before[1]))
    try:
        with unusable("(full|disk I/O)") as caught:
            one.log(run_id, points, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    one.end(run_id, "FAILED")  # and the store is as good as before


def log_once(start):
    start.wait(timeout=60)
    one = Store()
    run_id = one.create(one.experiment("same"), "name", {"role": "trial"})
    one.log(run_id, [("a/b", 1.5, 0)], {"seed": 1})
    one.end(run_id, "FINISHED")


def test_eight_first_starts_at_once_on_nothing(tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path}/new/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    fork = multiprocessing.get_context("fork")  # MLflow is imported: all come in the same moment
    start = fork.Barrier(8)
    started = [fork.Process(target=log_once, args=(start,)) for _ in range(8)]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=120)
    assert [process.exitcode for process in started] == [0] * 8
    client = MlflowClient(tracking_uri=uri)
    place = client.get_experiment_by_name("same").experiment_id
    found = client.search_runs([place])
    assert [run.info.status for run in found] == ["FINISHED"] * 8
    assert all(run.data.metrics == {"a/b": 1.5} for run in found)
    assert {each.name for each in client.search_experiments()} == {"Default", "same"}


@pytest.mark.slow
def test_a_tracking_server_works_and_its_end_is_one_line(store, tmp_path, monkeypatch):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as running:
        try:
            running.enter_context(server(port, f"sqlite:///{store}/mlflow.db", store))
        except UserError as error:
            pytest.skip(str(error))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        one = Store()
        run_id = one.create(one.experiment("served"), "name", {"role": "trial"})
        one.log(run_id, [("loss", float(step), step) for step in range(1500)], {"seed": 1})
        (tmp_path / "up").mkdir()
        (tmp_path / "up" / "file.txt").write_text("hello")
        one.upload(run_id, tmp_path / "up")
        assert one.read(one.run(run_id), "file.txt") == b"hello"
        one.end(run_id, "FINISHED")
        one.log(run_id, tags={"complete": "true"})
        (run,) = one.runs("tags.complete = 'true'")
        assert run.id == run_id
        assert views.instructions(one.uri, "1", "k").startswith(f"runs: {uri}/#/")
        reader = Store(uri, read_only=True)
        values = reader.histories([run_id], "loss")[run_id]
        assert values == {step: float(step) for step in range(1500)}
        assert reader.runs("", reader.find("served"))[0].metrics == {"loss": (1499, 1499.0)}
    with unusable("") as caught:
        one.create("1", "name", {})
    assert "\n" not in str(caught.value)
    assert (store / "artifacts").exists()


def test_a_first_start_that_is_killed_leaves_no_half_made_store(tmp_path):
    path = tmp_path / "mlflow.db"
    code = f"""
import contextlib, os, threading
os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///{path}"
from core.store import Store

def kill_once_tables_appear():
    while True:
        for draft in os.scandir({str(tmp_path)!r}):
            with contextlib.suppress(FileNotFoundError):  # a journal comes and goes
                if "mlflow.db" in draft.name and os.stat(draft.path).st_size > 100_000:
                    os._exit(9)

threading.Thread(target=kill_once_tables_appear, daemon=True).start()
Store()
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=provenance.ROOT, check=False)
    assert killed.returncode == 9
    assert not path.exists()
    again = code[: code.index("def kill")] + "print(Store().experiment('after'))"
    found = subprocess.run(
        [sys.executable, "-c", again], cwd=provenance.ROOT, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout.strip()) == (0, "1"), found.stderr


def test_what_is_no_empty_file_is_never_replaced(tmp_path, monkeypatch):
    """As root, an address such as /dev/null once replaced the device."""
    place = tmp_path / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}")
    for make, remove in ((place.mkdir, place.rmdir), (lambda: os.mkfifo(place), place.unlink)):
        make()
        with pytest.raises(UserError, match="is wanted"):
            Store()
        assert not place.is_file()
        remove()
    place.touch()
    Store()
    assert place.stat().st_size > 0


def test_a_store_that_cannot_be_written_can_be_read(study_store, monkeypatch):
    """As root nothing is forbidden, so the lock's folder and file are refused here."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("core.tracking.FileLock", refuse)
    assert len(Store().runs("tags.role = 'study'")) == 1


def test_a_store_on_a_read_only_disk_is_one_line_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != tmp_path and allowed(path, mode)
    )
    with pytest.raises(UserError, match=r"can be read and written is wanted: .*Read-only file"):
        Store()
