"""Verdicts as lines: to scale, and on the side that the verdict is on."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from core.evaluation import intervals
from core.evaluation.verdicts import all_of, equivalent, exact, superior
from reports import forest, ledger, words
from reports.lessons import lessons

SEEDS = np.array([0.30, 0.31, 0.29, 0.30, 0.32, 0.28])


def entry(decision, unit=""):
    return SimpleNamespace(decision=decision, claim=SimpleNamespace(unit=unit, images="image"))


def estimate(shift):
    return intervals.mean(SEEDS[:, None] + shift)


@pytest.mark.parametrize(
    ("decision", "verdict"),
    [
        (superior(estimate(0), 0.2), "supported"),
        (superior(estimate(0), 0.4), "refuted"),
        (superior(estimate(0), 0.302), "undecided"),
        (equivalent(estimate(0), 0.1, 0.3), "supported"),
        (equivalent(estimate(0), 0.1, 0.6), "refuted"),
        (equivalent(estimate(0), 0.1, 0.0), "refuted"),
        (equivalent(estimate(0), 0.1, 0.4), "undecided"),
    ],
)
def test_a_line_lies_on_the_side_of_its_verdict(decision, verdict):
    assert decision.verdict == verdict
    low, value, high = forest.lead(decision)
    side = {"supported": low > 0, "refuted": high < 0, "undecided": low < 0 < high}
    assert side[verdict]
    assert low <= value <= high


def test_the_axis_counts_half_widths():
    found = estimate(0)
    half = (found.high - found.low) / 2
    low, value, high = forest.lead(superior(found, 0.2))
    assert value == pytest.approx((found.value - 0.2) / half)
    assert high - low == pytest.approx(2)


def test_arithmetic_has_no_width():
    assert forest.lead(exact(0.5, 0.5, 0.1)) == (math.inf,) * 3
    assert forest.lead(exact(0.8, 0.5, 0.1)) == (-math.inf,) * 3


def test_parts_share_an_axis_in_the_unit_of_the_claim():
    parts = {"a": superior(estimate(0), 0.1), "b": equivalent(estimate(-0.4), 0.2)}
    drawn = forest.forest(entry(all_of(parts), "points"))
    (zero,) = [x for x, label in drawn["ticks"] if label == "0"]
    assert drawn["zero"] == zero
    first, second = drawn["rows"]
    scale = (first["value"] - zero) / 0.3
    assert second["value"] - zero == pytest.approx(-0.1 * scale, abs=0.2)
    assert [x - zero for x in first["marks"]] == pytest.approx([0.1 * scale], abs=0.2)
    assert [x - zero for x in second["marks"]] == pytest.approx(
        [-0.2 * scale, 0.2 * scale], abs=0.2
    )
    steps = [float(label) for _, label in drawn["ticks"]]
    assert max(steps) >= 20  # points, not fractions


def test_the_part_that_decides_is_named():
    parts = {"far": superior(estimate(1.0)), "near": superior(estimate(-0.3))}
    assert words.deciding(entry(all_of(parts))).startswith("near: ")
    assert words.deciding(entry(superior(estimate(0)), "points")).startswith("+30.0 points (+")
    assert words.deciding(entry(None)) == ""


def test_without_a_study_every_lesson_is_one_line():
    groups = forest.glance(ledger.build([]))
    assert [group.lesson for group in groups] == list(lessons())
    assert not any(group.rows for group in groups)
    first = groups[0]
    assert first.tally == f"{len(first.lesson.claims)} not tested"
    assert first.commands == ["python experiments/init_schemes.py --data fashion-mnist"]
