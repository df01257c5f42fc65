"""Comparisons of runs that others logged: what misleads is named, and the numbers are right."""

import json
import subprocess
import sys

import numpy as np
import pytest
from mlflow import MlflowClient
from scipy import stats

from core import cli
from core.errors import UserError
from core.evaluation.comparisons import paired
from core.evaluation.intervals import mean
from core.provenance import ROOT
from core.store import Store
from reports import compare, studies
from reports.compare import pitfalls
from tests.reports import plant


@pytest.fixture
def ask(planted, tmp_path, capsys):
    """Return a function from options to what is printed and all numbers."""

    def run(*options):
        out = tmp_path / "found.json"
        arguments = [*options, "--uri", str(planted), "--format", "json", "--out", str(out)]
        compare.main(cli.parse(compare.Config, "", arguments))
        return capsys.readouterr().out, json.loads(out.read_text())

    return run


def values(arm, seeds=range(5)):
    return np.array([plant.score(arm, seed) for seed in seeds])


def test_two_arms_of_five_seeds(ask):
    printed, found = ask("clean")
    assert found["arms_by"] == ["model"]
    assert found["pairs_by"] == ["seed"]
    (resnet, cnn) = found["arms"]
    assert (resnet["arm"], resnet["n"]) == ("resnet", 5)
    (difference,) = found["differences"]
    gaps = values("cnn") - values("resnet")
    interval = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    estimate = difference["larger"]["estimate"]
    assert estimate["value"] == pytest.approx(gaps.mean(), rel=1e-12)
    assert [estimate["low"], estimate["high"]] == pytest.approx(list(interval), rel=1e-9)
    assert difference["p_holm"] == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue, rel=1e-6)
    assert difference["verdict"] == "worse"
    assert not [note for note in found["notes"] if note["loud"]]
    assert len(printed.splitlines()) < 20
    for value in (resnet, cnn):
        reference = stats.t.interval(0.95, 4, *_mean_and_error(values(value["arm"])))
        shown = value["estimate"]
        assert [shown["low"], shown["high"]] == pytest.approx(list(reference), rel=1e-9)


def _mean_and_error(sample):
    return sample.mean(), sample.std(ddof=1) / np.sqrt(len(sample))


def test_pairs_are_found_by_seed_and_not_by_order(ask):
    printed, found = ask("by_order")
    estimate = found["differences"][0]["larger"]["estimate"]
    assert abs(estimate["value"]) == 1
    assert estimate["components"]["seeds"] == 0
    assert "All repetitions give the same number" in printed


def test_arms_that_have_the_same_are_named_together():
    differing = {"a": {"epochs 1"}, "b": {"epochs 2"}, **{f"c{i}": {"epochs 1"} for i in range(4)}}
    assert pitfalls._by_arm(differing) == "a, c0, c1 and 2 more: epochs 1; b: epochs 2"


REFUSED = {
    "repeated_runs": ("", "--latest", "2 runs repeat an arm and seed, such as cnn, seed 3"),
    "budgets": ("", "--accept budget", "cnn: max_epochs 10"),
    "early_stops": ("", "--accept budget", "last step 19"),
    "data": ("", "--accept data", "cnn: aaaa; resnet: bbbb"),
    "commits": ("", "--accept commit", "1111111"),
    "epochs": ("--metric val_accuracy --step best:val_accuracy", "best:val_loss", "by chance"),
    "single_runs": ("", "more seeds", "2 of one run each, are no comparison"),
    "metric_on_parents": ("--metric cv_acc", "--level parents", "12 finished leaf runs"),
}
"""pitfall -> options, the way out, what is said"""


@pytest.mark.parametrize("pitfall", REFUSED)
def test_what_the_user_must_decide_is_refused_in_one_line(ask, pitfall):
    options, way_out, said = REFUSED[pitfall]
    with pytest.raises(UserError) as refused:
        ask(pitfall, *options.split())
    line = str(refused.value)
    assert way_out in line
    assert said in line
    assert "\n" not in line


ACCEPTED = {
    "repeated_runs": ("--latest", "repeated runs"),
    "budgets": ("--accept budget", "budget"),
    "early_stops": ("--accept budget", "budget"),
    "data": ("--accept data", "data"),
    "commits": ("--accept commit", "commit"),
    "metric_on_parents": ("--metric cv_acc --level parents", "nested"),
}


