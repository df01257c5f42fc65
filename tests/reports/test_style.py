"""Verdicts on style transfer follow from numbers whose truth is known."""

import numpy as np
import pytest
from core.results import Result, Trial

from core.style.config import StyleConfig
from reports.style.findings import PUBLISHED, fall, findings, slopes, table

LAYERS = [f"layer {k}" for k in range(1, 6)]
BETAS = {f"beta {beta:g}": beta for beta in (10.0, 100.0, 1000.0, 10000.0, 100000.0)}
ARMS = {
    **dict.fromkeys(LAYERS, StyleConfig()),
    **{arm: StyleConfig(beta=beta) for arm, beta in BETAS.items()},
    "published": StyleConfig(mode="published"),
}


def make(growth=0.5, control=-0.4, decades=1.385, steps=2000, pairs=5, seeds=3, noise=0.05, draw=0):
    """Make results: log2 length grows by `growth` a layer, log10 gap by `control` a decade."""
    random, results = np.random.default_rng(draw), {}
    for seed in range(seeds):
        for arm in ARMS:
            for pair in range(pairs):
                length = gap = lost = 1.0
                if arm in LAYERS:
                    length = 2 ** (growth * LAYERS.index(arm) + noise * random.normal())
                if arm in BETAS:
                    decade = np.log10(BETAS[arm])
                    gap = 10 ** (control * decade + noise * random.normal())
                    lost = 10 ** (-control * decade + noise * random.normal())
                losses = np.ones((steps + 1, 3))
                losses[399, 0] = 10 ** (decades + noise * random.normal())
                metrics = {
                    "artefact/length": length,
                    "artefact/length_smooth": 2 * length,
                    "shares/style": gap,
                    "shares/content": lost,
                    "final/total": 1.0,
                }
                where = (("content", str(pair)), ("style", "s"))
                results[Trial(arm, seed, where)] = Result(metrics, {"losses": losses})
    return results


def test_known_trends_are_found():
    found = findings(make(), ARMS)
    assert found["S1"].decision.verdict == "supported"
    assert found["S2"].decision.verdict == "refuted"  # deeper layers made larger artefacts
    assert found["S3"].decision.verdict == "supported"
    assert found["S2"].decision.estimate.value == pytest.approx(-0.5, abs=0.03)
    assert [part.estimate.value for part in found["S3"].decision.parts.values()] == pytest.approx(
        [0.4, 0.4], abs=0.03
    )
    assert (found["S2"].decision.estimate.n_seeds, found["S2"].decision.estimate.n_images) == (3, 5)
    assert (
        "Median artefact length by layer, the earliest first: 1.0, 1.4, 2.0" in found["S2"].comment
    )


def test_opposite_trends_are_found():
    found = findings(make(growth=-0.5, control=0.4, decades=0.4), ARMS)
    assert [found[f"S{k}"].decision.verdict for k in (1, 2, 3)] == [
        "refuted",
        "supported",
        "refuted",
    ]


def test_no_trend_is_undecided():
    found = findings(make(growth=0, control=0, noise=0.4, draw=1), ARMS)
    assert found["S2"].decision.verdict == found["S3"].decision.verdict == "undecided"


def test_what_is_missing_is_said():
    short = findings(make(steps=500), ARMS)["S1"]
    assert (short.decision, short.lacking) == (None, "`--published-steps 2000` or more.")
    results = make()
    bare = Trial("layer 1", 0, (("content", "0"), ("style", "s")))
    results[bare].metrics.pop("artefact/length")
    assert "1 pictures without" in findings(results, ARMS)["S2"].lacking


def test_the_published_fall_is_read_before_the_update():
    """The notebook prints at step 400 the loss after 399 updates."""
    losses = np.full((2001, 3), 1.0)
    losses[399, 0], losses[1999, 0] = PUBLISHED[400], PUBLISHED[2000]
    results = {Trial("published", 0): Result({}, {"losses": losses})}
    assert fall(results).item() == pytest.approx(1.385, abs=1e-3)


def test_slopes_are_least_squares():
    x, y = np.arange(5.0), np.random.default_rng(0).normal(size=(5, 2, 3))
    wanted = np.polyfit(x, y.reshape(5, 6), 1)[0].reshape(2, 3)
    np.testing.assert_allclose(slopes(x, y), wanted)


def test_tables_are_seeds_by_pairs():
    results = make(pairs=3, noise=0)
    found = table(results, "artefact/length")["layer 3"]
    assert found.shape == (3, 3)
    assert found == pytest.approx(2.0)
