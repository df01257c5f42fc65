"""The study of transfer regimes end to end, and its verdicts from known hits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from core.errors import UserError
from core.models.regimes import COURSE, STRATEGIES
from core.results import Result, Trial
from experiments.transfer_regimes import SMOKE, Config, main
from reports.transfer.findings import FOUR, findings, share_of_gain


def test_a_smoke_run_from_data_to_verdict(store, tmp_path):
    main(SMOKE)
    client = MlflowClient()
    place = client.get_experiment_by_name("transfer_regimes").experiment_id
    (study,) = client.search_runs([place], "tags.role = 'study'")
    trials = client.search_runs([place], "tags.role = 'trial'")
    assert len(trials) == 4 * len(STRATEGIES) * SMOKE.seeds
    for run in trials:
        assert run.data.params["size"] in ("small", "large")
        assert run.data.params["strategy"] in STRATEGIES
        assert run.data.metrics.keys() == {
            "train/loss",
            "test/accuracy",
            "test/loss",
            "trained/parameters",
            "trained/lr",
        }
    report = Path(client.download_artifacts(study.info.run_id, "report", str(tmp_path)))
    page = json.loads((report / "study.json").read_text())
    assert [row["claim"] for row in page["verdicts"]] == ["T1", "T2", "T3", "T4", "T5"]
    for exhibit in page["exhibits"]:
        assert len(pd.read_csv(report / f"{exhibit['name']}.csv")) > 0
        assert (report / f"{exhibit['name']}.png").exists() == exhibit["figure"]
    cells = pd.read_csv(report / "cells.csv")
    assert len(cells) == 4 * len(STRATEGIES)
    chosen = cells[cells["course"] == "recommended"]
    assert dict(zip(chosen["cell"], chosen["arm"], strict=True)) == {
        ", ".join(cell): arm for cell, arm in COURSE.items()
    }


def results(share, seeds=6, images=500):
    """Make trials whose accuracy is share(size, task, arm); every third image differs by seed."""
    made = {}
    for (size, task), arm in ((cell, arm) for cell in COURSE for arm in STRATEGIES):
        for seed in range(seeds):
            hits = np.arange(images) < round(share(size, task, arm) * images)
            hits ^= np.random.default_rng(seed).random(images) < 0.02
            params = (("size", size), ("task", task))
            made[Trial(arm, seed, params)] = Result({}, {"correct": hits.astype(np.uint8)})
    return made


def test_a_world_as_the_course_describes_it_supports_its_table():
    def share(size, task, arm):
        return 0.9 if arm == COURSE[size, task] else 0.6

    found = findings(results(share))
    assert found["T2"].decision.verdict == "supported"
    assert len(found["T2"].names) == len(found["T2"].decision.parts) == 4 * (len(FOUR) - 1)
    assert "small, similar; small, different; large, similar; large, different" in (
        found["T2"].comment
    )
    assert found["T3"].decision.verdict == "supported"
    assert found["T4"].decision is None


def test_a_world_where_scratch_is_best_refutes_it():
    found = findings(results(lambda size, task, arm: 0.9 if arm == "scratch" else 0.6))
    assert found["T1"].decision.verdict == "refuted"
    assert found["T2"].decision.verdict == "refuted"
    assert found["T5"].decision.verdict == "refuted"
    assert "no gain to divide" in found["T5"].comment


def test_a_gain_that_is_half_scale_is_found_as_such():
    gains = {"fine-tune": 0.9, "statistics": 0.75, "scratch": 0.6}
    found = findings(results(lambda size, task, arm: gains.get(arm, 0.6)))
    assert found["T1"].decision.verdict == "supported"
    assert found["T5"].decision.verdict == "supported"
    assert found["T5"].comment.count("50%") == 4
    own = {
        arm: np.stack([np.arange(500) < share * 500] * 3).astype(np.uint8)
        for arm, share in gains.items()
    }
    low, value, high = share_of_gain(own)
    assert value == pytest.approx(0.5)
    assert 0.3 < low < value < high < 0.7


def test_impossible_options_are_refused():
    for bad in ({"seeds": 1}, {"per_class": 4}, {"side": 4}, {"steps": 0}, {"lr": 0.0}):
        with pytest.raises(UserError, match="is wanted"):
            replace(Config(), **bad)
