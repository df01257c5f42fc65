"""Comparisons of invented runs: which arms, which pairs, what is named and what refused."""

import math
import uuid

import numpy as np
import pytest

from core import cli
from core.errors import UserError
from core.evaluation.intervals import mean
from core.store import Run
from reports import compare
from reports.compare import comparison, page, runs, sentences
from tests.reports import plant


def logged(value, *, status="FINISHED", tags=None, digests=(), last=0, metrics=None, **params):
    """A run as the store gives it; a param of None is not logged."""
    known = {name: str(value) for name, value in params.items() if value is not None}
    point = {"acc": (last, value)} if metrics is None else metrics
    return Run(uuid.uuid4().hex, status, tags or {}, 0.0, "", "", known, point, digests)


def grid(make=lambda arm, seed: {}):
    """Five seeds of arms a and b. make: what each run has beside its arm and seed."""
    return [
        logged(plant.NOISE[seed] + 0.01 * (arm == "b"), **{"model": arm, "seed": seed, **made})
        for arm in "ab"
        for seed in range(5)
        for made in [make(arm, seed)]
    ]


def tabled(found, *options):
    config = cli.parse(compare.Config, "", ["x", *options])
    return runs.table(found, config, lambda ids, metric: {})


def test_arms_are_the_params_that_vary_and_neither_seeds_nor_names_of_runs_and_machines():
    def make(arm, seed):
        layers = {"a": 3, "b": 9}[arm]
        return {"layers": layers, "data_seed": 9 * seed, "out": f"{arm}{seed}", "gpu": seed % 2}

    table = tabled(grid(make))
    assert table.arms == ("model",)
    assert table.pairs == ("seed",)
    assert [note.name for note in table.notes] == ["confounded"]
    assert "layers" in table.notes[0].text


def test_every_combination_is_an_arm():
    found = [
        logged(float(seed), model=arm, seed=seed, lr=lr)
        for arm in "ab"
        for seed in range(3)
        for lr in (0.1, 1)
    ]
    arms = set(tabled(found).used["arm"])
    assert arms == {f"model={arm}, lr={lr}" for arm in "ab" for lr in (0.1, 1)}
    with pytest.raises(UserError, match="differ in lr: --arm model lr, or one value by --where"):
        tabled(found, "--arm", "model")


COMMIT = "mlflow.source.git.commit"


@pytest.mark.parametrize(
    ("make", "options", "name"),
    [
        (lambda arm, seed: {"lr": 0.1 + seed / 100 + ord(arm)}, "", "mixed"),
        (lambda arm, seed: {"lr": 0.1 + seed / 100 + ord(arm)}, "--arm model", "mixed"),
        (lambda arm, seed: {"out": f"{arm}{seed}"}, "", None),
        (lambda arm, seed: {"seed": 42}, "--pair none", "same seed"),
        (lambda arm, seed: {"seed": None}, "", "unpaired"),
        (lambda arm, seed: {"epochs": 5, "last": seed}, "", None),
        (lambda arm, seed: {"epochs": 5, "last": ord(arm)}, "", "stops"),
        (lambda arm, seed: {"tags": {COMMIT: str(seed)}}, "", None),
        (lambda arm, seed: {"digests": (str(seed),)}, "", None),
        (lambda arm, seed: {"fold": seed, "seed": None}, "", "folds"),
        (lambda arm, seed: {"fold": seed, "seed": 7}, "", "folds"),
        (lambda arm, seed: {"train_split": 0.7, "n_folds": 5}, "", None),
        (lambda arm, seed: {"model": None, "tags": {"net": arm}}, "--arm tags.net", None),
        (lambda arm, seed: {"data": arm}, "--accept data", "data"),
    ],
)
def test_what_else_is_named(make, options, name):
    notes = {note.name for note in tabled(grid(make), *options.split()).notes}
    assert notes - {"unpaired"} == ({name} if name else set()) - {"unpaired"}
    assert name != "unpaired" or "unpaired" in notes


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda arm, seed: {"seed": 42}, "", "10 runs repeat an arm and seed, such as a, seed 42,"),
        (lambda arm, seed: {"seed": 42}, "", "--pair none takes all"),
        (lambda arm, seed: {"split": seed}, "--pair split", "--test-share"),
        (lambda arm, seed: {"model": None}, "", "no param varies"),
        (lambda arm, seed: {"status": "FAILED"}, "", "finished runs are wanted"),
        (lambda arm, seed: {"digests": (arm,)}, "", "--accept data"),
        (lambda arm, seed: {"data": arm}, "", "--accept data"),
        (lambda arm, seed: {"tags": {COMMIT: arm * 40}}, "", "--accept commit"),
        (lambda arm, seed: {"steps": ord(arm)}, "--arm model", "--accept budget"),
        (lambda arm, seed: {"last": ord(arm)}, "", "--accept budget"),
        (lambda arm, seed: {}, "--arm nothing", "no run has such a param"),
        (lambda arm, seed: {}, "--pair model --arm model", "--pair model: it makes the arms"),
        (lambda arm, seed: {"status": "KILLED"}, "", "10 leaves, none of them finished"),
        (lambda arm, seed: {"metrics": {}}, "", "x: its 10 finished runs log no metric"),
        (lambda arm, seed: {}, "--metric other", "--metric other"),
        (lambda arm, seed: {}, "--budget hours", "--budget hours"),
    ],
)
def test_what_else_is_refused(make, options, said):
    with pytest.raises(UserError, match=said):
        tabled(grid(make), *options.split())