@pytest.mark.parametrize("pitfall", ACCEPTED)
def test_what_is_accepted_stays_named(ask, pitfall):
    options, name = ACCEPTED[pitfall]
    printed, found = ask(pitfall, *options.split())
    text = next(note["text"] for note in found["notes"] if note["name"] == name)
    assert text in printed
    assert found["differences"][0]["verdict"] == "worse"


NAMED = {
    "unpaired_seeds": ("unpaired", "cnn and resnet share fewer than two seeds"),
    "missing_pairs": ("missing pairs", "resnet (seed 0)"),
    "diverged": ("lost runs", "the 2 lost runs"),
    "crashed": ("lost runs", "the lost run"),
    "folds": ("folds", "corrected resampled t"),
    "nested": ("nested", "2 parent runs are not counted"),
}


@pytest.mark.parametrize("pitfall", NAMED)
def test_what_changes_the_reading_is_named(ask, pitfall):
    name, said = NAMED[pitfall]
    printed, found = ask(pitfall)
    (text,) = (note["text"] for note in found["notes"] if note["name"] == name)
    assert said in text
    assert text in printed


def difference(found):
    (each,) = found["differences"]
    return each["larger"]["estimate"] | {"verdict": each["verdict"], "paired": each["paired"]}


def test_unpaired_runs_have_welchs_standard_error(ask):
    _, found = ask("unpaired_seeds")
    one, other = values("cnn"), values("resnet", range(5, 10))
    seen = difference(found)
    assert not seen["paired"]
    assert seen["value"] == pytest.approx(one.mean() - other.mean(), rel=1e-12)
    assert seen["se"] == pytest.approx(np.hypot(stats.sem(one), stats.sem(other)), rel=1e-12)
    assert seen["low"] <= stats.ttest_ind(one, other, equal_var=False).confidence_interval().low


def test_complete_pairs_are_kept(ask):
    _, found = ask("missing_pairs")
    gaps = values("cnn", range(1, 6)) - values("resnet", range(1, 6))
    assert difference(found)["n_seeds"] == 5
    assert difference(found)["value"] == pytest.approx(gaps.mean(), rel=1e-12)
    assert {arm["arm"]: arm["n"] for arm in found["arms"]} == {"cnn": 6, "resnet": 5}


def test_folds_have_the_corrected_interval(ask):
    _, found = ask("folds")
    gaps = values("cnn") - values("resnet")
    half = stats.t.ppf(0.975, 4) * np.sqrt(gaps.var(ddof=1) * (1 / 5 + 1 / 4))
    seen = difference(found)
    assert [seen["low"], seen["high"]] == pytest.approx([gaps.mean() - half, gaps.mean() + half])
    _, plain = ask("folds", "--test-share", "0")
    assert difference(plain)["low"] == pytest.approx(
        stats.ttest_1samp(gaps, 0).confidence_interval().low
    )


def test_diverged_runs_withhold_the_verdict_and_are_counted(ask):
    printed, found = ask("diverged")
    assert found["differences"][0]["verdict"] == "undecided"
    assert "Some trainings diverged" in found["differences"][0]["advice"]
    assert {arm["arm"]: arm["diverged"] for arm in found["arms"]} == {"cnn": 2, "resnet": 0}
    worst = values("cnn", range(3)).min()
    gaps = np.append(values("cnn", range(3)), [worst, worst]) - values("resnet")
    (bad,) = found["worst_case"]
    assert bad["larger"]["estimate"]["value"] == pytest.approx(gaps.mean(), rel=1e-12)
    assert "2 diverged" in printed
    _, found = ask("diverged", "--accept", "diverged")
    assert found["differences"][0]["verdict"] == "worse"


def test_crashed_runs_are_counted_unless_they_were_run_again(ask):
    printed, found = ask("crashed")
    assert {arm["arm"]: arm["crashed"] for arm in found["arms"]} == {"cnn": 1, "resnet": 0}
    whys = [run["why"] for run in found["runs"] if run["outcome"] != "used"]
    assert sorted(whys) == [
        "crashed, and run again",
        "crashed: it ended as FAILED",
        "still running, or killed without a word",
    ]
    assert "1 still running" in printed


