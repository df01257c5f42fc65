"""A study in the store: what it writes, how it ends, and that it trains what is missing only."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from core import archive, code, provenance
from core import study as module
from core.store import Store
from core.training import checkpoints
from core.trials import Record, Trial
from tests.small import CONFIG, TRIALS, Trainer, epoch, files, record, run, runs, toy
from tests.toy import CARD


def test_a_trial_has_its_params_metrics_and_the_tag_complete(store):
    study, trained = run()
    assert trained == ["a/0", "b/0", "a/1", "b/1"]
    found = runs("trial")
    assert sorted(found) == sorted(trial.key for trial in TRIALS)
    for trial in TRIALS:
        logged = found[trial.key]
        assert logged.data.params == {
            "scheme": trial.arm,
            "seed": str(trial.seed),
            "data": "toy",
            "size": "8",
            "lr": "0.5",
            "epochs": "2",
        }
        metrics = logged.data.metrics
        assert metrics.pop("seconds") > 0
        assert metrics == {"val/loss": 0.75, **record(trial).metrics}
        tags = logged.data.tags
        assert (tags["complete"], tags["trial"], tags["study"]) == ("true", trial.key, "toy")
        assert tags["mlflow.parentRunId"] == study.run_id
        assert tags["study_key"] == study.key
        assert logged.info.status == "FINISHED"
        history = MlflowClient().get_metric_history(logged.info.run_id, "val/loss")
        assert [(point.step, point.value) for point in history] == [(1, 1.25), (2, 0.75)]
        assert files(logged.info.run_id) == ["note.txt", "record.safetensors", "trial.json"]
    group = json.loads(Store().read(Store().run(found["b/1"].info.run_id), "trial.json"))["group"]
    assert [Trial.of(member).key for member in group] == ["a/1", "b/1"]


def test_a_study_keeps_all_that_made_its_numbers(store, tmp_path):
    study, _ = run()
    (parent,) = runs("study").values()
    assert (parent.data.metrics, parent.data.params) == ({}, {})
    assert parent.info.status == "FINISHED"
    tags = parent.data.tags
    assert (tags["study"], tags["data"], tags["schema"]) == ("toy", "toy", "2")
    (data,) = parent.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("toy", "f" * 36)
    assert [Path(name).name for name in files(parent.info.run_id, "study")] == [
        "changes.diff",
        "config.json",
        "data.json",
        "facts.json",
        "init_schemes.py",
        "shared.safetensors",
        "versions.txt",
    ]
    path = MlflowClient().download_artifacts(study.run_id, "study/facts.json", str(tmp_path))
    facts = json.loads(Path(path).read_text())
    assert facts["settings"] == {
        "train": {"lr": 0.5, "epochs": 2},
        "data": {"size": 8},
        "note": None,
    }
    assert facts["weights"] == {"w": "1"}


def test_more_seeds_and_arms_train_what_is_missing(store):
    first, _ = run(TRIALS)
    more = [Trial(arm, seed) for seed in (0, 1, 2) for arm in ("a", "b", "c")]
    second, trained = run(more)
    assert trained == ["c/0", "c/1", "a/2", "b/2", "c/2"]
    assert (second.key, second.run_id) == (first.key, first.run_id)
    assert run(TRIALS)[1] == []
    assert run([Trial("c", 1)])[1] == []
    assert len(runs("trial")) == 9
    assert len(runs("study")) == 1


def test_the_key_follows_what_numbers_depend_on_and_nothing_else(monkeypatch):
    def changed(**options):
        return toy({**CONFIG, **options}).key

    base = toy().key
    here = {**CONFIG["data"], "data": "folder:/elsewhere", "data_root": "/x", "memory": 9.0}
    assert changed(seeds=9, schemes=("a",), data=here, device={"device": "auto"}) == base
    keys = [
        base,
        changed(train={"lr": 0.6, "epochs": 2}),
        changed(data={**CONFIG["data"], "size": 9}),
        toy(card=replace(CARD, fingerprint="e" * 64)).key,
        toy(device="cuda (a card), bfloat16").key,
        toy(weights={"w": "2"}).key,
    ]
    monkeypatch.setattr(provenance, "versions", lambda: {"torch": "9"})
    keys.append(toy().key)
    monkeypatch.undo()
    monkeypatch.setattr(code, "code_hash", lambda _: "other code")
    keys.append(toy().key)
    assert len(set(keys)) == len(keys)


def test_a_weight_file_replaced_under_a_killed_study_is_another_study(store):
    def interrupted(job):
        if job.trials[0].seed:
            raise KeyboardInterrupt
        return [record(trial) for trial in job.trials]

    with pytest.raises(KeyboardInterrupt):
        run(trainer=interrupted)
    _, trained = run(weights={"w": "another content"})
    assert trained == [trial.key for trial in TRIALS]
    assert len(Store().runs("tags.role = 'study'")) == 2


def test_a_changed_file_that_is_not_in_utf_8_stops_no_study(store, monkeypatch, tmp_path):
    monkeypatch.setattr(
        provenance, "diff", lambda: b"+caf\xe9\r\n".decode("utf-8", "surrogateescape")
    )
    with toy() as study:
        name = "study/changes.diff"
        path = MlflowClient().download_artifacts(study.run_id, name, str(tmp_path))
    assert Path(path).read_bytes() == b"+caf\xe9\r\n"


@pytest.mark.filterwarnings("error")
def test_a_number_that_is_not_finite_never_reaches_mlflow(store):
    def train(job):
        for index, loss in enumerate((math.nan, math.inf, 0.5), 1):
            job.epoch(epoch(index, job.trials, loss))
        return [record(trial, **{"test/loss": -math.inf}) for trial in job.trials]

    run(TRIALS[:1], train)
    (logged,) = runs("trial").values()
    assert logged.data.metrics.keys() == {"val/loss", "test/accuracy", "seconds"}
    history = MlflowClient().get_metric_history(logged.info.run_id, "val/loss")
    assert [point.step for point in history] == [3]
    kept = Record.unpack(Store().read(Store().run(logged.info.run_id), "record.safetensors"))
    assert kept.metrics["test/loss"] == -math.inf  # for our own arithmetic
    assert math.isnan(kept.curves["val/loss"][0])


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt, "KILLED"), (BrokenPipeError, "KILLED"), (ZeroDivisionError, "FAILED")],
)
def test_a_study_that_stops_keeps_what_is_done(store, error, status):
    def train(job):
        if job.trials[0].seed == 1:
            raise error
        return [record(trial) for trial in job.trials]

    with pytest.raises(error):
        run(trainer=train)
    (parent,) = runs("study").values()
    assert parent.info.status == status
    assert sorted(runs("trial")) == ["a/0", "b/0"]
    assert run()[1] == ["a/1", "b/1"]
    (parent,) = runs("study").values()
    assert parent.info.status == "FINISHED"


def test_two_that_train_the_same_leave_one_of_each(store):
    with toy() as one, toy() as other:
        assert one.run_id == other.run_id
        one.run(TRIALS, Trainer())
        trainer = Trainer()
        other.run([*TRIALS, Trial("c", 0)], trainer)
        assert trainer.trained == ["c/0"]
    folder = one.folder
    facts = {"params": {}, "tags": {}, "group": [], "started": 1.0, "ended": 2.0}
    folder.keep(TRIALS[0], record(TRIALS[0]), facts)  # as if trained by a third meanwhile
    assert folder.send(Store()) == 1
    assert len(archive.kept(Store(), one.key)) == 5
    assert len(runs("trial")) == 5


def test_a_study_says_that_it_lives(store, monkeypatch):
    monkeypatch.setattr(module, "TELL_SECONDS", -1.0)
    monkeypatch.setattr(
        provenance, "heartbeat", iter([{"beat": str(n)} for n in range(9)]).__next__
    )
    run()
    (parent,) = runs("study").values()
    assert parent.data.tags["beat"] == "4"  # as it began, and at each of two programs' two epochs


def test_a_damaged_record_is_set_aside_and_trained_again(store, capsys):
    run()
    found = Store().run(runs("trial")["b/0"].info.run_id)
    path = Path(found.artifacts, "record.safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    assert run()[1] == ["b/0"]
    assert f"trial b/0: its record in run {found.id} is set aside" in capsys.readouterr().out
    Path(Store().run(runs("trial")["a/1"].info.run_id).artifacts, "record.safetensors").unlink()
    assert run()[1] == ["a/1"]
    assert sorted(runs("trial")) == ["a/0", "a/1", "b/0", "b/1"]


def test_a_study_whose_tags_are_changed_has_its_own_again(store):
    first, _ = run()
    MlflowClient().set_tag(first.run_id, "study", "another")
    assert run()[1] == []
    (study,) = runs("study").values()
    assert (study.data.tags["study"], study.data.tags["schema"]) == ("toy", "2")


def test_only_one_program_is_trained_when_one_is_asked_for(store):
    group = [Trial("b", 5), Trial("a", 5)]
    token = module.ONLY.set(group)
    trainer = Trainer()
    try:
        with pytest.raises(module.Repeated), toy() as study:
            study.run(TRIALS, trainer)
    finally:
        module.ONLY.reset(token)
    assert trainer.trained == ["b/5", "a/5"]


def test_checkpoints_of_programs_and_studies_lie_apart_and_go_when_results_are_kept(store):
    places = []

    def train(job):
        job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        job.checkpoint.touch()
        places.append(job.checkpoint)
        assert job.checkpoint.exists()
        return [record(trial) for trial in job.trials]

    run(trainer=train)
    run(trainer=train, device="cuda")
    assert len(set(places)) == 4
    assert not any(place.exists() for place in places)
    assert all(place.is_relative_to(store / "mlruns") for place in places)


def flipped(path):
    content = bytearray(path.read_bytes())
    content[content.find(b"\x00\x00\x80\x3f" * 8)] ^= 1  # of a weight, which torch does not see
    path.write_bytes(content)


DAMAGE = {
    "is not as it was written": flipped,
    "not a zip file": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "File is not": lambda path: path.write_bytes(b""),
    "Is a directory": lambda path: (path.unlink(), path.mkdir(), (path / "a").touch()),
    "Weights only load failed": lambda path: torch.save({"a": Path}, path),
    "": lambda path: None,
}


@pytest.mark.parametrize("said", DAMAGE)
def test_a_damaged_checkpoint_is_set_aside_and_its_program_begins_anew(store, capsys, said):
    found = []

    def train(job):
        found.append(job.checkpoint.exists())
        if len(found) == 1:
            checkpoints.save({"weights": torch.ones(1000)}, job.checkpoint)
            DAMAGE[said](job.checkpoint)
            raise KeyboardInterrupt
        return [record(trial) for trial in job.trials]

    with pytest.raises(KeyboardInterrupt):
        run(trainer=train)
    study, _ = run(trainer=train)
    assert found == [False, not said, False]  # of the first program twice, and of the second
    lines = [line for line in capsys.readouterr().out.splitlines() if "set aside" in line]
    assert len(lines) == bool(said)
    assert all(".pt: set aside, to be trained again: " in line and said in line for line in lines)
    assert len([*study.folder.path.glob("damaged/*.pt")]) == bool(said)
    assert sorted(runs("trial")) == ["a/0", "a/1", "b/0", "b/1"]


def test_a_program_that_returns_too_few_records_is_an_error(store):
    with pytest.raises(ValueError, match="zip"):
        run(trainer=lambda job: [record(job.trials[0])])
