"""Verdicts err as rarely as promised, and studies of the advised size decide as often."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from core.evaluation import verdicts
from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate, mean, wilson
from core.evaluation.power import ALPHA, images_needed, power, seeds_needed
from core.evaluation.verdicts import all_of, decide_family, equivalent, more_often, superior

REPEATS = 4000
# 2.5 % and three standard errors: some forty shares are held to it, each with fixed seeds.
AT_MOST = ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / REPEATS)


def draw(random, n_seeds, n_images, seed, image, residual, centre=0.0):
    return (
        centre
        + random.normal(0, seed**0.5, (n_seeds, 1))
        + random.normal(0, image**0.5, (1, n_images))
        + random.normal(0, residual**0.5, (n_seeds, n_images))
    )


def known(value, seed, image, residual, n_seeds, n_images):
    """An estimate with true components, so that a promise is tested and not their noise."""
    se = np.sqrt(seed / n_seeds + image / n_images + residual / (n_seeds * n_images))
    return Estimate(
        value=value,
        low=value - 2 * se,
        high=value + 2 * se,
        se=se,
        n_seeds=n_seeds,
        n_images=n_images,
        df=n_seeds - 1,
        confidence=0.95,
        method="known",
        var_seeds=seed + residual / n_images,
        var_images=image,
        var_residual=residual,
    )


@pytest.fixture
def quick(monkeypatch):
    """Leave out the advice, which takes most of a verdict's time, and no verdict depends on."""
    monkeypatch.setattr(verdicts, "_advise", lambda *_: "more")


def shares(judge, repeats, *layout, seed=0, **centre):
    random = np.random.default_rng(seed)
    seen = [judge(mean(draw(random, *layout, **centre))).verdict for _ in range(repeats)]
    return {verdict: seen.count(verdict) / repeats for verdict in set(seen)}


@pytest.mark.parametrize(
    "layout",
    [(3, 100, 1, 0, 1), (3, 100, 0.1, 30, 30), (5, 200, 0.01, 1, 1), (10, 100, 0, 0, 1)],
)
def test_false_verdicts_are_rare(quick, layout):
    n_seeds, n_images, seed, image, residual = layout
    margin = 2 * known(0, seed, image, residual, n_seeds, n_images).se
    no_effect = shares(superior, REPEATS, *layout)
    assert no_effect.get("supported", 0) <= AT_MOST
    assert no_effect.get("refuted", 0) <= AT_MOST
    assert no_effect["undecided"] >= 0.93
    for width in (margin, margin / 7):
        on_bound = shares(lambda e, m=width: equivalent(e, m), REPEATS, *layout, centre=width)
        assert on_bound.get("supported", 0) <= AT_MOST
        assert on_bound.get("refuted", 0) <= AT_MOST


@pytest.mark.parametrize("truths", [(0,) * 6, (30, 30, 30, 0, 0, 0), (3, 3, 0, 0, -3, -3)])
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_a_family_keeps_the_rate_of_one_claim(quick, truths, shared):
    random, false_support, false_refutation, single = np.random.default_rng(1), 0, 0, 0
    for _ in range(REPEATS):
        common = random.normal(size=(5, 1))
        claims = {}
        for name, truth in zip("abcdef", truths, strict=True):
            own = random.normal(size=(5, 1))
            scores = truth / np.sqrt(5) + shared**0.5 * common + (1 - shared) ** 0.5 * own
            claims[name] = superior(mean(scores))
        made = list(zip(decide_family(claims).values(), truths, strict=True))
        false_support += any(d.verdict == "supported" and t <= 0 for d, t in made)
        false_refutation += any(d.verdict == "refuted" and t >= 0 for d, t in made)
        single += any(
            d.verdict == "supported" and t <= 0
            for d, t in zip(claims.values(), truths, strict=True)
        )
    assert false_support / REPEATS <= AT_MOST
    assert false_refutation / REPEATS <= AT_MOST
    assert single > false_support  # without Holm it would be worse


@pytest.mark.parametrize(
    ("layout", "effect"),
    [((5, 200, 1, 1, 10), 0.8), ((5, 100, 0, 0, 10), 0.4), ((5, 1000, 0.01, 0.5, 2), 0.07)],
)
def test_the_advised_seeds_decide_as_often_as_promised(quick, layout, effect):
    n_seeds, n_images, *components = layout
    study = known(effect, *components, n_seeds, n_images)
    needed = seeds_needed(study)
    promised = power(study, needed, n_images)
    assert promised >= 0.8 > power(study, needed - 1, n_images)
    seen = shares(superior, 2000, needed, n_images, *components, centre=effect)
    assert seen["supported"] == pytest.approx(promised, abs=0.03)