def test_params_of_parents_count_for_their_children(ask):
    _, found = ask("nested")
    assert difference(found)["value"] == pytest.approx(
        (values("cnn") - values("resnet")).mean(), rel=1e-12
    )


@pytest.mark.parametrize(("step", "added"), [("last", 0.0), ("1", 0.02), ("best:val_loss", -0.01)])
def test_the_value_is_that_of_the_step(ask, step, added):
    _, found = ask("epochs", "--metric", "val_accuracy", "--step", step)
    means = {arm["arm"]: arm["estimate"]["value"] for arm in found["arms"]}
    assert means["cnn"] == pytest.approx(values("cnn").mean() + added, rel=1e-12)


def test_the_metric_is_asked_for_where_there_are_several(ask):
    with pytest.raises(UserError, match="val_accuracy, val_loss"):
        ask("epochs")
    with pytest.raises(UserError, match="val_accuracy"):
        ask("epochs", "--metric", "val_acuracy")


def test_a_filter_of_mlflows_selects_runs(ask):
    _, found = ask("clean", "--where", "params.seed != '4'")
    assert {arm["n"] for arm in found["arms"]} == {4}
    _, found = ask("nested", "--where", "params.model != 'x'")
    assert {arm["n"] for arm in found["arms"]} == {5}


def test_an_unknown_experiment_is_answered_with_those_like_it(ask):
    with pytest.raises(UserError, match=r"experiment cleen: one that .*: clean and \d+ more"):
        ask("cleen")


def test_a_dash_prints_and_says_nothing_else(planted, capsys):
    arguments = ["clean", "--uri", str(planted), "--format", "json", "--out", "-"]
    compare.main(cli.parse(compare.Config, "", arguments))
    assert json.loads(capsys.readouterr().out)["reference"] == "resnet"


def test_every_page_of_runs_is_read(planted, ask, monkeypatch):
    """MLflow gives 1,000 runs a page; here two."""
    search = MlflowClient.search_runs

    def pages_of_two(self, places, query, kind, size, page_token):
        return search(self, places, query, kind, 2, page_token=page_token)

    monkeypatch.setattr(MlflowClient, "search_runs", pages_of_two)
    _, found = ask("clean")
    assert {arm["n"] for arm in found["arms"]} == {5}


def test_comparing_loads_no_torch(planted, tmp_path):
    code = "import sys; sys.argv = ['reports', *sys.argv[1:]]; import runpy\n"
    code += "try: runpy.run_module('reports', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'torchvision') if name in sys.modules])"
    command = [sys.executable, "-c", code, "compare", "clean", "--uri", str(planted)]
    command += ["--out", str(tmp_path / "page.html")]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.rstrip().endswith("[]"), found.stderr
    assert (tmp_path / "page.html").exists()


def test_our_own_studies_give_our_own_numbers(study_store, tmp_path):
    """What the report computes from records, at the level of seeds."""
    out = tmp_path / "found.json"
    arguments = ["init_schemes", "--metric", "test/accuracy", "--arm", "scheme"]
    arguments += ["--where", "params.scale = 'course'", "--format", "json", "--out", str(out)]
    compare.main(cli.parse(compare.Config, "", arguments))
    found = json.loads(out.read_text())
    (study,) = studies.collect(Store()).studies
    accuracy = study.trials["test/accuracy"].sel(scale="course").dropna("arm")
    assert {arm["arm"] for arm in found["arms"]} == set(accuracy["arm"].values.tolist())
    for arm in found["arms"]:
        same(arm["estimate"], mean(accuracy.sel(arm=arm["arm"]).values[:, None]))
    for each in found["differences"]:
        one, other = (accuracy.sel(arm=each[name]).values[:, None] for name in ("arm", "minus"))
        seen = each["larger"]["estimate"]
        same(seen, paired(one, other).at(seen["confidence"]))


def same(seen, estimate):
    """Equal to 1e-12; what is not finite is None in JSON."""
    for name in ("value", "low", "high", "se"):
        assert seen[name] == pytest.approx(estimate.as_dict()[name], abs=1e-12)