def test_no_runs_at_all_are_refused():
    with pytest.raises(UserError, match="x: finished runs are wanted, found: none"):
        tabled([])


def test_a_seed_that_makes_the_arms_pairs_nothing():
    assert tabled(grid(), "--arm", "seed").pairs == ()


def test_a_value_without_a_square_has_diverged():
    (huge, *others) = grid()
    huge.metrics["acc"] = (0, -1e200)
    table = tabled([huge, *others])
    assert table.lost.index.tolist() == [huge.id]
    assert np.isfinite(comparison.compare(table).differences[0].superior.estimate.se)


@pytest.mark.parametrize(
    ("values", "printed"),
    [
        ([0.9, 0.91, 0.93], "0.913"),
        ([1.0, 1.0, 1.0], "1"),
        ([1e-30, 2e-30, 3e-30], "2e-30"),
        ([2e20, 2e20, 5e20], "3e+20"),
        ([-0.02, 0.0, 0.01], "-0.003"),
        ([-2.0, 0.0, 1.99], "0.0"),
    ],
)
def test_a_mean_is_printed_as_exactly_as_it_is_known(values, printed):
    estimate = mean(np.array(values)[:, None])
    assert f"{estimate.value:{sentences.form([estimate])}}" == printed


def test_asking_for_the_budget_or_the_data_is_no_confusion_of_it():
    assert tabled(grid(lambda arm, seed: {"epochs": ord(arm)}), "--arm", "epochs").arms
    assert tabled(grid(lambda arm, seed: {"dataset": arm}), "--arm", "dataset").arms


def test_arms_of_one_run_are_listed_only():
    found = [run for run in grid() if run.params["model"] == "a"] + [
        logged(0.5, model=arm, seed=0) for arm in ("b", "c")
    ]
    with pytest.raises(UserError, match="3 arms, 2 of one run each"):
        tabled(found)
    table = tabled([*found, logged(0.6, model="b", seed=1), logged(0.7, model="b", seed=2)])
    result = comparison.compare(table)
    assert [each.arm for each in result.differences] == ["a"]
    assert {arm.name: arm.estimate is None for arm in result.arms} == {
        "a": False,
        "b": False,
        "c": True,
    }
    assert "one run" in {note.name for note in table.notes}


def test_an_arm_that_lost_all_runs_is_named():
    lost = [logged(math.nan, model="c", seed=seed) for seed in range(3)]
    crashed = [logged(0.1, model="d", seed=0, status="FAILED")]
    table = tabled([*grid(), *lost, *crashed])
    (note,) = (note for note in table.notes if note.name == "lost arms")
    assert "c (3), d (1)" in note.text
    assert len(comparison.compare(table).arms) == 2


def test_seeds_within_folds_are_averaged():
    found = [
        logged(0.1 * fold + 0.01 * seed + 0.02 * (arm == "b"), model=arm, fold=fold, seed=seed)
        for arm in "ab"
        for fold in range(4)
        for seed in range(3)
    ]
    table = tabled(found)
    assert "seeds within folds" in {note.name for note in table.notes}
    (each,) = comparison.compare(table).differences
    assert each.superior.estimate.n_seeds == 4
    assert table.overlap == pytest.approx(1 / 3)


def test_folds_that_are_not_shared_are_refused():
    found = grid(lambda arm, seed: {"seed": None, "fold": seed + 5 * (arm == "b")})
    with pytest.raises(UserError, match="share fewer than two folds"):
        comparison.compare(tabled(found))


def test_the_best_is_tested_against_all_pairs_and_a_baseline_is_not():
    found = [
        logged(plant.NOISE[seed] * (1 + ord(arm) % 3) + 0.01 * ord(arm), model=arm, seed=seed)
        for arm in "abcd"
        for seed in range(5)
    ]
    assert comparison.compare(tabled(found)).n_tests == 6
    against = comparison.compare(tabled(found), baseline="a")
    assert (against.n_tests, against.reference) == (3, "a")
    with pytest.raises(UserError, match="--baseline e: an arm is wanted: d, c, b, a"):
        comparison.compare(tabled(found), baseline="e")


