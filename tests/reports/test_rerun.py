"""A logged trial, trained again from its own options, gives its own numbers."""

import pytest

from core.errors import UserError
from core.store import Store
from experiments.init_schemes import SMOKE
from reports import rerun


def trials():
    return {run.tags["trial"]: run for run in Store().runs("tags.role = 'trial'")}


def repeat(run_id):
    with pytest.raises(SystemExit) as stop:
        rerun.main(rerun.Config(run_id=run_id))
    return stop.value.code


def test_a_trial_is_repeated_to_the_bit(study_store, capfd):
    assert repeat(trials()["uniform-rule/1/scale=course"].id) == 0
    shown = capfd.readouterr().out
    assert "uniform-rule/1/scale=course of init_schemes.py" in shown
    assert shown.rstrip().endswith("identical")
    assert len(trials()) == SMOKE.seeds * (len(SMOKE.schemes) + 2)  # the store is as it was


def test_a_number_that_differs_is_named(study_store, capfd, monkeypatch):
    run = trials()["uniform-rule/0/scale=course"]
    honest = Store.histories

    def touched(self, run_ids, metric):
        one = (*run_ids, metric) == (run.id, "test/loss")
        return {run.id: {0: 9.0}} if one else honest(self, run_ids, metric)

    monkeypatch.setattr(Store, "histories", touched)
    assert repeat(run.id) == 1
    assert "test/loss at step 0: 9.0 logged, " in capfd.readouterr().out


def test_only_a_complete_trial_can_be_repeated(study_store):
    (study,) = Store().runs("tags.role = 'study'")
    with pytest.raises(UserError, match="a study that is FINISHED; a complete trial is wanted"):
        rerun.main(rerun.Config(run_id=study.id))
    with pytest.raises(UserError, match=f"run {'0' * 32}: the store .* has no such run"):
        rerun.main(rerun.Config(run_id="0" * 32))


def test_options_that_are_no_more_are_one_line(study_store, monkeypatch):
    honest = rerun._logged

    def older(*arguments):
        found = honest(*arguments)
        found.options["seeds"] = 10**9
        return found

    monkeypatch.setattr(rerun, "_logged", older)
    said = (
        "run_id: seeds was logged, and init_schemes.py takes it no more: Input should be less than"
    )
    with pytest.raises(UserError, match=said):
        rerun.main(rerun.Config(run_id=trials()["uniform-rule/1/scale=course"].id))
