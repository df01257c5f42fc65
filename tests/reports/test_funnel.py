"""How far a claim has come: a row a look, those ahead empty, all on one axis."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.evaluation.intervals import mean
from core.evaluation.looks import grid_from, over_looks
from core.evaluation.verdicts import all_of, equivalent, superior
from reports.axes import axis_of
from reports.forest import funnel, marks

GRID = grid_from(10)
SCORES = 1.0 + np.random.default_rng(3).normal(0, 1, (80, 1))


def decided(n, judge=lambda scores: superior(mean(scores))):
    return over_looks({look: judge(SCORES[:look]) for look in GRID if look <= n}, GRID)


def drawn(decision):
    return funnel(SimpleNamespace(decision=decision))


def test_one_look_has_no_funnel():
    assert drawn(decided(10)) is None


def test_rows_are_the_looks_on_one_axis():
    whole = decided(20)
    found = drawn(whole)
    assert [row["n_seeds"] for row in found["rows"]] == [10, 20, 40, 80]
    assert [row["verdict"] for row in found["rows"]] == ["undecided", "supported", "", ""]
    assert [row["value"] is None for row in found["rows"]] == [False, False, True, True]
    assert [row["y"] for row in found["rows"]] == [10, 30, 50, 70]
    assert found["height"] == 80
    first, second = found["rows"][:2]
    (mark,) = found["marks"]
    assert first["low"] < mark < second["low"] < second["value"] < second["high"] < first["high"]
    looks = whole.looks
    wide, narrow = (looks[n].estimate.high - looks[n].estimate.low for n in (10, 20))
    ratio = (second["high"] - second["low"]) / (first["high"] - first["low"])
    assert ratio == pytest.approx(narrow / wide, abs=0.005)


def test_of_parts_the_one_that_stands_for_the_whole_is_drawn():
    def both(scores):
        return all_of({"easy": superior(mean(scores + 5)), "hard": superior(mean(scores))})

    whole = decided(20, both)
    found = drawn(whole)
    assert found["part"] == "hard"
    assert found["rows"] == drawn(whole.parts["hard"])["rows"]
    assert found["rows"] != drawn(whole.parts["easy"])["rows"]


def test_the_margins_are_those_of_the_test():
    close = equivalent(mean(SCORES), 0.5, target=2.0)
    assert marks(close) == [1.5, 2.5]
    assert marks(superior(mean(SCORES), 0.25)) == [0.25]
    assert marks(replace(close, test="predicted")) == [2.0]


def test_an_axis_leaves_room_on_either_side():
    place = axis_of([-1.0, 1.0], 0.0, 108.0)
    assert [place(x) for x in (-1.0, 0.0, 1.0)] == [4.0, 54.0, 104.0]
    assert axis_of([3.0], 0.0, 100.0)(3.0) == 50.0