def test_looks_wait_for_the_grid():
    found = [
        logged(random, model=arm, seed=seed)
        for arm, shift in (("a", 0.0), ("b", 9.0))
        for seed, random in enumerate(shift + np.random.default_rng(ord(arm)).normal(size=7))
    ]
    once = comparison.compare(tabled(found)).differences[0].superior
    looks = comparison.compare(tabled(found), first_look=3).differences[0].superior
    assert (once.estimate.n_seeds, looks.estimate.n_seeds) == (7, 6)
    assert sorted(looks.looks) == [3, 6]
    early = comparison.compare(tabled(found), first_look=10).differences[0]
    assert early.superior.withheld == "no look"
    assert early.p is None  # it would be 1 beside an interval without 0


@pytest.mark.parametrize(
    ("first", "shift", "rests"),
    [
        (3, 0, "first 6 of 7 repetitions"),
        (7, 0, ""),
        (3, 1, ""),
        (3, 2, "first 3 of 5 repetitions"),
    ],
)
def test_a_look_says_which_runs_it_rests_on(first, shift, rests):
    """shift: so many seeds are in one arm only."""
    found = [
        logged(plant.NOISE[k % 5] + k, model=arm, seed=k + shift * (arm == "b"))
        for arm in "ab"
        for k in range(7)
    ]
    config = cli.parse(compare.Config, "", ["x", "--looks", str(first)])
    result = comparison.compare(tabled(found), first_look=first)
    waiting = [n.text for n in sentences.notes(result, config) if n.name == "waiting"]
    assert len(waiting) == bool(rests)
    assert all(f"rests on the {rests}: the looks are at 3, 6" in text for text in waiting)


def test_arms_that_share_one_seed_are_said_to_share_fewer_than_two():
    found = [
        logged(plant.NOISE[seed] + shift, model=arm, seed=seed + shift)
        for arm, shift in (("a", 0), ("b", 4))
        for seed in range(5)
    ]
    notes = {note.name: note.text for note in comparison.compare(tabled(found)).notes}
    assert notes["unpaired"].startswith("a and b share fewer than two seeds: they are compared as")
    assert "pairs that both have, where these are two or more" in notes["missing pairs"]


@pytest.mark.parametrize(
    ("arms", "options", "family", "role"),
    [
        ("ab", {}, "Holm over 1 comparison.", "(best acc seen)"),
        ("abx", {}, "Holm over 1 comparison.", "(best acc seen in two or more runs)"),
        ("abc", {"margin": 0.1}, "Holm over 3 comparisons of two questions each, all", "(best acc"),
        ("abc", {"baseline": "a"}, "Holm over 2 comparisons.", "(baseline)"),
    ],
)
def test_the_family_is_named_with_its_size(arms, options, family, role):
    found = [
        logged(plant.NOISE[seed] + 0.01 * ord(arm), model=arm, seed=seed)
        for arm in arms
        for seed in range(1 if arm == "x" else 5)
    ]
    result = comparison.compare(tabled(found), **options)
    config = cli.parse(compare.Config, "", ["x"])
    (method,) = (n.text for n in sentences.notes(result, config) if n.name == "method")
    assert family in method
    assert role in sentences.headline(result)


def test_a_margin_can_find_arms_the_same():
    found = [
        logged(seed + 1e-3 * np.sin(ord(arm) * seed), model=arm, seed=seed)
        for arm in "ab"
        for seed in range(6)
    ]
    result = comparison.compare(tabled(found), margin=0.1)
    (each,) = result.differences
    assert sentences.verdict(result, each) == "the same, within 0.1"
    assert -0.1 < each.shown.estimate.low < each.shown.estimate.high < 0.1
    with_three = [*found, *(logged(-seed * 9.0, model="c", seed=seed) for seed in range(6))]
    family = comparison.compare(tabled(with_three), margin=0.1)
    assert family.differences[0].shown.estimate.confidence > each.shown.estimate.confidence


def test_the_screen_says_of_each_undecided_arm_what_would_decide():
    found = [
        logged(seed % 3 + 0.01 * np.sin(ord(arm) * seed) * ord(arm), model=arm, seed=seed)
        for arm in "abcdef"
        for seed in range(5)
    ]
    result = comparison.compare(tabled(found))
    config = cli.parse(compare.Config, "", ["x"])
    lines = page.screen(result, page.Source(config, "", "1", lambda ids, metric: {})).splitlines()
    undecided = [each.arm for each in result.differences if each.superior.verdict == "undecided"]
    assert len(undecided) == 5
    told = [line for line in lines if "would" in line and ": " in line[:4]]
    assert [line[0] for line in told] == undecided[:3]
    assert "and 2 more undecided, on the page" in lines
