"""A study in the store: the names it writes, how it ends, and that it goes on where it stopped."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from mlflow import MlflowClient

from core import provenance
from core import study as module
from core.data.card import Card
from core.results import Exhibit, Result, Trial
from core.study import Study
from core.training.loop import Epoch

CARD = Card(
    name="toy",
    source="made here",
    fingerprint="f" * 64,
    classes=("1", "2 größer"),
    shape=(1, 2, 2),
    counts={"train": [2, 2], "val": [1, 1], "test": [1, 1]},
    split="as the source has it",
)
CONFIG = {"seeds": 2, "schemes": ("a", "b"), "train": {"lr": 0.5, "epochs": 2}, "note": None}
GROUPS = [[Trial(arm, seed) for arm in ("a", "b")] for seed in (0, 1)]


def toy(**changes):
    options = {"config": CONFIG, "card": CARD, "device": "cpu", **changes}
    return Study(
        "toy", script=provenance.ROOT / "experiments/init_schemes.py", arm="scheme", **options
    )


def epoch(index, group, loss=0.25):
    losses = np.array([[loss + len(trial.arm) / index for trial in group]])
    return Epoch(index, 10 * index, {"val/loss": losses}, losses[None].astype(np.float32))


def result(trial, **metrics):
    random = np.random.default_rng([trial.seed, *trial.arm.encode()])
    arrays = {"correct": random.integers(0, 2, 9, dtype=np.uint8), "noise": random.random((2, 3))}
    table = pd.DataFrame([[1, 2]], columns=["x", "y"])
    own = {"test/accuracy": random.random(), "test/loss": 1 / 3, **metrics}
    return Result(own, arrays, {"counts": table})


def train(study, groups=GROUPS, **metrics):
    """Train what is missing; return what was trained."""
    trained = []
    for group in study.missing(groups):
        for index in (1, 2):
            study.epoch(group, epoch(index, group))
        study.finish(group, [result(trial, **metrics) for trial in group])
        trained.append(group)
    return trained


def conclude(study):
    exhibit = Exhibit("table", "A table.", pd.DataFrame({"arm": ["a"], "share": [0.5]}), Figure())
    rows = [{"claim": "X1", "verdict": "supported"}]
    study.conclude([exhibit], rows, {"question": "Does it?"}, ["test/accuracy"])


def runs(role, study="toy"):
    client = MlflowClient()
    place = client.get_experiment_by_name(study).experiment_id
    return client.search_runs([place], f"tags.role = '{role}'", order_by=["attributes.start_time"])


@pytest.fixture
def done(store, capsys):
    with toy() as study:
        train(study)
        conclude(study)
    return study


def test_a_trial_has_its_params_metrics_and_the_tag_complete(done):
    trials = runs("trial")
    assert [run.info.run_name for run in trials] == ["a/0", "b/0", "a/1", "b/1"]
    for run, trial in zip(trials, [trial for group in GROUPS for trial in group], strict=True):
        assert run.data.params == {
            "scheme": trial.arm,
            "seed": str(trial.seed),
            "lr": "0.5",
            "epochs": "2",
            "seeds": "2",
        }
        expected = result(trial)
        assert run.data.metrics == {"val/loss": 0.75, **expected.metrics}
        assert run.data.tags["complete"] == "true"
        assert run.data.tags["mlflow.parentRunId"] == done.run_id
        assert run.data.tags["trial"] == trial.key
        assert run.info.status == "FINISHED"
        history = MlflowClient().get_metric_history(run.info.run_id, "val/loss")
        assert [(point.step, point.value) for point in history] == [(1, 1.25), (2, 0.75)]


def test_a_study_is_a_parent_without_metrics(done):
    (parent,) = runs("study")
    assert parent.data.metrics == {}
    assert parent.data.params == {}
    assert parent.info.status == "FINISHED"
    tags = parent.data.tags
    assert (tags["complete"], tags["study"], tags["data"]) == ("true", "toy", "toy")
    assert tags["mlflow.source.git.dirty"] in ("true", "false")
    (data,) = parent.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("toy", "f" * 36)


def files(run_id, place=None):
    return sorted(each.path for each in MlflowClient().list_artifacts(run_id, place))


def test_all_that_made_the_numbers_is_kept(done, tmp_path):
    assert files(done.run_id, "provenance") == [
        "provenance/changes.diff",
        "provenance/config.json",
        "provenance/data.json",
        "provenance/init_schemes.py",
        "provenance/versions.txt",
    ]
    assert files(done.run_id, "report") == [
        "report/study.json",
        "report/table.csv",
        "report/table.png",
    ]
    assert files(runs("trial")[0].info.run_id) == ["counts.csv", "result.safetensors"]
    path = MlflowClient().download_artifacts(done.run_id, "report/study.json", str(tmp_path))
    page = json.loads(Path(path).read_text())
    assert (page["study"], page["question"]) == ("toy", "Does it?")
    assert page["verdicts"] == [{"claim": "X1", "verdict": "supported"}]
    assert page["data"]["classes"] == ["1", "2 größer"]
    assert page["exhibits"][0]["figure"] is True
    assert {"command", "commit", "versions", "device", "seconds"} <= page["provenance"].keys()


def test_a_changed_file_that_is_not_in_utf_8_stops_no_study(store, monkeypatch, tmp_path):
    monkeypatch.setattr(
        provenance, "diff", lambda: b"+caf\xe9\r\n".decode("utf-8", "surrogateescape")
    )
    with toy() as study:
        name = "provenance/changes.diff"
        path = MlflowClient().download_artifacts(study.run_id, name, str(tmp_path))
    assert Path(path).read_bytes() == b"+caf\xe9\r\n"


@pytest.mark.filterwarnings("error")
def test_a_number_that_is_not_finite_never_reaches_mlflow(store):
    with toy() as study:
        for group in study.missing(GROUPS[:1]):
            study.epoch(group, epoch(1, group, math.nan))
            study.epoch(group, epoch(2, group, math.inf))
            study.epoch(group, epoch(3, group))
            study.finish(group, [result(trial, **{"test/loss": -math.inf}) for trial in group])
    for run in runs("trial"):
        assert run.data.metrics.keys() == {"val/loss", "test/accuracy"}
        history = MlflowClient().get_metric_history(run.info.run_id, "val/loss")
        assert [point.step for point in history] == [3]
    assert study.results[GROUPS[0][0]].metrics["test/loss"] == -math.inf  # kept for our arithmetic


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt, "KILLED"), (BrokenPipeError, "KILLED"), (ZeroDivisionError, "FAILED")],
)
def test_what_is_unfinished_ends_as_killed_or_failed(store, error, status):
    def stop():
        with toy() as study:
            groups = study.missing(GROUPS)
            study.finish(next(groups), [result(trial) for trial in GROUPS[0]])
            study.epoch(next(groups), epoch(1, GROUPS[1]))
            for trial in GROUPS[1]:
                study._log(trial)  # as the clock would after ten seconds
            raise error

    with pytest.raises(error):
        stop()
    assert [run.info.status for run in runs("study")] == [status]
    assert [run.info.status for run in runs("trial")] == ["FINISHED"] * 2 + [status] * 2
    assert ["complete" in run.data.tags for run in runs("trial")] == [True] * 2 + [False] * 2


def test_the_same_command_trains_only_what_is_missing(store, monkeypatch):
    finished, end = [], module.Store.end

    def dies(self, run_id, status):  # after the first trial of the second group
        if len(finished) == 3:
            raise ZeroDivisionError
        finished.append(run_id)
        end(self, run_id, status)

    with monkeypatch.context() as patch:
        patch.setattr(module.Store, "end", dies)
        with pytest.raises(ZeroDivisionError), toy() as first:
            train(first)
    MlflowClient().set_terminated(first.run_id, "KILLED")
    with toy() as second:
        assert train(second) == [GROUPS[1]]  # a group is trained whole
        conclude(second)
    assert second.run_id == first.run_id
    complete = [run for run in runs("trial") if run.data.tags.get("complete")]
    assert sorted(run.data.tags["trial"] for run in complete) == ["a/0", "a/1", "b/0", "b/1"]
    for group in GROUPS:
        for trial in group:
            expected, seen = result(trial), second.results[trial]
            assert seen.metrics == expected.metrics
            assert seen.arrays.keys() == expected.arrays.keys()
            for name, array in expected.arrays.items():
                assert seen.arrays[name].dtype == array.dtype
                assert (seen.arrays[name] == array).all()
    (parent,) = runs("study")
    assert (parent.info.status, parent.data.tags["complete"]) == ("FINISHED", "true")


def test_a_complete_study_is_not_taken_up_again(done):
    with toy() as again:
        assert train(again) == GROUPS
    assert again.run_id != done.run_id


def test_two_equal_commands_at_once_are_two_studies(store):
    with toy() as one, toy() as other:
        assert one.run_id != other.run_id
        train(one)
        train(other)
        conclude(one)
        conclude(other)
    assert len(runs("study")) == 2
    assert len(runs("trial")) == 8


def test_the_key_follows_all_that_the_numbers_depend_on(monkeypatch, tmp_path):
    from dataclasses import replace

    def key(**changes):
        return toy(**changes).key

    keys = [
        key(),
        key(config={**CONFIG, "train": {"lr": 0.6, "epochs": 2}}),
        key(card=replace(CARD, fingerprint="e" * 64)),
        key(device="cuda:0 (a card), bfloat16"),
    ]
    assert key() == keys[0]
    monkeypatch.setattr(provenance, "versions", lambda: {"torch": "9"})
    keys.append(key())
    monkeypatch.undo()
    monkeypatch.setattr(provenance, "code_hash", lambda _: "other code")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_checkpoints_of_groups_lie_apart(store):
    with toy() as one, toy() as same, toy(device="cuda:0") as other:
        places = {study.checkpoint(group) for study in (one, same, other) for group in GROUPS}
    assert len(places) == 4
    assert all(place.is_relative_to(store / "mlruns" / "checkpoints") for place in places)


def test_a_trials_own_params_win_over_the_options(store):
    trial = Trial("a", 3, (("lr", 0.125), ("depth", 5)))
    with toy() as study:
        train(study, [[trial]])
    (run,) = runs("trial")
    assert run.data.params["lr"] == "0.125"
    assert run.data.params["depth"] == "5"
    assert trial.key == run.info.run_name == "a/3/lr=0.125/depth=5"


def test_results_come_back_bit_by_bit(tmp_path):
    before = Result(
        {"x": 0.1, "nan": math.nan, "inf": math.inf},
        {"empty": np.zeros((0, 3), np.float32), "bytes": np.arange(5, dtype=np.uint8)},
    )
    before.save(tmp_path)
    after = Result.load(tmp_path / "result.safetensors")
    assert str(after.metrics) == str(before.metrics)
    assert {name: array.tobytes() for name, array in after.arrays.items()} == {
        name: array.tobytes() for name, array in before.arrays.items()
    }
    assert after.arrays["empty"].shape == (0, 3)
