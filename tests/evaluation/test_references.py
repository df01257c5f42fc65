"""Intervals and tests equal those of statsmodels."""

import numpy as np
import pytest
from statsmodels.stats import contingency_tables, proportion, weightstats
from statsmodels.stats.multitest import multipletests

from core.evaluation.comparisons import holm, mcnemar, paired
from core.evaluation.intervals import wilson
from core.evaluation.verdicts import equivalent, more_often


@pytest.mark.parametrize(("successes", "n"), [(0, 20), (7, 20), (20, 20), (104, 836)])
def test_a_share_has_wilsons_interval_and_strictly_the_exact_one(successes, n):
    ours = wilson(successes, n)
    for estimate, method in ((ours, "wilson"), (ours.strict(), "beta")):
        expected = proportion.proportion_confint(successes, n, 0.05, method)
        assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)
    judged = equivalent(ours, 1.0, target=0.5).estimate  # a verdict takes the strict one
    assert (judged.low, judged.high) == pytest.approx(expected, abs=1e-9)


def test_a_family_is_holms():
    p = np.random.default_rng(0).beta(0.3, 1, 9)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


@pytest.mark.parametrize("only_b", [0, 3, 9, 14])
def test_two_networks_on_the_same_images_are_mcnemars(only_b):
    a, b = (
        np.r_[np.ones(9), np.zeros(only_b), np.ones(50)],
        np.r_[np.zeros(9), np.ones(only_b + 50)],
    )
    table = [[50, 9], [only_b, 0]]
    assert mcnemar(a, b) == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)


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
