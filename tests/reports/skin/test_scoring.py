"""The scorer: the course's numbers, whatever the order of the rows, and errors that name images."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import UserError
from core.evaluation.intervals import wilson
from reports.skin import scoring
from reports.skin.rivals import EXPECTED
from reports.skin.scoring import leaderboard, lines, ranks, read, score

HEADER = "Id,task_1,task_2"
TRUTH = [f"data/test/c/ISIC_{i:03},{int(i < 4)},{int(4 <= i < 8)}" for i in range(20)]


def write(path, rows, end="\n", header=HEADER):
    path.write_bytes(end.join([header, *rows]).encode())
    return path


@pytest.fixture
def truth(tmp_path):
    return read(write(tmp_path / "truth.csv", TRUTH), truth=True)


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    return [f"ISIC_{i:03},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(random.random((20, 2)))]


def test_shuffled_crlf_and_marked_files_score_alike(tmp_path, truth, rows):
    straight = read(write(tmp_path / "a.csv", rows))
    mixed = [rows[i] for i in np.random.default_rng(1).permutation(20)]
    other = read(write(tmp_path / "b.csv", mixed, "\r\n", "\ufeff" + HEADER))
    one, two = (score(each, truth, 0.5, 0.1) for each in (straight, other))
    assert list(lines(one, 0.5, 0.1)) == list(lines(two, 0.5, 0.1))
    for task, name in (("task_1", "melanoma"), ("task_2", "keratosis")):
        expected = roc_auc_score(truth[task], straight[task])
        assert one.areas[name].value == pytest.approx(expected)
        assert one.counts[name].sum() == 20
    both = [one.areas[name].value for name in ("melanoma", "keratosis")]
    assert one.areas["mean"].value == pytest.approx(np.mean(both))


def test_calls_are_made_at_the_threshold_and_weighed_at_the_prevalence(tmp_path, truth, rows):
    predictions = read(write(tmp_path / "p.csv", rows))
    found, ill = score(predictions, truth, 0.3, 0.2), truth["task_1"].to_numpy() == 1
    called = predictions["task_1"].to_numpy() >= 0.3
    hits, alarms = called[ill].mean(), called[~ill].mean()
    assert found.counts["melanoma"][:, 1].tolist() == [called[~ill].sum(), called[ill].sum()]
    ppv = 0.2 * hits / (0.2 * hits + 0.8 * alarms)
    assert found.rates["melanoma"]["ppv"].value == pytest.approx(ppv)


def test_the_same_task_twice_has_one_tasks_interval(tmp_path, rows):
    twice = [f"{row.split(',')[0]},{row.split(',')[1]},{row.split(',')[1]}" for row in rows]
    alike = [f"{row.split(',')[0]},{row.split(',')[1]},{row.split(',')[1]}" for row in TRUTH]
    found = score(
        read(write(tmp_path / "p.csv", twice)), read(write(tmp_path / "t.csv", alike)), 0.5, 0.1
    )
    one, mean = found.areas["melanoma"], found.areas["mean"]
    assert mean.se == pytest.approx(one.se)
    assert (mean.low, mean.high) == pytest.approx((one.low, one.high))


def test_unrelated_tasks_have_the_interval_of_unrelated_errors(tmp_path):
    random = np.random.default_rng(3)
    scores, labels = random.random((400, 2)), random.integers(0, 2, (400, 2))
    found = score(
        read(write(tmp_path / "p.csv", [f"i{i},{a},{b}" for i, (a, b) in enumerate(scores)])),
        read(write(tmp_path / "t.csv", [f"i{i},{a},{b}" for i, (a, b) in enumerate(labels)])),
        *(0.5, 0.1),
    )
    mean, areas = found.areas["mean"], [found.areas[name] for name in ("melanoma", "keratosis")]
    half = np.hypot(*(area.value - area.low for area in areas)) / 2
    assert mean.value - mean.low == pytest.approx(half, rel=0.1)
    assert mean.value - mean.low == pytest.approx(1.96 * mean.se, rel=0.02)


def test_perfect_scores_are_not_certain(tmp_path):
    """Asked in confidenceinterval #15: no crash, no interval of no width, none beyond 1."""
    rows = [f"i{i},{int(i < 10)},{int(i % 3 == 1)}" for i in range(30)]
    table = read(write(tmp_path / "p.csv", rows), truth=True)
    found = score(table, table, 0.5, 0.1)
    assert [area.value for area in found.areas.values()] == [found.areas["mean"].high] * 3
    unmet = (1 - 0.025**0.1) / 2  # of 10 images that are all told right, see `shares.Area`
    assert [area.low for area in found.areas.values()] == pytest.approx([1 - unmet] * 3)
    for estimate in (found.rates["melanoma"] | found.rates["keratosis"]).values():
        assert 0 < estimate.low < estimate.value == estimate.high == 1
    assert "rank 1 to 24" in [*lines(found, 0.5, 0.1)][3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[2:], "2 images missing: data/test/c/ISIC_000 data/test/c/ISIC_001"),
        (lambda rows: [*rows, "x/ISIC_999.jpg,0,0"], "1 images not in the truth: x/ISIC_999.jpg"),
        (lambda rows: [*rows, rows[3]], "1 images more than once: ISIC_003"),
        (lambda rows: [*rows, "c/ISIC_003.jpg,0,0"], "1 images more than once: ISIC_003"),
        (lambda rows: [*rows[1:], "other/ISIC_000,0,0"], "1 images missing: data/test/c/ISIC_000;"),
        (lambda rows: [*rows[1:], ",0,0"], "row 21: Id is empty; a value is wanted"),
        (lambda rows: [*rows[1:], "ISIC_000,0"], "row 21: 2 cells; 3, as in row 1, are wanted"),
        (lambda rows: [*rows[1:], "ISIC_000,none,0"], "ISIC_000, task_1: 'none': a number"),
        (lambda rows: [*rows[1:], "ISIC_000,0,inf"], "ISIC_000, task_2: 'inf': a number"),
        (lambda rows: [*rows[1:], "ISIC_000,,0"], "task_1: '': a number"),
    ],
)
def test_rows_that_do_not_fit_are_listed(tmp_path, truth, rows, change, message):
    with pytest.raises(UserError, match=message) as caught:
        score(read(write(tmp_path / "p.csv", change(rows))), truth, 0.5, 0.1)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_predictions_are_refused(tmp_path, rows):
    with pytest.raises(UserError, match="the column task_2 is not among Id, task_1; a CSV table"):
        read(write(tmp_path / "p.csv", ["a,1"], header="Id,task_1"))
    with pytest.raises(UserError, match=r"missing.csv: No such file or directory; a CSV table"):
        read(tmp_path / "missing.csv")
    with pytest.raises(UserError, match="0 or 1 is wanted"):
        read(write(tmp_path / "t.csv", rows), truth=True)
    for n in (0, 1, 7, 8):  # confidenceinterval #14: one positive
        few = [f"i{i},{int(i < n)},{i % 2}" for i in range(8)]
        table = read(write(tmp_path / "o.csv", few), truth=True)
        with pytest.raises(UserError, match=f"task_1 has {n} positives of 8; 2 or more of each"):
            score(table, table, 0.5, 0.1)
    # isic-challenge-scoring #100: one class in a column.
    one = write(tmp_path / "c.csv", ["a,1"], header="image,MEL")
    with pytest.raises(UserError, match=r"^c.csv: the column Id is not among image, MEL; .* Id, t"):
        read(one, truth=True)


