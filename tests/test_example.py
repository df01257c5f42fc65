"""The example of docs/extending.md runs as it stands, and its claim is judged both ways."""

import importlib.util
import sys

import numpy as np
import pytest

import reports
from core.errors import UserError
from core.provenance import ROOT
from core.trials import Record, Trial
from reports import lessons
from reports.judge import judge

EXAMPLE = ROOT / "docs" / "example"
SCRIPT = EXAMPLE / "experiments" / "dropout.py"


@pytest.fixture
def example(monkeypatch):
    """Add the example to the house, as its reader would."""
    monkeypatch.setattr(reports, "__path__", [*reports.__path__, str(EXAMPLE / "reports")])
    monkeypatch.setattr(lessons, "PACKAGES", (*lessons.PACKAGES, "dropout"))
    lessons.lessons.cache_clear()
    spec = importlib.util.spec_from_file_location("dropout", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "dropout", module)
    spec.loader.exec_module(module)
    yield module
    lessons.lessons.cache_clear()


def test_a_study_that_no_lesson_knows_is_one_line():
    with pytest.raises(UserError, match="study dropout: its package is wanted among PACKAGES of"):
        lessons.lesson_of("dropout")


def test_the_example_runs_and_grows(example, store, capsys):
    example.main(example.SMOKE)
    study = reports.load("dropout")
    assert study["arm"].values.tolist() == list(example.SHARES)
    assert judge(study)["X1"].decision.withheld == "no look"
    assert reports.exhibits(study)["accuracy"].plot().axes
    assert "X1 undecided: Dropout of one half helps." in capsys.readouterr().out


def test_a_store_that_is_back_at_the_end_is_sent_what_waits(example, store, monkeypatch, capsys):
    monkeypatch.setattr("core.study.Study._send", lambda *_, **__: None)
    example.main(example.SMOKE)
    told = capsys.readouterr().out
    assert "trials wait in" in told
    assert "trials sent: the store is back" in told
    assert "X1 undecided: Dropout of one half helps." in told


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.2, "supported"), (-0.2, "refuted"), (0.0, "undecided")]
)
def test_its_claim_follows_the_numbers(example, invent, gain, verdict):
    random, trials = np.random.default_rng(0), {}
    for seed in range(5):
        for arm, share in (("none", 0.6), ("half", 0.6 + gain)):
            hits = (random.random(500) < share).astype(np.uint8)
            trials[Trial(arm, seed)] = Record({}, {"correct": (("image",), hits)})
    assert judge(invent("dropout", trials))["X1"].verdict == verdict


def test_it_is_as_short_as_the_page_says():
    lines = sum(len(path.read_text().splitlines()) for path in EXAMPLE.rglob("*.py"))
    assert lines <= 160
