"""A store that is away, at the start of a study or later, costs nothing."""

import contextlib
from types import SimpleNamespace

import pytest
from requests.exceptions import RequestException

from core import outbox, provenance, tracking
from core import study as module
from core.address import VARIABLE
from core.errors import UserError
from core.outbox import send_all
from core.store import Store
from core.tracking import AwayError, StoreError
from core.trials import Trial
from tests.small import TRIALS, Trainer, run, runs, toy


def away(*_):
    raise StoreError("MLflow store x: away")


@contextlib.contextmanager
def absent():
    """Let the store not answer, as if its server were down."""

    def client(_):
        raise RequestException("nobody answers")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "_client", property(client))
        yield


def test_a_store_that_goes_away_costs_nothing(store, monkeypatch, capsys):
    with monkeypatch.context() as patch:

        def leaves(job):
            patch.setattr(Store, "create", away)
            patch.setattr(Store, "runs", away)
            patch.setattr(Store, "end", away)
            return Trainer()(job)

        run(trainer=leaves)
    printed = capsys.readouterr().out
    assert printed.count("the study goes on, what it finds is kept in") == 1
    assert "4 trials wait in" in printed
    assert runs("trial") == {}
    assert run()[1] == []  # the next start sends them first
    assert sorted(runs("trial")) == ["a/0", "a/1", "b/0", "b/1"]
    assert all(found.data.tags["complete"] == "true" for found in runs("trial").values())
    assert send_all(Store()) == (0, 0)


@pytest.mark.parametrize("step", ["create", "log", "upload", "end"])
def test_a_trial_is_sent_once_wherever_it_was_broken_off(store, monkeypatch, step):
    with monkeypatch.context() as patch:
        calls, honest = [], getattr(Store, step)

        def breaks(self, *args, **kwargs):
            calls.append(step)
            if len(calls) >= 4:
                away()
            return honest(self, *args, **kwargs)

        patch.setattr(Store, step, breaks)
        run()
    before = len(runs("trial"))
    store_ = Store()
    sent, waiting = send_all(store_)
    assert waiting == 0
    assert sent > 0 or before == 4
    found = runs("trial")
    assert sorted(found) == ["a/0", "a/1", "b/0", "b/1"]
    assert all(one.data.tags["complete"] == "true" for one in found.values())
    assert all(one.data.metrics["test/loss"] == 1 / 3 for one in found.values())


def test_a_store_that_is_away_at_the_start_costs_nothing(store, capsys):
    run([Trial("a", 0)])
    with absent():
        assert run()[1] == ["b/0", "a/1", "b/1"]  # one is known to be in the store
        assert "3 trials wait in" in capsys.readouterr().out
        assert run()[1] == []
        with pytest.raises(AwayError, match="no answer"):
            outbox.main(outbox.Config())
    assert sorted(runs("trial")) == ["a/0"]
    assert run()[1] == []
    assert sorted(runs("trial")) == ["a/0", "a/1", "b/0", "b/1"]


def test_a_server_that_refuses_connections_at_the_start_costs_nothing(store, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "http://127.0.0.1:9")  # MLflow names no cause of a refusal
        patch.setattr(tracking, "provenance", SimpleNamespace(ROOT=store))  # where its outbox is
        assert run()[1] == ["a/0", "b/0", "a/1", "b/1"]
    said = capsys.readouterr().out
    assert "wanted: no answer (ConnectionError); the study goes on" in said
    assert "4 trials wait in" in said


def test_a_store_that_comes_back_has_what_was_trained_meanwhile(store, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0)
    trainer, seen = Trainer(), []
    with contextlib.ExitStack() as absence:

        def train(job):
            absence.close()
            seen.extend(found.info.status for found in runs("study").values())
            return trainer(job)

        run([])
        absence.enter_context(absent())
        run(trainer=train)
    assert seen == ["FINISHED", "RUNNING"]  # at the first of two programs nobody had asked again
    assert sorted(runs("trial")) == ["a/0", "a/1", "b/0", "b/1"]
    (parent,) = runs("study").values()
    assert parent.info.status == "FINISHED"
    assert provenance.owner().items() <= parent.data.tags.items()


@pytest.mark.parametrize(("error", "status"), [(None, "FINISHED"), (KeyboardInterrupt, "KILLED")])
def test_how_a_study_ended_is_sent_later(store, error, status):
    with absent(), contextlib.suppress(KeyboardInterrupt), toy() as study:
        study.run(TRIALS, Trainer())
        if error:
            raise error
    assert send_all(Store()) == (4, 0)
    (parent,) = runs("study").values()
    assert parent.info.status == status
    assert parent.data.tags["study_key"] == study.key


def test_a_place_where_no_store_can_be_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(UserError, match=r"sqlite:.* is wanted") as caught, toy():
        pass
    assert "\n" not in str(caught.value)


def test_a_store_whose_folder_cannot_be_written_is_one_line(store):
    """As root nothing is read-only; a file in the folder's place is refused in the same way."""
    (store / "mlruns").touch()
    with pytest.raises(UserError) as refused:
        run()
    said = str(refused.value)
    wanted = "a store that can be read and written is wanted"
    assert said.startswith(f"MLflow store sqlite:///{store}/mlflow.db: {wanted}: {store}/mlruns/")
    assert said.endswith(": Not a directory")


def test_what_waits_is_sent_by_a_command(store, capsys):
    with absent():
        run()
    capsys.readouterr()
    outbox.main(outbox.Config())
    assert "4 trials sent, 0 still wait in" in capsys.readouterr().out
    assert len(runs("trial")) == 4
