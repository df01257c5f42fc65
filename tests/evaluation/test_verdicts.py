"""Verdicts err as rarely as promised, and studies of the advised size decide as often."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.evaluation.comparisons import holm, paired
from core.evaluation.components import Components, crossed, skew
from core.evaluation.intervals import mean, symmetric, wilson
from core.evaluation.laws import Student, tail
from core.evaluation.power import ALPHA, Needed, images_needed, power, seeds_needed
from core.evaluation.roc import auc
from core.evaluation.verdicts import all_of, decide_family, equivalent, more_often, superior
from tests.evaluation.test_intervals import draw

REPEATS = 4000
# 2.5 % and three standard errors: some forty shares are held to it, each with fixed seeds.
AT_MOST = ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / REPEATS)


def known(value, seed, image, residual, n_seeds, n_images):
    """An estimate with true components, so that a promise is tested and not their noise."""
    return symmetric(
        value, Components(seed + residual / n_images, image, residual, n_seeds, n_images)
    )


def p_values(tables, margin=0.0):
    """Both one-sided p values of many studies at once. tables: (studies, seeds, images)."""
    law = Student(tables.mean((1, 2)), crossed(tables).parts, skew(tables))
    return tail(law, margin, "greater"), tail(law, margin, "less")


def draw_many(repeats, *layout, centre=0.0):
    random = np.random.default_rng(0)
    return centre + np.stack([draw(random, *layout) for _ in range(repeats)])


def decided(repeats, *layout, **centre):
    """The share of studies in which "above 0" is supported."""
    return float((p_values(draw_many(repeats, *layout, **centre))[0] < ALPHA).mean())


def test_many_studies_at_once_are_each_its_own():
    tables = draw_many(5, 4, 12, 1, 1, 1)
    for table, p_for, p_against in zip(tables, *p_values(tables, 0.3), strict=True):
        decision = superior(mean(table), 0.3)
        assert (decision.p_supported, decision.p_refuted) == pytest.approx((p_for, p_against))


@pytest.mark.parametrize(
    "layout",
    [(3, 100, 1, 0, 1), (3, 100, 0.1, 30, 30), (5, 200, 0.01, 1, 1), (10, 100, 0, 0, 1)],
)
def test_false_verdicts_are_rare(layout):
    n_seeds, n_images, seed, image, residual = layout
    margin = 2 * known(0, seed, image, residual, n_seeds, n_images).se
    for width in (0, margin, margin / 7):  # the truth is on the bound
        tables = draw_many(REPEATS, *layout, centre=width)
        above, below = p_values(tables, width)
        above_low, below_low = p_values(tables, -width)
        assert (above < ALPHA).mean() <= AT_MOST
        assert (below < ALPHA).mean() <= AT_MOST
        same = np.maximum(above_low, below)
        other = np.minimum(below_low, above) + np.minimum(above_low, below)
        assert (same < ALPHA).mean() <= AT_MOST
        assert (other < ALPHA).mean() <= AT_MOST


@pytest.mark.parametrize("truths", [(0,) * 6, (30, 30, 30, 0, 0, 0), (3, 3, 0, 0, -3, -3)])
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_a_family_keeps_the_rate_of_one_claim(truths, shared):
    random, truth = np.random.default_rng(1), np.array(truths)
    common, own = random.normal(size=(REPEATS, 1, 5)), random.normal(size=(REPEATS, 6, 5))
    scores = truth[:, None] / np.sqrt(5) + shared**0.5 * common + (1 - shared) ** 0.5 * own
    pairs = p_values(scores.reshape(-1, 5, 1))
    single, false = 0, 0
    for p, wrong in zip(pairs, (truth <= 0, truth >= 0), strict=True):
        family = p.reshape(REPEATS, 6)
        made = np.stack([holm(row) for row in family]) < ALPHA
        assert (made & wrong).any(1).mean() <= AT_MOST
        false += (made & wrong).any(1).sum()
        single += ((family < ALPHA) & wrong).any(1).sum()
    assert single > false  # without Holm it would be worse


@pytest.mark.parametrize(
    ("layout", "effect"),
    [((5, 200, 1, 1, 10), 0.8), ((5, 100, 0, 0, 10), 0.4), ((5, 400, 0.01, 0.2, 2), 0.09)],
)
def test_the_advised_seeds_decide_as_often_as_promised(layout, effect):
    n_seeds, n_images, *components = layout
    study = known(effect, *components, n_seeds, n_images)
    needed = seeds_needed(study, known=True)
    promised = power(study, needed, n_images, known=True)
    assert promised >= 0.8 > power(study, needed - 1, n_images, known=True)
    seen = decided(2000, needed, n_images, *components, centre=effect)
    assert seen == pytest.approx(promised, abs=0.03)


def test_the_advised_images_decide_as_often_as_promised():
    study = known(0.1, 0, 1, 5, 5, 200)
    needed = images_needed(study, known=True)
    assert power(study, 5, needed, known=True) >= 0.8 > power(study, 5, needed - 1, known=True)
    assert seeds_needed(study) is None  # image term alone: 0.1 is 1.4 standard errors
    seen = decided(1000, 5, needed, 0, 1, 5, centre=0.1)
    assert seen == pytest.approx(0.8, abs=0.045)


def test_the_advised_seeds_decide_equivalence():
    study = known(0.16, 1, 1, 10, 5, 200)
    question = {"margin": 1.2, "test": "equivalent", "known": True}
    needed = seeds_needed(study, **question)
    promised = power(study, needed, 200, **question)
    tables = draw_many(2000, needed, 200, 1, 1, 10, centre=0.16)
    p = np.maximum(p_values(tables, -1.2)[0], p_values(tables, 1.2)[1])
    assert (p < ALPHA).mean() == pytest.approx(promised, abs=0.03)


def test_power_of_a_proportion_equals_the_exact_tests():
    study, margin = wilson(30, 100), 0.2
    needed = images_needed(study, margin=margin)
    hits = np.arange(needed + 1)
    passed = [superior(wilson(int(k), needed), margin).verdict == "supported" for k in hits]
    exact = stats.binom.pmf(hits, needed, 0.3)[np.array(passed)].sum()
    assert exact == pytest.approx(0.8, abs=0.04)  # hits are whole: the exact power jumps


def test_superior_is_the_one_sided_t_test():
    scores = np.random.default_rng(2).normal(0.5, 1, (9, 1))
    decision = superior(mean(scores), 0.1)
    for p, side in ((decision.p_supported, "greater"), (decision.p_refuted, "less")):
        assert p == pytest.approx(stats.ttest_1samp(scores[:, 0], 0.1, alternative=side).pvalue)


def test_equivalence_is_an_interval_inside_the_margin():
    estimate = mean(np.random.default_rng(3).normal(0.2, 0.3, (9, 1)))
    reach = max(abs(estimate.low), abs(estimate.high))
    assert equivalent(estimate, reach * 1.001).verdict == "supported"
    assert equivalent(estimate, reach * 0.999).verdict == "undecided"


def test_equivalence_is_refuted_exactly_where_its_interval_lies_outside():
    """The margin is narrow beside the standard error of 0.1, so that the far tail counts."""
    found = [
        equivalent(known(value, 0.09, 0, 0, 9, 100), 0.05) for value in np.arange(15, 45) / 100
    ]
    outside = [decision.estimate.low > 0.05 for decision in found]
    assert [decision.verdict == "refuted" for decision in found] == outside
    assert outside.count(True) == 15  # from 0.30 on; the near tail alone would do from 0.29


@pytest.mark.parametrize("value", [0.5, -0.5])
def test_three_verdicts_in_either_direction(value):
    sure = known(value, 0.001, 0.0, 0.01, 10, 100)
    assert superior(sure).verdict == ("supported" if value > 0 else "refuted")
    assert superior(sure, margin=value).verdict == "undecided"
    assert equivalent(sure, 0.6).verdict == "supported"
    assert equivalent(sure, 0.4).verdict == "refuted"
    assert equivalent(sure, 0.5).verdict == "undecided"
    assert equivalent(sure, 0.1, target=value).verdict == "supported"


@pytest.mark.parametrize(
    ("shape", "withheld", "advised"),
    [
        ((2, 100), "few seeds", Needed(seeds=3)),
        ((3, 100), "", None),
        ((3, 4), "few images", Needed(images=5)),
        ((3, 5), "", None),
    ],
)
def test_below_the_least_seeds_and_images_there_is_no_verdict(shape, withheld, advised):
    clear = mean(100 + np.random.default_rng(0).normal(size=shape))
    for decision in (superior(clear), equivalent(clear, 50, target=100)):
        assert decision.withheld == withheld
        assert decision.verdict == ("undecided" if withheld else "supported")
        assert decision.needed == advised


@pytest.mark.parametrize(("positives", "withheld"), [(9, "few images"), (10, "")])
def test_an_area_needs_ten_images_of_either_class(positives, withheld):
    labels = np.arange(400) < positives
    scores = labels + 0.2 * np.random.default_rng(1).normal(size=400)
    decision = superior(auc(scores, labels), 0.5)
    assert decision.withheld == withheld
    assert decision.needed == (Needed(images=445) if withheld else None)  # as many times 10 / 9
    assert superior(auc(-scores, ~labels), 0.5).withheld == withheld


def test_no_difference_found_is_no_equivalence():
    noisy = known(0.0, 1.0, 1.0, 1.0, 3, 100)
    decision = equivalent(noisy, 0.5)
    assert decision.verdict == "undecided"
    assert decision.needed


def test_all_parts_must_hold():
    yes, no = known(0.5, 0.01, 0, 0, 9, 100), known(-0.5, 0.01, 0, 0, 9, 100)
    unsure = known(0.02, 0.01, 0, 0, 9, 100)
    yes, no, unsure = superior(yes), superior(no), superior(unsure)
    assert all_of({"a": yes, "b": yes}).verdict == "supported"
    refuted = all_of({"a": yes, "b": no, "c": unsure})
    assert (refuted.verdict, refuted.shown[0]) == ("refuted", "b")
    whole = all_of({"a": yes, "b": unsure})
    assert whole.verdict == "undecided"
    assert whole.needed == replace(unsure.needed, part="b")
    assert all_of({"a": yes, "b": unsure, "c": unsure}).needed.part == "b"
    assert whole.estimate.value == unsure.estimate.value
    assert {name: part.verdict for name, part in whole.parts.items()} == {
        "a": "supported",
        "b": "undecided",
    }
    with pytest.raises(ValueError, match="at least 1"):
        all_of({})


def test_all_of_refutes_only_after_holm():
    one = replace(superior(known(-0.1, 0.01, 0, 0, 9, 100)), p_refuted=0.02)
    rest = superior(known(0.0, 0.01, 0, 0, 9, 100))
    assert all_of({"a": one, "b": rest}).p_refuted == pytest.approx(0.04)
    whole = all_of({"a": one, "b": rest, "c": rest})
    assert whole.verdict == "undecided"
    assert whole.parts["a"].verdict == "undecided"  # at the level that three parts leave it
    assert all_of({"a": one}).parts["a"].verdict == "refuted"


def test_a_family_may_take_a_verdict_back():
    claim = superior(known(0.085, 0.01, 0, 0, 9, 100))
    assert claim.verdict == "supported"
    assert claim.needed is None
    family = decide_family(dict.fromkeys("abcd", claim))
    assert family["a"].p_supported == pytest.approx(4 * claim.p_supported)
    assert family["a"].verdict == "undecided"
    assert family["a"].needed.seeds == seeds_needed(claim.estimate, alpha=ALPHA / 4)
    assert decide_family({}) == {}


def test_advice_names_what_is_short():
    seeds = superior(known(0.2, 1, 0.01, 0, 4, 500)).needed
    assert seeds.seeds > 4
    assert superior(known(0.05, 1e-5, 1, 0, 4, 500)).needed.images is None  # too few seeds to tell
    images = superior(known(0.05, 1e-5, 1, 0, 5, 500)).needed
    assert images.images > 500
    assert images.seeds is images.together is None
    both = superior(known(0.14, 0.02, 1, 0, 9, 300)).needed
    assert both.seeds is both.images is None
    assert both.together[0] > 9
    assert both.together[1] > 300
    assert superior(known(0.0, 1, 1, 1, 4, 500)).needed == Needed()
    assert superior(wilson(104, 836), 0.11).needed.images > 836
    per_seed = superior(paired([[0.3], [0.1], [0.2]], [[0.1], [0.2], [0.1]])).needed
    assert per_seed.seeds > 3
    assert per_seed.images is None


def test_a_margin_of_none_is_refused():
    with pytest.raises(ValueError, match="margin"):
        equivalent(known(0.1, 1, 1, 1, 4, 50), 0.0)


def test_more_often_decides_by_exact_mcnemar_and_shows_the_difference():
    a = np.arange(100) < 90
    for lead, verdict in ((5, "undecided"), (6, "supported")):  # .5^5 = .031, .5^6 = .016
        decision = more_often(a, np.arange(100) < 90 - lead)
        assert decision.verdict == verdict
        assert decision.p_supported == pytest.approx(0.5**lead)
        assert decision.estimate.value == pytest.approx(lead / 100)
        assert more_often(np.arange(100) < 90 - lead, a).p_refuted == decision.p_supported
    assert more_often(np.arange(100) < 80, a).verdict == "refuted"
    assert more_often(a, a).verdict == "undecided"
    few = more_often([True, True, False], [False, False, True]).estimate
    assert -1 <= few.low < 0 < few.high <= 1  # a difference of shares
    with pytest.raises(ValueError, match="shapes"):
        more_often(a, a[1:])
