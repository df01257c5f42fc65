"""The study of skin lesions, from the command line to its page."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.errors import UserError
from core.tracking import Store
from experiments.skin_lesions import SMOKE, Config, Score, main, score
from reports.skin.findings import NOT_A_DEVICE

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "skin_lesions.py"


@pytest.fixture
def page(store, tmp_path):
    """Run the smoke study; return its page, the folder of its report, and its trials."""
    main(replace(SMOKE, data=replace(SMOKE.data, data_root=tmp_path)))
    runs = Store().runs("tags.role = 'study'")
    folder = Store().fetch(runs[0].id, "report", tmp_path)
    trials = Store().runs(f"tags.mlflow.parentRunId = '{runs[0].id}'")
    return json.loads((folder / "study.json").read_text()), folder, trials


def test_a_study_of_drawn_lesions_says_so_and_judges_what_it_can(page):
    found, folder, trials = page
    assert len(trials) == 4
    assert found["data"]["synthetic"]
    assert found["warnings"][0] == NOT_A_DEVICE
    assert "not photographs" in found["warnings"][1]
    verdicts = {row["claim"]: row for row in found["verdicts"]}
    assert list(verdicts) == [f"M{index}" for index in range(1, 10)]
    for claim in ("M1", "M2", "M4"):  # what drawn lesions and no scoring files cannot tell
        assert verdicts[claim]["verdict"] == "undecided"
        assert "wanted" in verdicts[claim]["needed"]
        assert not verdicts[claim]["parts"]
    for claim in ("M3", "M5", "M6", "M7", "M8", "M9"):
        (part,) = verdicts[claim]["parts"]
        assert part["low"] <= part["value"] <= part["high"]
        assert part["n_seeds"] == 2
        assert not verdicts[claim]["same_data"]
    names = {exhibit["name"]: exhibit for exhibit in found["exhibits"]}
    drawn = {"roc", "precision-recall", "net-benefit", "reliability", "confusion", "tsne"}
    assert drawn <= {name for name, each in names.items() if each["figure"]}
    assert "doctors" not in names
    assert all((folder / f"{name}.csv").stat().st_size > 20 for name in names)

    arms = pd.read_csv(folder / "arms.csv")
    assert arms["arm"].tolist() == ["random", "pretrained"]
    assert (arms["AUC melanoma_low"] <= arms["AUC melanoma"]).all()
    points = pd.read_csv(folder / "operating-points.csv")
    assert len(points) == 4
    assert points["TP of"].str.endswith("of 39").sum() == 2
    counts = pd.read_csv(folder / "confusion.csv")
    assert counts["count"].sum() == 2 * 2 * 159


def test_help_names_the_options_and_is_quick():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    for option in ("--arms", "--imbalance", "--prevalence", "--frozen", "Not a medical device"):
        assert option in done.stdout


def test_a_submission_is_scored_from_the_command_line(tmp_path):
    truth = ["Id,task_1,task_2", *(f"i{i},{i % 2},{i // 2 % 2}" for i in range(12))]
    (tmp_path / "truth.csv").write_text("\n".join(truth))
    (tmp_path / "few.csv").write_text("\n".join(truth[:-2]))
    command = [sys.executable, SCRIPT, "score"]
    rest = ["--truth", tmp_path / "truth.csv"]
    good = subprocess.run(
        [*command, tmp_path / "truth.csv", *rest], capture_output=True, text=True, timeout=60
    )
    assert good.returncode == 0
    assert "AUC melanoma  1.000000" in good.stdout
    bad = subprocess.run(
        [*command, tmp_path / "few.csv", *rest], capture_output=True, text=True, timeout=60
    )
    assert bad.returncode == 2
    assert bad.stderr.strip() == ("predictions: 2 images missing: i10 i11; each once is wanted")


def test_score_prints_what_the_scorer_found(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("Id,task_1,task_2\na,1,0\nb,1,0\nc,0,1\nd,0,1\n")
    score(Score(predictions=path, truth=path))
    assert "melanoma at 0.5: TP 2, FN 0, FP 0, TN 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 1}, "--seeds 1: 2 to 10,000 is wanted"),
        ({"arms": ("random", "wise")}, "--arms wise: one or more of random,"),
        ({"network": "resnet18"}, "--weights digits: digits for the cnn"),
        ({"prevalence": 0.0}, "--prevalence 0.0: a number above 0 and below 1 is wanted"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Config(**options)
