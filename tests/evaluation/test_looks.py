"""Verdicts that may be asked for again: what a look spends, and that a verdict stays."""

import numpy as np
import pytest
from scipy import stats

from core.evaluation.comparisons import paired
from core.evaluation.components import Components
from core.evaluation.intervals import mean, symmetric
from core.evaluation.looks import grid_from, over_looks
from core.evaluation.power import ALPHA, images_needed
from core.evaluation.spending import needed_at_looks, shares
from core.evaluation.verdicts import all_of, decide_family, exact, superior, withheld

GRID = grid_from(10)


def looks(scores, grid=GRID, margin=0.0):
    """A decision at every grid point that the seeds of scores (seeds,) reach."""
    return {n: superior(mean(scores[:n, None]), margin) for n in grid if n <= len(scores)}


def test_the_shares_add_up_to_one_and_grow_with_the_root():
    assert GRID == (10, 20, 40, 80)
    assert list(shares(GRID).values()) == pytest.approx([0.354, 0.146, 0.207, 0.293], abs=5e-4)
    assert sum(shares(GRID).values()) == pytest.approx(1)


def test_a_look_charges_for_all_looks():
    scores = np.random.default_rng(0).normal(0.3, 1, 40)
    single = looks(scores)
    whole = over_looks(single, GRID)
    charged = [single[n].p_supported / shares(GRID)[n] for n in (10, 20, 40)]
    assert whole.p_supported == pytest.approx(min(charged))
    assert over_looks(looks(-scores), GRID).p_refuted == pytest.approx(min(charged))
    assert list(whole.looks) == [10, 20, 40]
    assert whole.grid == GRID


@pytest.mark.parametrize(("side", "verdict"), [(1, "supported"), (-1, "refuted")])
def test_a_look_decides_at_its_share_of_the_error_and_else_names_the_next(side, verdict):
    share = ALPHA * (10 / 80) ** 0.5  # .0088
    for p, says, look in ((share - 1e-5, verdict, None), (share + 1e-5, "undecided", 40)):
        value = side * 0.1 * stats.t.isf(p, 9)
        first = superior(symmetric(value, Components(0.1, 0.0, 0.0, 10, 1)))
        whole = over_looks({10: first}, GRID)
        assert (whole.verdict, whole.looks[10].verdict) == (says, says)
        assert (whole.needed.seeds if whole.needed else None) == look


def test_a_verdict_never_reverts():
    scores = np.concatenate([np.random.default_rng(0).normal(3, 1, 10), np.full(70, -3.0)])
    early, late = over_looks(looks(scores[:10]), GRID), over_looks(looks(scores), GRID)
    assert early.verdict == late.verdict == "supported"
    assert late.p_supported == early.p_supported
    assert (late.estimate.low, late.estimate.high) == (early.estimate.low, early.estimate.high)
    assert superior(mean(scores[:, None])).verdict == "refuted"


@pytest.mark.parametrize("effect", [0.0, 0.2, 0.5, -0.4])
@pytest.mark.parametrize("size", [1, 9])
def test_the_interval_over_looks_never_contradicts_the_verdict(effect, size):
    random = np.random.default_rng(3)
    for _ in range(20):
        whole = over_looks(looks(random.normal(effect, 1, 40)), GRID)
        judged = decide_family({"claim": whole}, size=size)["claim"]
        low, high = judged.estimate.low, judged.estimate.high
        assert judged.estimate.confidence == pytest.approx(1 - 2 * ALPHA / size)
        assert (judged.verdict == "supported") == (low > 0)
        assert (judged.verdict == "refuted") == (high < 0)
        first = whole.looks[10].estimate.at(1 - 2 * ALPHA * shares(GRID)[10] / size)
        assert low >= first.low
        assert high <= first.high


def test_before_the_first_look_there_is_no_verdict():
    scores = np.random.default_rng(1).normal(9, 1, 6)
    early = over_looks({6: superior(mean(scores[:, None]))}, GRID)
    assert (early.verdict, early.withheld, early.p_supported) == ("undecided", "no look", 1)
    near = superior(mean(scores[:, None]), margin=9)
    of_parts = all_of({"a": near, "b": near})
    early = over_looks({6: of_parts}, GRID)
    assert early.shown == ("a", early.parts["a"])  # of one interval, at one level
    assert early.parts["a"].withheld == "no look"
    for wrong in ({}, {11: early}, {10: early, 13: early}):
        with pytest.raises(ValueError, match="looks: at"):
            over_looks(wrong, GRID)


def test_parts_are_looked_at_one_by_one_and_may_be_decided_at_different_looks():
    random = np.random.default_rng(2)
    sure, late = random.normal(3, 1, 20), np.r_[random.normal(0, 1, 10), random.normal(4, 0.5, 10)]
    by_look = {n: all_of({"a": looks(sure)[n], "b": looks(late)[n]}) for n in (10, 20)}
    whole = over_looks(by_look, GRID)
    assert whole.verdict == "supported"
    assert whole.parts["a"].looks[10].verdict == "supported"
    assert whole.parts["b"].looks[10].verdict == "undecided"
    assert over_looks({10: exact(1, 1, 0), 20: exact(1, 1, 0)}, GRID).verdict == "supported"


def test_divergence_in_one_arm_withholds_the_verdict():
    random = np.random.default_rng(4)
    clear = superior(paired(random.normal(5, 1, (6, 1)), random.normal(0, 1, (6, 1))))
    assert clear.verdict == "supported"
    none, one = np.zeros(6, bool), np.arange(6) == 2
    assert withheld(clear, none, none) is clear
    assert withheld(clear, one, one) is clear
    held = withheld(clear, one, none)
    assert (held.verdict, held.withheld) == ("undecided", "diverged")
    assert decide_family({"a": held, "b": clear})["a"].verdict == "undecided"
    late = over_looks({10: clear, 20: held}, GRID)
    assert (late.verdict, late.p_supported) == ("undecided", 1)  # no family counts it as rejected
    with pytest.raises(ValueError, match=r"wanted \(seeds,\) twice"):
        withheld(clear, none, none[:3])


@pytest.mark.parametrize(("value", "look"), [(0.4, None), (0.6, 80), (0.8, 40), (1.5, 20)])
def test_the_look_that_is_advised_is_ahead_and_pays_its_share(value, look):
    """Without shares 0.6 and 0.8 would be told a look earlier, and 1.5 that it needs none."""
    pilot = symmetric(value, Components(1.0, 0.0, 0.0, 10, 1))
    assert needed_at_looks(pilot, GRID).seeds == look


def test_images_are_advised_for_the_last_look():
    pilot = symmetric(0.1, Components(0.0001, 1.0, 0.0, 10, 200))
    asked = images_needed(pilot, alpha=ALPHA * shares(GRID)[80])
    assert needed_at_looks(pilot, GRID).images == asked
    assert asked > images_needed(pilot, alpha=ALPHA)
