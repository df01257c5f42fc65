"""The verdicts on the lesson's claims, from results whose truth is known."""

import numpy as np
import pytest

from core.data.card import Card
from core.results import Result, Trial
from reports.autoencoders.baselines import Baselines
from reports.autoencoders.exhibits import PUBLISHED
from reports.autoencoders.findings import findings, summary

N_SEEDS, N_IMAGES = 5, 60
CARD = Card(
    name="digits",
    source="",
    fingerprint="",
    classes=("0", "1"),
    shape=(1, 8, 8),
    counts={"train": [50, 50], "val": [10, 10], "test": [30, 30]},
    split="",
)
MSE = {
    "linear": 0.010,
    "linear-code": 0.004,
    "transposed": 0.008,
    "transposed-wide": 0.006,
    "transposed-decoder": 0.007,
    "upsampling": 0.005,
    "denoising": 0.026,
    "clean": 0.005,
}
BOARD = dict.fromkeys(MSE, 0.0) | {"transposed": 4.0}


def scores(mean, spread, index):
    return np.random.default_rng(index).normal(mean, spread, N_IMAGES)


def study(**changed):
    """Results with the errors of MSE and the checkerboard of BOARD, little noise between seeds."""
    results = {}
    for place, (arm, error) in enumerate({**MSE, **changed}.items()):
        for seed in range(N_SEEDS):
            index = 100 * place + seed
            hits = np.arange(N_IMAGES) < (50 if arm == "denoising" else 30 + seed % 2)
            arrays = {
                "mse": scores(error, 1e-4, index),
                "checkerboard": scores(BOARD[arm], 0.2, index),
                "correct": hits.astype(np.uint8),
                "curve": np.linspace(0.1, error, 3),
            }
            metrics = {"code/size": 196.0, "parameters": 1000.0}
            results[Trial(arm, seed)] = Result(metrics, arrays)
    return results


def bare(least_squares=0.0175):
    denoised = {"noisy": 0.1155, "PCA": 0.0306, "least squares": least_squares, "median": 0.09}
    return Baselines(
        originals={"checkerboard": scores(0.0, 0.2, 9999)},
        plain={},
        denoised={name: {"mse": scores(value, 1e-4, 7)} for name, value in denoised.items()},
        levels=np.zeros((4, N_IMAGES), dtype=np.float32),
        shown={},
        components=50,
    )


def verdicts(results, baselines):
    found = findings(results, baselines, CARD)
    return {name: each.decision.verdict for name, each in found.items() if each.decision}


def test_the_lessons_numbers_give_the_expected_verdicts():
    assert verdicts(study(), bare()) == {
        "A1": "refuted",  # at equal code size the linear network is better
        "A2": "supported",
        "A3": "supported",
        "A4": "refuted",  # linear least squares is better
        "A5": "supported",
    }


def test_verdicts_turn_with_the_numbers():
    assert verdicts(study(**{"linear-code": 0.02}), bare())["A1"] == "supported"
    assert verdicts(study(), bare(least_squares=0.03))["A4"] == "supported"
    assert verdicts(study(**{"transposed-decoder": 0.001}), bare())["A2"] == "refuted"


def test_signs_say_who_is_better():
    parts = findings(study(), bare(), CARD)["A1"].decision.parts
    values = [part.estimate.value for part in parts.values()]
    assert values == pytest.approx([0.002, -0.004, 0.004], abs=2e-4)


def test_a1_without_equal_parameters_may_be_refuted_but_not_supported():
    short = {t: r for t, r in study().items() if t.arm != "transposed-wide"}
    assert verdicts(short, bare())["A1"] == "refuted"
    fine = {t: r for t, r in study(**{"linear-code": 0.02}).items() if t.arm != "transposed-wide"}
    finding = findings(fine, bare(), CARD)["A1"]
    assert finding.decision is None
    assert "--arms linear linear-code transposed transposed-wide" in finding.lacking


def test_trials_of_other_sizes_and_levels_decide_nothing():
    results = study()
    odd = Trial("transposed", 0, (("channels", 1),))
    results[odd] = Result({"code/size": 4.0}, {"mse": np.ones(3), "curve": np.ones(2)})
    assert verdicts(results, bare())["A2"] == "supported"
    assert summary(results, CARD)["trials"]["complete"] == len(results)


def test_published_losses_are_the_printed_ones_by_the_batch_size():
    printed = {
        "linear": {1: 0.636266, 20: 0.235611},
        "transposed": {1: 0.546767, 20: 0.173812, 30: 0.165248},
        "upsampling": {1: 0.323222, 20: 0.108119, 30: 0.104016},
        "denoising": {1: 0.977538, 20: 0.522199},
    }
    for arm, epochs in printed.items():
        for epoch, value in epochs.items():
            assert PUBLISHED[arm][epoch] == pytest.approx(value / 20, abs=6e-6)
