"""What waits on disk or lies in the store and is not what was written: set aside, said, once."""

import json
import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient

from core import archive, outbox
from core.outbox import StudyFolder, send_all
from core.store import Store
from core.trials import Record, Trial

TRIAL = Trial("a", 0)
MADE = {"params": {}, "tags": {}, "group": [], "started": 1.0, "ended": 2.0}
STUDY = {"name": "toy", "run_name": "toy", "tags": {}, "data": ["toy", "f" * 64, "here"]}


@pytest.fixture
def waiting(store):
    """Make a study whose only trial waits to be sent."""
    folder = StudyFolder(outbox.outbox(Store()) / "0123")
    folder.describe(STUDY, {})
    (folder.path / "files").mkdir()
    folder.keep(TRIAL, Record({"test/accuracy": 0.5}), MADE)
    return folder


def trials():
    return Store().runs("tags.role = 'trial' AND tags.complete = 'true'")


@pytest.mark.parametrize("content", ["", "[]", '{"trial": 3}', None])
@pytest.mark.parametrize("name", ["run.json", "artifacts/record.safetensors"])
def test_a_waiting_trial_that_is_damaged_is_set_aside(waiting, capsys, name, content):
    (place,) = waiting.waiting()
    (place / name).unlink()
    if content is None:
        (place / name).mkdir()
    else:
        (place / name).write_text(content)
    assert send_all(Store()) == (0, 0)
    assert f"{place}: set aside, to be trained again" in capsys.readouterr().out
    assert not waiting.holds(TRIAL)  # and so it is trained again
    assert (waiting.path / "damaged" / place.name / name).exists()
    waiting.keep(TRIAL, Record({"test/accuracy": 0.5}), MADE)
    assert send_all(Store()) == (1, 0)
    assert len(trials()) == 1


@pytest.mark.parametrize("content", ["", "null", '{"name": 3}', None])
def test_a_study_that_is_damaged_stops_no_other(waiting, capsys, content):
    other = StudyFolder(waiting.path.with_name("4567"))
    other.describe(STUDY, {})
    (other.path / "files").mkdir()
    other.keep(TRIAL, Record({}), MADE)
    (waiting.path / "study.json").unlink()
    if content is not None:
        (waiting.path / "study.json").write_text(content)
    assert send_all(Store()) == (1, 1)
    assert f"{waiting.path}: left out until its study is started again" in capsys.readouterr().out
    (run,) = trials()
    assert run.tags["study_key"] == "4567"
    waiting.describe(STUDY, {})  # as its study does
    assert send_all(Store()) == (1, 0)


def test_a_trial_whose_tag_is_changed_is_sent_again(waiting):
    """It counted as sent, was not found as complete, and was trained for ever."""
    assert send_all(Store()) == (1, 0)
    (run,) = trials()
    MlflowClient().set_tag(run.id, "complete", "yes")
    waiting.keep(TRIAL, Record({}), MADE)
    assert send_all(Store()) == (1, 0)
    (again,) = trials()
    assert again.id != run.id


def test_what_is_being_sent_is_not_described_anew(waiting):
    """Of 8 that started together, one sent a file that another was just replacing."""
    with waiting.lock():
        other = threading.Thread(target=waiting.describe, args=({**STUDY, "name": "new"}, {}))
        other.start()
        other.join(0.3)
        assert json.loads((waiting.path / "study.json").read_text()) == STUDY
    other.join()
    assert json.loads((waiting.path / "study.json").read_text())["name"] == "new"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trial": {**TRIAL.as_dict(), "seed": 1}}, "it holds a/1"),
        ({"group": None}, "group is not as it was written"),
    ],
)
def test_a_sent_trial_is_read_as_what_its_tag_says(waiting, change, said):
    send_all(Store())
    (run,) = trials()
    assert archive.read(Store(), run)[0] == TRIAL
    path = Path(run.artifacts, "trial.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=said):
        archive.read(Store(), run)


def test_a_trial_leaves_the_folder_whole(waiting, monkeypatch):
    """A kill while it is removed once left a trial that seemed to wait, without its files."""
    seen = []
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: seen.append(waiting.holds(TRIAL)))
    send_all(Store())
    assert seen[-1] is False


def test_records_are_read_several_at_once_and_come_in_order():
    met = threading.Barrier(archive.READERS, timeout=60)

    def read(number):
        met.wait()
        return number

    assert list(archive.at_once(read, range(archive.READERS))) == [*range(archive.READERS)]
