"""A budget goes to the look that decides most a second, and to none that does not fit."""

from types import SimpleNamespace

import pytest

from core.code import code_hash
from core.provenance import ROOT
from reports import spending
from reports.outlook import Cost, Outlook

SCHEMES = "python experiments/init_schemes.py --data fashion-mnist"
BREEDS = "python experiments/dog_breeds.py"


class Runs:
    """Pretends to run: each look takes what it was said to."""

    def __init__(self, left, fails=()):
        self.done, self.left, self.fails, self.seen = [SCHEMES, BREEDS], left, fails, []

    def run(self, command, title):
        self.seen.append(command)
        self.left -= 100.0
        if command not in self.fails:
            self.done.append(command)


def study(name, command, code=None, finished="2026-11-01 10:00", started=1.0):
    code = code or code_hash(ROOT / "experiments" / f"{name}.py")
    facts = {"command": command, "code": code, "finished": finished}
    return SimpleNamespace(
        name=name, title=name, facts=facts, run=SimpleNamespace(started=started), entries={}
    )


def look(command, n_seeds, expected, seconds):
    done = study("init_schemes", command)
    return spending.Look(done, command, n_seeds, Cost(5, seconds), ("W3",), expected)


@pytest.fixture
def ahead(monkeypatch):
    """Let the looks of each command be what a test says, until their seeds are trained."""
    runs, known = Runs(1000.0), []
    monkeypatch.setattr(spending.studies, "collect", lambda store: SimpleNamespace(studies=[]))

    def looks(stored, commands):
        trained = runs.done
        for each in known:
            if spending.seeded(each.command, each.n_seeds) not in trained:
                yield each

    monkeypatch.setattr(spending, "looks", looks)
    return runs, known


def test_most_verdicts_a_second_come_first(ahead, capsys):
    runs, known = ahead
    known += [look(BREEDS, 10, 0.9, 500.0), look(SCHEMES, 20, 0.5, 60.0)]
    spending.on_looks(None, runs)
    assert runs.seen == [f"{SCHEMES} --seeds 20", f"{BREEDS} --seeds 10"]
    out = capsys.readouterr().out
    shown = "next look: init_schemes: 20 seeds, 5 more trials, about 2 min; 0.5 verdicts expected"
    assert f"{shown} on W3" in out


def test_what_does_not_fit_is_named_and_not_begun(ahead, capsys):
    runs, known = ahead
    known += [look(BREEDS, 10, 0.9, 5000.0), look(SCHEMES, 20, 0.5, 60.0)]
    spending.on_looks(None, runs)
    assert runs.seen == [f"{SCHEMES} --seeds 20"]
    assert "left out, 15 min are left: init_schemes: 10 seeds" in capsys.readouterr().out


def test_a_look_that_failed_is_not_begun_again(ahead):
    runs, known = ahead
    runs.fails = [f"{SCHEMES} --seeds 20"]
    known += [look(SCHEMES, 20, 0.5, 60.0)]
    spending.on_looks(None, runs)
    assert runs.seen == [f"{SCHEMES} --seeds 20"]


def test_a_command_finds_the_study_it_trained_last_with_this_code():
    mine = study("init_schemes", f"{SCHEMES} --seeds 20")
    later = study("init_schemes", SCHEMES, finished="2026-11-01 11:00")
    others = [
        study("init_schemes", SCHEMES, code="0" * 16, finished="2026-11-02 10:00"),
        study("init_schemes", "python experiments/init_schemes.py"),
        study("dog_breeds", BREEDS),
    ]
    assert spending.study_of(SCHEMES, [mine, *others]) is mine
    assert spending.study_of(SCHEMES, [later, mine, *others]) is later
    assert spending.study_of("python experiments/skin_lesions.py", others) is None


def test_the_seeds_of_a_command_are_replaced():
    command = "python experiments/autoencoders.py --seeds 5 --data 'my data'"
    assert spending.seeded(command) == "python experiments/autoencoders.py --data 'my data'"
    assert spending.seeded(command, 40).endswith("--data 'my data' --seeds 40")


def test_only_claims_that_rest_on_a_study_count(monkeypatch):
    toys, photographs = study("dog_breeds", BREEDS), study("init_schemes", SCHEMES)
    ahead = {"W3": {20: 0.5, 40: 0.9}, "W4": {20: 0.25, 40: 0.5}, "W5": {40: 0.7}}
    monkeypatch.setattr(spending, "outlook", lambda _: Outlook(open=ahead))
    monkeypatch.setattr(spending, "cost", lambda _, n_seeds: Cost(n_seeds, 3.0))
    best = {"W3": photographs, "W4": photographs, "W5": toys}
    lines = [
        SimpleNamespace(claim=SimpleNamespace(name=name), evidence=[SimpleNamespace(study=first)])
        for name, first in best.items()
    ]
    monkeypatch.setattr(spending.ledger, "build", lambda _: lines)
    first, second = spending.looks([toys, photographs], [SCHEMES, BREEDS])
    assert (first.n_seeds, first.claims, first.expected) == (20, ("W3", "W4"), 0.75)
    assert (second.n_seeds, second.claims, second.expected) == (40, ("W5",), 0.7)
    assert (first.study, second.study) == (photographs, toys)
