"""Calibration: errors by their definition, temperatures recovered, priors moved by Bayes' rule."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from core.evaluation.calibration import (
    at_prevalence,
    calibration_error,
    chance_error,
    reliability,
    temperature,
)


@pytest.fixture
def honest():
    random = np.random.default_rng(0)
    p = random.beta(1, 3, 1000)
    return p, random.random(1000) < p


def test_reliability_counts_every_image_once(honest):
    p, labels = honest
    frame = reliability(p, labels)
    assert frame["n"].tolist() == [100] * 10
    assert np.average(frame["frequency"], weights=frame["n"]) == pytest.approx(labels.mean())
    assert np.average(frame["probability"], weights=frame["n"]) == pytest.approx(p.mean())
    assert (frame["frequency_low"] <= frame["frequency"]).all()
    lowest = np.argsort(p)[:100]
    assert frame["frequency"][0] == pytest.approx(labels[lowest].mean())


def test_error_is_the_weighted_gap(honest):
    p, labels = honest
    frame = reliability(p, labels)
    gap = (frame["probability"] - frame["frequency"]).abs()
    estimate = calibration_error(p, labels)
    assert estimate.value == pytest.approx(np.average(gap, weights=frame["n"]))
    assert estimate.low <= estimate.value <= estimate.high
    shifted = calibration_error(np.full(400, 0.3), np.arange(400) < 200)
    constant = np.full(400, 0.3)
    sure = calibration_error(np.arange(400) < 200.0, np.arange(400) < 200)
    assert (sure.value, sure.low, sure.high) == (0, 0, 0)  # images are drawn with their labels
    assert shifted.value >= 0.2
    assert shifted.low > chance_error(constant)


def test_honest_probabilities_err_as_much_as_chance(honest):
    p, labels = honest
    estimate = calibration_error(p, labels)
    assert estimate.low <= chance_error(p) <= estimate.high
    two = calibration_error(np.stack([p, p**3]), labels)
    assert two.n_seeds == 2
    assert two.se > estimate.se


@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_equal_probabilities_are_one_whatever_their_order(decimals):
    """Test sets come class by class: a network that says .2 of all looked badly calibrated."""
    random = np.random.default_rng(3)
    p = np.round(random.beta(1, 3, 500), decimals)
    labels = np.sort(random.random(500) < p)
    order = random.permutation(500)
    np.testing.assert_allclose(reliability(p, labels), reliability(p[order], labels[order]))
    assert calibration_error(p, labels).value == pytest.approx(
        calibration_error(p[order], labels[order]).value, abs=1e-12
    )
    frame = reliability(p, labels)
    assert frame["n"].sum() == 500
    assert frame["probability"].is_monotonic_increasing


def test_the_share_of_positives_said_of_every_image_is_calibrated():
    labels = np.arange(200) < 40
    estimate = calibration_error(np.full((2, 200), 0.2), labels)
    assert estimate.value == pytest.approx(0, abs=1e-12)
    assert len(reliability(np.full(200, 0.2), labels)) == 1
    assert chance_error(np.full(200, 0.2)) == pytest.approx(0.023, abs=0.005)  # sd .028 x .8


def test_an_interval_is_that_of_a_plain_bootstrap(honest):
    p, labels = honest
    estimate = calibration_error(p, labels)
    bins = np.argsort(np.argsort(p)) // 100
    random, errors = np.random.default_rng(7), []
    for _ in range(400):
        chosen = random.integers(0, 1000, 1000)
        gaps = np.bincount(bins[chosen], (p - labels)[chosen])
        errors.append(np.abs(gaps).sum() / 1000)
    assert estimate.se == pytest.approx(np.std(errors), rel=0.15)


@pytest.mark.parametrize("truth", [0.4, 1.0, 3.0])
def test_temperature_is_recovered_and_is_the_best(truth):
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, (8000, 3))
    chosen = special.softmax(logits, 1).cumsum(1) > random.random((8000, 1))
    labels = chosen.argmax(1)
    found = temperature(logits * truth, labels)
    assert found == pytest.approx(truth, rel=0.06)
    losses = [
        torch.nn.functional.cross_entropy(
            torch.tensor(logits * truth / t), torch.tensor(labels)
        ).item()
        for t in (found * 0.97, found, found * 1.03)
    ]
    assert losses[1] == min(losses)


def test_prevalence_moves_by_bayes_rule():
    density = {side: stats.norm(mean).pdf(0.7) for side, mean in (("sick", 1), ("well", 0))}

    def posterior(share):
        sick = share * density["sick"]
        return sick / (sick + (1 - share) * density["well"])

    assert at_prevalence(posterior(0.4), 0.4, 0.02) == pytest.approx(posterior(0.02))
    assert at_prevalence([0.0, 0.3, 1.0], 0.5, 0.5) == pytest.approx([0.0, 0.3, 1.0])


@pytest.mark.parametrize("wrong", [[0.2, 1.2], [0.2, np.nan], [0.2]])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match="wanted"):
        calibration_error(wrong, [0, 1])
