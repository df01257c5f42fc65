"""Our number less a published one: both vary."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.evaluation.components import Components
from core.evaluation.intervals import mean
from core.evaluation.power import images_needed
from core.evaluation.published import less_published

HITS = np.random.default_rng(0).random((5, 400)) < 0.7
NONE = Components(0.0, 0.0, 0.0, 8, 50)
READERS = Components(0.112**2, 0.59 * 0.41, 0.0, 8, 50)


def test_it_is_shifted_and_as_wide_as_both_together():
    ours = mean(HITS)
    alone, both = (less_published(ours, 0.59, theirs) for theirs in (NONE, READERS))
    assert alone.value == both.value == pytest.approx(ours.value - 0.59)
    assert both.se**2 == pytest.approx(ours.se**2 + 0.112**2 / 8 + 0.59 * 0.41 / 50)
    assert (alone.low, alone.high) == pytest.approx((ours.low - 0.59, ours.high - 0.59))
    theirs = stats.t.ppf(0.975, [7, 49]) ** 2 @ [0.112**2 / 8, 0.59 * 0.41 / 50]
    for end, edge in ((both.low, ours.low), (both.high, ours.high)):
        assert (end - both.value) ** 2 == pytest.approx((edge - ours.value) ** 2 + theirs)
    for alpha in (0.001, 0.025, 0.2):
        assert (both.at(1 - 2 * alpha).low > 0) == (both.p(0, "greater") < alpha)
    assert both.as_dict()["components"]["n_readers"] == 8


def test_no_study_of_ours_makes_theirs_more_certain():
    found = less_published(mean(HITS), 0.59, READERS)
    huge = found.components.resized(10_000, 10_000_000)
    assert huge.se**2 == pytest.approx(0.112**2 / 8 + 0.59 * 0.41 / 50, rel=0.02)
    assert images_needed(found) is None


def test_the_smaller_class_stays_known():
    few = replace(mean(HITS), fewest=9)
    assert less_published(few, 0.59, READERS).fewest == 9
