"""What is old is listed, and goes where the user says so; what runs, or is in use, stays."""

import os
import time
from functools import partial

import pytest

from core import cli
from core.outbox import outbox
from core.store import Store
from reports import clean
from tests import toy

MONTH = 31 * 86400


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Make a repo's caches: of each, a file that is old and one that is in use."""
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    for name in clean.CACHES:
        folder = tmp_path / "mlruns" / name / "trunk"
        folder.mkdir(parents=True)
        for file, age in (("old", MONTH), ("used", 60)):
            (folder / file).write_bytes(bytes(1000))
            os.utime(folder / file, (time.time() - age, time.time() - MONTH))
    (tmp_path / "mlruns" / "pictures").mkdir()
    (tmp_path / "mlruns" / "pictures" / "mine.png").write_bytes(b"mine")
    return tmp_path / "mlruns"


@pytest.fixture
def keep(store):
    """Return a function that keeps a study of as many trials, begun some seconds ago."""

    def make(n, ago=0.0, **options):
        with toy.study(**options) as study:
            study.run(toy.trials(n), toy.TRAIN, at_most=2)
        runs = Store().runs(f"tags.study_key = '{study.key}'")
        engine = Store()._client._tracking_client.store.engine
        with engine.begin() as connection:
            for run in runs:
                moment = int(1000 * (time.time() - ago))
                connection.exec_driver_sql(
                    "UPDATE runs SET start_time = ? WHERE run_uuid = ?", (moment, run.id)
                )
        return study

    return make


def start(monkeypatch, capsys, *arguments, answers=()):
    """Run the command; return what it printed and asked."""
    asked, given = [], iter(answers)

    def answer(question):
        asked.append(question)
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)
    clean.main(cli.parse(clean.Config, "", arguments))
    return capsys.readouterr().out, asked


def studies():
    return [run.tags["study_key"] for run in Store().runs("tags.role = 'study'")]


def test_old_studies_go_where_the_user_says_so(keep, caches, monkeypatch, capsys):
    old, new = keep(1, MONTH), keep(2, weights={"a": "b"})
    before = len(Store().runs("tags.role LIKE '%'"))
    run_one = partial(start, monkeypatch, capsys, "--kinds", "studies")
    out, asked = run_one("--dry-run")
    assert (asked, out.count("toy: toy, "), len(studies())) == ([], 1, 2)
    for answers in ([], ["n"], [""]):
        assert run_one(answers=answers)[1] == ["Remove these studies? [y/N] "]
        assert len(studies()) == 2
    out, _ = run_one(answers=["y"])
    assert "`mlflow gc --backend-store-uri sqlite:///" in out
    assert studies() == [new.key]
    assert len(Store().runs("tags.role LIKE '%'")) == before - 3  # the study, and two trials
    assert not (outbox(Store()) / old.key).exists()
    assert (outbox(Store()) / new.key / "study.json").exists()
    assert "nothing was last used more than 30d ago: studies" in run_one()[0]


def test_a_study_that_had_more_seeds_lately_is_not_old(keep, caches, monkeypatch, capsys):
    keep(1, MONTH)
    with toy.study() as study:
        study.run(toy.trials(2), toy.TRAIN, at_most=2)
    assert "nothing was last used" in start(monkeypatch, capsys, "--yes", "--kinds", "studies")[0]


def test_a_running_study_is_left_with_all_that_it_uses(keep, caches, monkeypatch, capsys):
    study = keep(1, MONTH)
    folder = outbox(Store()) / study.key
    for place in ("checkpoints/a.pt", "trials/a/run.json", "damaged/b/run.json"):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_text("{}")
        os.utime(folder / place, (time.time() - MONTH,) * 2)
    Store().revive(study.run_id, {})
    kinds = ("--yes", "--kinds", "studies", "waiting", "checkpoints")
    assert "nothing was last used" in start(monkeypatch, capsys, *kinds)[0]
    Store().end(study.run_id, "KILLED")

    def begins(question):
        Store().revive(study.run_id, {})  # while the question stands
        return "y"

    monkeypatch.setattr("builtins.input", begins)
    clean.main(clean.Config(kinds=("checkpoints",)))
    assert "left, as it runs again: 1, in " in capsys.readouterr().out
    assert (folder / "checkpoints/a.pt").exists()
    Store().log(study.run_id, tags={"mlflow.owner.pid": "999999999"})  # its process was killed
    out, _ = start(monkeypatch, capsys, *kinds[:2], "waiting", "checkpoints")
    assert "1 wait, in" in out
    assert "1 are damaged, in" in out
    assert [
        *folder.glob("checkpoints/*"),
        *folder.glob("trials/*"),
        *folder.glob("damaged/*"),
    ] == []
    assert studies() == [study.key]


def test_caches_lose_what_nobody_used_for_long(store, caches, monkeypatch, capsys):
    out, asked = start(monkeypatch, capsys, "--older-than", "1s", answers=["y"])
    assert asked == ["Remove these caches? [y/N] "]
    assert "caches, 3 kB: made again" in out
    left = sorted(path.name for path in caches.rglob("*") if path.is_file())
    assert left == ["mine.png", "used", "used", "used"]


@pytest.mark.parametrize("given", ["30", "0d", "a month"])
def test_what_is_no_duration_is_one_line(given, monkeypatch):
    with pytest.raises(cli.UserError, match=f"--older-than {given}: a duration such as 40s"):
        clean.Config(older_than=given)
