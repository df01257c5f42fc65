"""Evidence until decided: what is chased, what a look costs, and where it stops."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

from core import cli, fleet
from core.config import DeviceConfig
from core.errors import UserError
from core.evaluation.intervals import mean
from core.evaluation.looks import grid_from, looks_at, over_looks
from core.evaluation.verdicts import all_of, superior, withheld
from core.trials import Record, Trial
from reports import outlook, running
from reports.judge import Entry
from reports.lessons import claims

GRID = grid_from(10)
RANDOM = np.random.default_rng(3)
NOISE = RANDOM.normal(0, 1, (80, 1))
SEEDS = 1.0 + NOISE
"""a claim that the seeds decide at the second look"""
IMAGES = 0.4 + RANDOM.normal(0, 1, (1, 12)) + RANDOM.normal(0, 0.05, (80, 12))
"""a claim whose doubt is in twelve images that all seeds share"""
SMALL = 0.15 + np.resize([1.0, -1.0], (80, 1))
"""an effect that 80 seeds do not show"""


@dataclass(frozen=True)
class Config:
    seeds: int = 10
    device: DeviceConfig = field(default_factory=DeviceConfig)


def decision(scores, n):
    looks = looks_at(GRID, n)
    return over_looks({look: superior(mean(scores[:look])) for look in looks}, GRID)


@pytest.fixture
def study(invent):
    """Return a maker of studies with n seeds: W1, W2 ... are the claims of the scores given."""

    def make(n, *scores, arms=(("a", 2.0),)):
        factors = (("scale", "course"),)
        trials = {
            Trial(arm, seed, factors): Record(metrics={"seconds": seconds})
            for arm, seconds in (*arms, *((name, 2.0) for name in claims()["W1"].arms))
            for seed in range(n)
        }
        trials[Trial("once", 0, factors)] = Record(metrics={"seconds": 100.0})
        entries = {}
        for index, table in enumerate(scores, 1):
            claim = replace(claims()[f"W{index}"], arms=("a",))
            found = decision(table, n)
            entries[claim.name] = Entry(claim=claim, decision=found, same_data=True, departures=())
        return SimpleNamespace(entries=entries, trials=invent("init_schemes", trials))

    return make


@pytest.fixture
def drive(monkeypatch, capsys, study):
    """Return a function: run until decided on scores; gives the looks and what was printed."""
    monkeypatch.setattr(running, "_trained", lambda *_: 0.0)

    def go(*scores, budget=np.inf, seeds=10):
        asked = []

        def main(config):
            asked.append(config.seeds)
            return study(config.seeds, *scores)

        running.until_decided(main, Config(seeds), budget)
        return asked, capsys.readouterr().out

    return go


def test_a_claim_that_decides_at_the_second_look_stops_there(drive):
    assert [decision(SEEDS, n).verdict for n in (10, 20)] == ["undecided", "supported"]
    asked, out = drive(SEEDS)
    assert asked == [10, 20]
    first, second = out.split("after 20 seeds")
    assert "decided: none\n  open: W1 (chance of a verdict" in first
    assert "decided: W1 supported\n  nothing is left that more seeds would decide" in second


def test_what_images_would_decide_is_named_and_not_chased(drive):
    asked, out = drive(SEEDS, IMAGES)
    assert asked == [10, 20]
    assert "not by seeds: W2: About 43 images would decide it" in out
    assert drive(IMAGES)[0] == [10]


def test_the_last_look_is_the_cap(drive):
    asked, out = drive(SMALL)
    assert asked == [10, 20, 40, 80]
    assert "not by seeds: W1: 80 seeds are the last look." in out


def test_few_seeds_go_to_the_first_look_whatever_they_show(drive):
    assert drive(IMAGES, seeds=3)[0] == [3, 10]


def test_a_look_that_does_not_fit_is_not_begun_and_a_later_call_goes_on(drive):
    asked, out = drive(SEEDS, budget=10.0)
    assert asked == [10]
    assert "next look: 20 seeds, 30 more trials, about 60 s" in out
    assert "that is more than the 10 s left; the same command goes on" in out
    assert drive(SEEDS, budget=1000.0)[0] == [10, 20]


def test_a_store_that_is_away_ends_it(capsys):
    running.until_decided(lambda _: None, Config())
    assert "the store is away" in capsys.readouterr().out


def test_a_look_costs_what_its_arms_took_and_lack(study):
    found = outlook.cost(study(10, arms=(("a", 2.0), ("b", 5.0))), 40)
    names = len(claims()["W1"].arms)
    assert found == outlook.Cost((2 + names) * 30, 30 * (2.0 + 5.0 + names * 2.0))
    assert outlook.cost(study(10), 10) == outlook.Cost(0, 0.0)


def test_what_diverged_is_not_waited_for():
    whole = all_of({"clear": superior(mean(SEEDS[:10] + 9)), "open": superior(mean(SEEDS[:10]))})
    held = withheld(whole, np.arange(10) < 1, np.zeros(10, bool))
    assert outlook.chance(over_looks({10: held}, GRID), 20, GRID) == 0
    clear = withheld(all_of({"clear": whole.parts["clear"]}), np.arange(10) < 1, np.zeros(10, bool))
    assert outlook.chance(over_looks({10: clear}, GRID), 20, GRID) == 0


def test_the_chance_of_several_parts_is_that_of_the_hardest():
    def chance(whole):
        return outlook.chance(over_looks({10: whole}, GRID), 20, GRID)

    parts = {"a": superior(mean(SEEDS[:10])), "b": superior(mean(SEEDS[:10] + 0.1))}
    easy, hard = chance(parts["b"]), chance(parts["a"])
    assert 0.05 < hard < easy < 1
    assert chance(all_of(parts)) == pytest.approx(hard)
    parts["c"] = superior(mean(-SEEDS[:10] - 0.3))
    assert chance(all_of(parts)) == pytest.approx(chance(parts["c"]))
    parts["d"] = superior(mean(-SEEDS[:10] - 0.1))
    assert chance(parts["d"]) < chance(parts["c"])
    assert chance(all_of(parts)) == pytest.approx(chance(parts["c"]))


def test_more_seeds_have_more_chance():
    chances = [outlook.chance(decision(SEEDS, 10), n, GRID) for n in GRID[1:]]
    assert chances == sorted(chances)
    assert chances[-1] > 0.8


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("40s", 40),
        ("30m", 1800),
        ("2d", 172_800),
        ("1.5h", 5400),
        ("8", 0),
        ("h", 0),
        ("-3s", 0),
        ("1 h", 0),
    ],
)
def test_a_duration_is_read(text, wanted):
    assert running.seconds(text) == wanted


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (40.2, "40 s"),
        (-1, "0 s"),
        (96, "2 min"),
        (719, "12 min"),
        (7200, "2 h"),
        (6000, "1 h 40 min"),
    ],
)
def test_a_time_is_said_in_its_unit(seconds, said):
    assert running.span(seconds) == said


def test_bad_options_are_one_line():
    with pytest.raises(UserError, match="--budget 40s: --until decided is wanted"):
        running.Running(budget="40s")
    with pytest.raises(UserError, match="--budget 40: a duration such as 40s, 30m, 8h or 2d is"):
        running.Running(until="decided", budget="40")


def test_the_options_stand_beside_those_of_the_script(monkeypatch):
    seen = []
    start, options = running.by_looks(seen.append, Config)
    start(cli.parse(options, "", ["--seeds", "3"]))
    assert seen == [Config(3)]
    monkeypatch.setattr(running, "until_decided", lambda *given: seen.append(given[1:]))
    start(cli.parse(options, "", ["--until", "decided", "--budget", "2m"]))
    start(cli.parse(options, "", ["--until", "decided"]))
    assert seen[1:] == [(Config(10), 120.0), (Config(10), np.inf)]


def test_a_tiny_study_goes_on_and_retrains_nothing(store, capsys):
    """Its looks begin at 10 seeds; what is stored is not trained again."""
    from experiments import init_schemes

    running.until_decided(init_schemes.main, init_schemes.SMOKE, budget=0.0)
    out = capsys.readouterr().out
    assert "after 2 seeds" in out
    assert "open: W6 (chance of a verdict" in out
    assert "not by seeds: W2, W3: Not tested. This study lacks the arm uniform-0-1." in out
    assert "next look: 10 seeds, 40 more trials" in out
    assert "more than the 0 s left" in out
    running.until_decided(init_schemes.main, replace(init_schemes.SMOKE, seeds=3), budget=0.0)
    out = capsys.readouterr().out
    assert "10 of 15 trials are in the store: 5 to train" in out
    assert "next look: 10 seeds, 35 more trials" in out


@pytest.mark.parametrize("wrap", [running.by_looks, running.anywhere])
def test_studies_train_where_on_says_and_elsewhere_after(wrap):
    seen = []
    start, options = wrap(lambda config: seen.append((config.seeds, fleet.ON.get())), Config)
    start(cli.parse(options, "", ["--seeds", "3", "--on", "loky:2"]))
    start(cli.parse(options, "", []))
    assert seen == [(3, fleet.Place("loky", "2")), (10, None)]
    assert fleet.ON.get() is None
    with pytest.raises(UserError, match="--on loky: loky:N"):
        cli.parse(options, "", ["--on", "loky"])
