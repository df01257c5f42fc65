"""Intervals and tests equal those of statsmodels."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import proportion, weightstats
from statsmodels.stats.multitest import multipletests

from core.evaluation.comparisons import holm, mcnemar, paired
from core.evaluation.verdicts import equivalent, more_often


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_family_is_holms(p):
    with mock.patch("gc.collect"):  # at every call, half a second in a process that holds much
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_pairs_tell_what_220_items_by_themselves_do_not():
    """Of 220 shared items, 205 are right in both and 8 in one alone: .008, unpaired .08."""
    one, other = (np.arange(220) < n for n in (213, 205))
    assert mcnemar(one, other) == pytest.approx(0.0078, abs=5e-5)
    assert proportion.proportions_ztest([213, 205], [220, 220])[1] == pytest.approx(0.080, abs=5e-4)
    assert more_often(one, other).verdict == "supported"
    assert more_often(one, np.roll(other, 15)).verdict == "undecided"  # the same, paired wrongly


def test_equivalence_is_two_one_sided_t_tests():
    a, b = np.random.default_rng(1).normal((0.1, 0.0), 1, (12, 2)).T
    p, below, above = weightstats.ttost_paired(a, b, -0.7, 0.9)
    ours = equivalent(paired(a[:, None], b[:, None]), margin=0.8, target=0.1)
    assert ours.p_supported == pytest.approx(p)
    assert p == pytest.approx(max(below[1], above[1]))