def test_the_advised_images_decide_as_often_as_promised(quick):
    study = known(0.1, 0, 1, 5, 5, 200)
    needed = images_needed(study)
    assert power(study, 5, needed) >= 0.8 > power(study, 5, needed - 1)
    assert seeds_needed(study) is None  # image term alone: 0.1 is 1.4 standard errors
    seen = shares(superior, 1000, 5, needed, 0, 1, 5, centre=0.1)
    assert seen["supported"] == pytest.approx(0.8, abs=0.045)


def test_the_advised_seeds_decide_equivalence(quick):
    study = known(0.16, 1, 1, 10, 5, 200)
    question = {"margin": 1.2, "test": "equivalent"}
    needed = seeds_needed(study, **question)
    promised = power(study, needed, 200, **question)
    seen = shares(lambda e: equivalent(e, 1.2), 2000, needed, 200, 1, 1, 10, centre=0.16)
    assert seen["supported"] == pytest.approx(promised, abs=0.03)


def test_power_of_a_proportion_equals_the_score_tests(quick):
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


@pytest.mark.parametrize("value", [0.5, -0.5])
def test_three_verdicts_in_either_direction(value):
    sure = known(value, 0.001, 0.0, 0.01, 10, 100)
    assert superior(sure).verdict == ("supported" if value > 0 else "refuted")
    assert superior(sure, margin=value).verdict == "undecided"
    assert equivalent(sure, 0.6).verdict == "supported"
    assert equivalent(sure, 0.4).verdict == "refuted"
    assert equivalent(sure, 0.5).verdict == "undecided"
    assert equivalent(sure, 0.1, target=value).verdict == "supported"


def test_no_difference_found_is_no_equivalence():
    noisy = known(0.0, 1.0, 1.0, 1.0, 3, 100)
    decision = equivalent(noisy, 0.5)
    assert decision.verdict == "undecided"
    assert decision.needed


def test_all_parts_must_hold():
    yes, no = known(0.5, 0.01, 0, 0, 9, 100), known(-0.5, 0.01, 0, 0, 9, 100)
    unsure = known(0.02, 0.01, 0, 0, 9, 100)
    assert all_of([superior(yes), superior(yes)]).verdict == "supported"
    assert all_of([superior(yes), superior(no), superior(unsure)]).verdict == "refuted"
    whole = all_of([superior(yes), superior(unsure)])
    assert whole.verdict == "undecided"
    assert whole.needed == superior(unsure).needed
    assert whole.estimate is unsure
    with pytest.raises(ValueError, match="at least 1"):
        all_of([])


def test_all_of_refutes_only_after_holm():
    one = replace(superior(known(-0.1, 0.01, 0, 0, 9, 100)), p_refuted=0.02)
    rest = superior(known(0.0, 0.01, 0, 0, 9, 100))
    assert all_of([one, rest]).p_refuted == pytest.approx(0.04)
    assert all_of([one, rest, rest]).verdict == "undecided"


def test_a_family_may_take_a_verdict_back():
    claim = superior(known(0.085, 0.01, 0, 0, 9, 100))
    assert claim.verdict == "supported"
    assert claim.needed == ""
    family = decide_family(dict.fromkeys("abcd", claim))
    assert family["a"].p_supported == pytest.approx(4 * claim.p_supported)
    assert family["a"].verdict == "undecided"
    step = seeds_needed(claim.estimate, alpha=ALPHA / 4)
    assert family["a"].needed.startswith(f"About {step} seeds in all")
    assert decide_family({}) == {}


def test_advice_names_what_is_short():
    assert "seeds in all" in superior(known(0.2, 1, 0.01, 0, 4, 500)).needed
    short_of_images = superior(known(0.02, 1e-5, 1, 0, 4, 500)).needed
    assert "images in all on the 4 seeds at hand" in short_of_images
    assert "seeds in all" not in short_of_images
    assert "seeds and" in superior(known(0.02, 0.1, 1, 0, 4, 500)).needed
    assert "No study" in superior(known(0.0, 1, 1, 1, 4, 500)).needed
    assert "on one seed" in superior(wilson(104, 836), 0.11).needed
    assert "images" in superior(mean(np.ones((3, 50), bool)), 0.95).needed
    per_seed = superior(paired([[0.3], [0.1], [0.2]], [[0.1], [0.2], [0.1]])).needed
    assert "seeds" in per_seed
    assert "images" not in per_seed
    tied = superior(paired([[0.3]] * 3, [[0.1]] * 3))  # sign test: 2^-6 is the first below 2.5 %
    assert tied.needed.startswith("About 6 seeds in all (3 more)")


@pytest.mark.parametrize("alpha", [0, 0.5, 5])
def test_impossible_arguments_are_refused(alpha):
    estimate = known(0.1, 1, 1, 1, 4, 50)
    with pytest.raises(ValueError, match="alpha"):
        superior(estimate, alpha=alpha)
    with pytest.raises(ValueError, match="margin"):
        equivalent(estimate, 0.0)


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
    assert (few.low, few.high) == (-1, 1)  # a difference of shares
    with pytest.raises(ValueError, match="shapes"):
        more_often(a, a[1:])