def test_an_id_is_a_string_and_no_file_name(tmp_path):
    """UIDs end in numbers; what follows their last dot is no suffix."""
    uid = "1.3.6.1.4.1.9590.100.1.2."
    truth = write(tmp_path / "t.csv", [f"{uid}{i},{i % 2}.0,{(i // 2) % 2}.0" for i in range(8)])
    rows = [f"{uid}{i},{i / 8},{1 - i / 8}" for i in range(8)]
    predictions = write(tmp_path / "p.csv", rows)
    found = score(read(predictions), read(truth, truth=True), 0.5, 0.1)
    assert found.areas["melanoma"].value == pytest.approx(0.625)
    assert found.areas["keratosis"].value == pytest.approx(0.25)
    assert found.counts["melanoma"].tolist() == [[2, 2], [2, 2]]


def test_ranks_lie_between_the_known_places():
    board = leaderboard()
    assert len(board["melanoma"]) == 5
    sure = wilson(87_100, 100_000)  # 0.869 to 0.873: below 0.874, around 0.870
    assert ranks(sure, "melanoma") == (2, 3)
    assert ranks(wilson(999, 1000), "melanoma") == (1, 1)
    level = replace(sure, low=board["melanoma"][1], high=board["melanoma"][0])
    assert ranks(level, "melanoma") == (1, 2)  # an equal entry is not ahead
    assert ranks(wilson(50, 100), "melanoma") == (6, 24)


@pytest.mark.real_data
def test_the_courses_own_submission_scores_as_published():
    folder = Path(os.environ.get("DATA_ROOT", "data")) / "isic2017" / "scoring"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set DATA_ROOT")
    truth = read(folder / "ground_truth.csv", truth=True)
    predictions = read(folder / "sample_predictions.csv")
    for rows in (predictions, predictions.sample(frac=1, random_state=0)):
        found = score(rows, truth, 0.5, 0.1)
        values = [each.value for each in found.areas.values()]
        assert values == pytest.approx([0.525986, 0.606111, 0.566049], abs=1e-6)
        assert found.counts["melanoma"].tolist() == [[483, 0], [117, 0]]
        # DeLong's own limits, as pROC prints them; ours are a score test's of the same variance.
        assert found.areas["melanoma"].low == pytest.approx(0.501, abs=1.5e-3)
        assert found.areas["keratosis"].high == pytest.approx(0.654, abs=1.5e-3)


@pytest.mark.real_data
def test_the_courses_own_submission_is_stored_as_published(real_data):
    dims, areas = scoring.course(real_data("isic2017/scoring"))["submission"]
    assert dims == ("rows", "category")
    assert areas == pytest.approx(np.array([EXPECTED, EXPECTED]), abs=1e-6)


def test_the_submission_is_scored_in_order_and_shuffled(tmp_path, monkeypatch):
    rows = [f"x/ISIC_{i}.jpg,{i % 2},{int(i % 3 == 0)}" for i in range(12)]
    for name in ("ground_truth.csv", "sample_predictions.csv"):
        (tmp_path / name).write_text("\n".join(["Id,task_1,task_2", *rows]))
    seen, real = [], scoring.score

    def watched(predictions, *rest):
        seen.append(predictions.index.tolist())
        return real(predictions, *rest)

    monkeypatch.setattr("reports.skin.scoring.score", watched)
    assert scoring.course(tmp_path)["submission"][1].tolist() == [[1.0, 1.0, 1.0]] * 2
    assert seen[0] == [f"x/ISIC_{i}.jpg" for i in range(12)]  # an id is a string
    assert seen[1] != seen[0]
    assert sorted(seen[1]) == sorted(seen[0])


def test_without_the_courses_files_nothing_is_scored(tmp_path):
    assert scoring.course(tmp_path) == {}
    pd.DataFrame({"Id": ["a"]}).to_csv(tmp_path / "ground_truth.csv")
    assert scoring.course(tmp_path) == {}
