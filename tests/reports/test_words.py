"""Numbers are printed with their interval, in the unit that they have."""

import math

import numpy as np
import pandas as pd
import pytest

from core.evaluation.components import Components
from core.evaluation.intervals import mean, symmetric, wilson
from core.evaluation.looks import over_looks
from core.evaluation.roc import auc
from core.evaluation.verdicts import all_of, superior
from reports import words


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.8483, "percent", "84.8 %"),
        (0.0041, "points", "+0.4 points"),
        (-0.0041, "points", "-0.4 points"),
        (-0.0004, "points", "+0.0 points"),
        (0.011783, "", "0.0118"),
        (0.00052, "", "5.20e-04"),
        (19.34, "dB", "19.3 dB"),
        (553.16, "", "553"),
        (49_116_588.0, "", "49,116,588"),
        (0, "", "0"),
        (math.nan, "percent", "n/a"),
    ],
)
def test_a_number_has_its_unit(value, unit, shown):
    assert words.number(value, unit) == shown


def test_an_estimate_names_value_interval_and_n():
    hits = np.zeros((2, 400), bool)
    hits[:, :340] = True
    found = mean(hits)
    low, high = 100 * found.low, 100 * found.high
    assert (
        words.estimate(found, "percent") == f"85.0 % ({low:.1f} to {high:.1f}; 2 seeds, 400 images)"
    )
    assert words.estimate(found, "percent", "pair").endswith("2 seeds, 400 pairs)")
    assert words.size(mean(np.array([[1.0], [2.0]]))) == "2 seeds"


@pytest.mark.parametrize(
    ("n", "images", "said"),
    [
        (10, 1, "A near tie: the chance to decide it is below 80 % at the last look (80 seeds)."),
        (
            10,
            2000,
            "A near tie: the chance to decide it is below 80 % at the last look (80 seeds) or ",
        ),
        (80, 2000, "A near tie: the chance to decide it is below 80 % with 10,000 images."),
        (80, 1, "All looks are used."),
    ],
)
def test_a_near_tie_ends_with_the_looks_not_with_more_seeds_than_there_may_be(n, images, said):
    spread = Components(0.01, 1e-4 if images > 1 else 0.0, 0.0, n, images)
    grid = (10, 20, 40, 80)
    tie = over_looks({n: superior(symmetric(0.002, spread))}, grid)
    assert tie.needed.seeds is None
    assert words.what_would_decide(tie).startswith(said)


def test_what_takes_too_many_to_decide_is_counted_in_what_there_is_more_than_one_of():
    for n_seeds, n_images, what in ((1, 50, "images"), (5, 1, "seeds"), (5, 50, "seeds or images")):
        images = 1e-4 if n_images > 1 else 0.0
        spread = Components(0.01 if n_seeds > 1 else 0.0, images, 0.0, n_seeds, n_images)
        tie = superior(symmetric(0.0, spread))
        assert words.what_would_decide(tie).endswith(f"would take more than 10,000 {what}.")


def test_shares_of_none_and_all_are_decided_by_more_images_and_equal_numbers_by_nothing():
    for share in (superior(wilson(0, 30), 0.1), superior(wilson(20, 20), 0.9)):
        said = f"About {share.needed.images} images would decide it, if the truth is as observed."
        assert words.what_would_decide(share) == said
    equal = superior(mean(np.full((5, 1), 0.3)))
    assert (
        words.what_would_decide(equal)
        == "All repetitions give the same number: there is no variance to judge by."
    )


def test_a_table_joins_a_number_and_its_bounds():
    frame = pd.DataFrame(
        {
            "arm": ["a"],
            "accuracy": [0.5],
            "accuracy_low": [0.4],
            "accuracy_high": [0.6],
            "difference": [-0.01],
            "low": [-0.02],
            "high": [0.0],
            "seeds": [1200],
        }
    )
    units = {"accuracy": "percent", "difference": "points"}
    header, rows = words.table(frame, units)
    assert header == ["arm", "accuracy", "difference", "seeds"]
    assert rows == [["a", "50.0 % (40.0 to 60.0)", "-1.0 points (-2.0 to +0.0)", "1,200"]]


def test_small_p_values_are_bounds():
    assert words.chance(0.0304) == "= 0.03"
    assert words.chance(1e-9) == "< 0.001"


def test_a_number_that_is_not_there_has_no_interval():
    assert words.interval(math.nan, math.nan, math.nan, "percent") == "n/a"
    assert words.interval(0.5, math.nan, math.nan, "percent") == "50.0 % (n/a to n/a)"


def test_what_is_too_few_is_counted():
    faces = all_of({"all": superior(wilson(9, 10)), "faces found": superior(wilson(2, 3))})
    assert words.what_would_decide(faces) == "Verdicts begin at 5 images; `faces found` has 3."
    area = superior(auc(np.arange(40.0), np.arange(40) >= 37), 0.5)
    assert words.what_would_decide(area) == (
        "Verdicts begin at 10 images of either class; here are 3."
    )


def test_wide_letters_and_accents_shift_no_column():
    rows = [("ab", "1", ""), ("\u6a21\u578b", "2", "x"), ("e\u0301", "30", "y")]
    assert words.aligned(rows) == ["ab    1", "\u6a21\u578b  2   x", "e\u0301     30  y"]
