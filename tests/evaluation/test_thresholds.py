"""Thresholds do what their rule says; rates equal scikit-learn's; PPV and benefit by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from core.evaluation.intervals import wilson
from core.evaluation.thresholds import choose_threshold, net_benefit, rates


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    labels = np.arange(300) < 60
    return random.normal(size=300) + 1.5 * labels, labels


def shares(scores, labels, threshold):
    return (scores[labels] >= threshold).mean(), (scores[~labels] < threshold).mean()


@pytest.mark.parametrize("target", [0.5, 0.9, 0.95, 1.0])
def test_target_sensitivity_is_reached_and_not_overshot(images, target):
    scores, labels = images
    threshold = choose_threshold(scores, labels, "sensitivity", target=target)
    assert shares(scores, labels, threshold)[0] >= target - 1e-12
    assert shares(scores, labels, np.nextafter(threshold, np.inf))[0] < target


@given(st.floats(0.5, 100), st.floats(0.01, 0.9))
def test_youden_and_cost_are_the_best_of_all_cuts(miss_cost, prevalence):
    random = np.random.default_rng(1)
    labels = np.arange(60) < 25
    scores = np.round(random.normal(size=60) + labels, 1)
    cuts = [*np.unique(scores), np.inf]

    def cost(cut):
        sensitivity, specificity = shares(scores, labels, cut)
        missed = miss_cost * prevalence * (1 - sensitivity)
        return missed + (1 - prevalence) * (1 - specificity)

    chosen = choose_threshold(scores, labels, "cost", miss_cost=miss_cost, prevalence=prevalence)
    assert cost(chosen) == pytest.approx(min(map(cost, cuts)))
    youden = choose_threshold(scores, labels, "youden")
    assert sum(shares(scores, labels, youden)) == pytest.approx(
        max(sum(shares(scores, labels, cut)) for cut in cuts)
    )


def test_youden_calls_some_and_a_cost_without_prevalence_takes_the_images_own(images):
    assert choose_threshold([0.9, 0.1], [0, 1], "youden") == 0.1  # not infinite, worse as it is
    own, same, other = (
        choose_threshold(*images, "cost", miss_cost=4, prevalence=share)
        for share in (None, 60 / 300, 0.5)
    )
    assert own == same > other


def test_rates_equal_sklearns_counts(images):
    scores, labels = images
    (tn, fp), (fn, tp) = confusion_matrix(labels, scores >= 0.8)
    found = rates(scores, labels, 0.8, prevalence=0.2)
    assert found["sensitivity"].low == pytest.approx(wilson(int(tp), int(tp + fn)).strict().low)
    assert found["specificity"].value == pytest.approx(tn / (tn + fp))
    # 60 of 300 are positive, so at 20 % the PPV is the images' own.
    assert found["ppv"].value == pytest.approx(tp / (tp + fp))
    assert found["npv"].value == pytest.approx(tn / (tn + fn))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("positives", [1, 2, 29])
@pytest.mark.parametrize("perfect", [True, False])
def test_rates_of_one_image_and_perfect_ones_are_shares(seeds, positives, perfect):
    """Asked in confidenceinterval #14 and #15: one positive, perfect scores."""
    labels = np.arange(30) < positives
    scores = np.random.default_rng(positives).random((seeds, 30))
    found = rates(labels + 0 * scores if perfect else scores, labels, 0.5, 0.1)
    assert all(0 <= x.low <= x.value <= x.high <= 1 for x in found.values())
    assert all(x.low < x.high for x in found.values())
    assert not perfect or {x.high for x in found.values()} == {1}
    if 1 in (positives, 30 - positives):  # the one image says what one trial says
        one = found["sensitivity" if positives == 1 else "specificity"]
        if one.value in (0, 1):
            exact = wilson(int(one.value), 1).strict()
            assert (one.low, one.high) == pytest.approx((exact.low, exact.high))


def test_a_score_at_the_threshold_is_called():
    p, labels = [0.1, 0.4, 0.4, 0.9], [0, 0, 1, 1]
    found = rates(p, labels, 0.4, prevalence=0.5)
    assert (found["sensitivity"].value, found["specificity"].value) == (1, 0.5)
    assert net_benefit(p, labels, [0.4])["benefit"][0] == pytest.approx((2 - 2 / 3) / 4)


def test_a_rare_disease_has_a_low_ppv(images):
    common, rare = (rates(*images, 0.8, prevalence=share)["ppv"] for share in (0.4, 0.01))
    assert rare.high < common.low
    odds = [each.value / (1 - each.value) for each in (common, rare)]
    assert odds[0] / odds[1] == pytest.approx((0.4 / 0.6) / (0.01 / 0.99))


def test_every_seed_has_its_own_threshold(images):
    scores, labels = images
    two = rates(np.stack([scores, scores + 5]), labels, [0.8, 5.8], prevalence=0.2)
    one = rates(scores, labels, 0.8, prevalence=0.2)
    assert two["sensitivity"].value == pytest.approx(one["sensitivity"].value)
    assert two["sensitivity"].n_seeds == 2


def test_ppv_interval_covers():
    random, hits, truth = np.random.default_rng(2), 0, 0.05 * 0.8 / (0.05 * 0.8 + 0.95 * 0.1)
    labels = np.arange(200) < 40
    for _ in range(800):
        called = random.random(200) < np.where(labels, 0.8, 0.1)
        ppv = rates(called, labels, 0.5, prevalence=0.05)["ppv"]
        hits += ppv.low <= truth <= ppv.high
    assert hits / 800 >= 0.945


def test_calling_no_one_leaves_the_ppv_open():
    found = rates([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], 0.9, prevalence=0.1)
    assert found["sensitivity"].value == 0
    assert np.isnan(found["ppv"].value)
    assert (found["ppv"].low, found["ppv"].high) == (0, 1)
    assert found["npv"].value == pytest.approx(0.9)


def test_net_benefit_by_hand_and_at_another_prevalence():
    p, labels = np.array([0.9, 0.4, 0.3, 0.1]), np.array([1, 0, 1, 0])
    frame = net_benefit(p, labels, [0.2, 0.35]).set_index("threshold")
    assert frame.loc[0.2, "benefit"] == pytest.approx((2 - 0.25) / 4)
    assert frame.loc[0.35, "benefit"] == pytest.approx((1 - 0.35 / 0.65) / 4)
    assert frame.loc[0.2, "all"] == pytest.approx(0.5 - 0.25 * 0.5)
    rare = net_benefit(p, labels, [0.2], prevalence=0.1)
    assert rare["benefit"][0] == pytest.approx(0.1 * 1.0 - 0.25 * 0.9 * 0.5)
    assert rare["all"][0] == pytest.approx(0.1 - 0.25 * 0.9)
    none = net_benefit(p, labels, [0.95])
    assert none["benefit"][0] == 0
    assert none[["benefit_low", "benefit_high"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="between 0 and 1"):
        net_benefit(p, labels, [1.0])
