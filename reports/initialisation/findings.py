"""What the study says on the lesson's claims W1 to W6."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from core.data.card import Card
from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate, mean
from core.evaluation.verdicts import all_of, equivalent, superior
from reports import tables
from reports.tables import Results
from reports.verdicts import Finding, claims

Hits = Mapping[str, NDArray[np.generic]]


def findings(
    results: Results, larger: Results, card: Card, initial: Mapping[str, nn.Sequential]
) -> dict[str, Finding]:
    """Test the claims; one whose arms are missing says what to run.

    larger: the trials on the larger network. initial: arm -> its network before training, seed 0.
    """
    hits, on_larger = tables.scores(results, "correct"), tables.scores(larger, "correct")
    noisy = tables.scores(results, "correct_dropout")
    parts = {
        "W1": (("zeros", "ones"), lambda: _constants(results, hits, card)),
        "W2": (("zeros", "uniform-0-1", "uniform-rule"), lambda: _badly(hits)),
        "W3": (("uniform-rule", "uniform-0-1", "uniform-centred"), lambda: _rule(hits, noisy)),
        "W4": (("uniform-rule", "normal-rule", "normal-matched"), lambda: _normal(hits)),
        "W5": (("uniform-rule", "default"), lambda: _default(hits, initial["default"])),
        "W6": (("uniform-rule", "uniform-centred"), lambda: _size(hits, on_larger)),
    }
    return {
        claim: make() if set(arms) <= set(hits) else _lacking(arms)
        for claim, (arms, make) in parts.items()
    }


def _lacking(arms: tuple[str, ...]) -> Finding:
    command = f"`python experiments/init_schemes.py --schemes {' '.join(arms)}`"
    return Finding(decision=None, lacking=f"This study left out what it needs: {command}.")


def _constants(results: Results, hits: Hits, card: Card) -> Finding:
    arms, margin = ("zeros", "ones"), claims()["W1"].margin
    decisions = [equivalent(mean(hits[arm]), margin, target=card.baseline) for arm in arms]
    ranks = tables.metric(results, "trained/rank")
    span = {arm: sorted({int(rank) for rank in ranks[arm]}) for arm in arms}
    shown = "; ".join(
        f"{arm} {seen[0]}" + (f" to {seen[-1]}" if seen[1:] else "") for arm, seen in span.items()
    )
    return Finding(
        decision=all_of(dict(zip(arms, decisions, strict=True))),
        names=arms,
        unit="percent",
        comment=(
            f"Chance is {card.baseline:.1%}. Lowest rank of a hidden weight matrix after training: "
            f"{shown} (1 or less: all units still equal; dropout can break the tie)."
        ),
    )


def _badly(hits: Hits) -> Finding:
    margin = claims()["W2"].margin
    learns = superior(paired(hits["uniform-0-1"], hits["zeros"]))
    falls_short = superior(paired(hits["uniform-rule"], hits["uniform-0-1"]), margin)
    return Finding(
        decision=all_of({"U[0, 1) - zeros": learns, "rule - U[0, 1)": falls_short}),
        names=("U[0, 1) - zeros", "rule - U[0, 1)"),
    )


def _rule(hits: Hits, noisy: Hits) -> Finding:
    others = {"uniform-0-1": "rule - U[0, 1)", "uniform-centred": "rule - U[-0.5, 0.5)"}
    decisions = [superior(paired(hits["uniform-rule"], hits[other])) for other in others]
    left_on = [
        f"{name} {_points(paired(noisy['uniform-rule'], noisy[other]))}"
        for other, name in others.items()
    ]
    return Finding(
        decision=all_of(dict(zip(others.values(), decisions, strict=True))),
        names=tuple(others.values()),
        comment=f"With dropout left on at test, as the course recorded it: {'; '.join(left_on)}.",
    )


def _normal(hits: Hits) -> Finding:
    margin = claims()["W4"].margin
    arms = {
        "normal-rule": "N(0, y), as published, - rule",
        "normal-matched": "N(0, y/sqrt(3)), the rule's variance, - rule",
    }
    decisions = [superior(paired(hits[arm], hits["uniform-rule"]), margin) for arm in arms]
    return Finding(
        decision=all_of(dict(zip(arms.values(), decisions, strict=True))),
        names=tuple(arms.values()),
        comment="y = 1/sqrt(n). U(-y, y) has the standard deviation y/sqrt(3), N(0, y) has y: the "
        "published comparison changes scale and shape at once.",
    )


def _default(hits: Hits, network: nn.Sequential) -> Finding:
    same = paired(hits["default"], hits["uniform-rule"])
    layers = [layer for layer in network if isinstance(layer, (nn.Linear, nn.Conv2d))]
    # Scaled by their own layer's bound, all weights follow U(-1, 1) if the default is the rule.
    scaled = np.concatenate([_scaled(layer.weight.detach().numpy()) for layer in layers])
    test = stats.kstest(scaled, stats.uniform(-1, 2).cdf)
    return Finding(
        decision=equivalent(same, claims()["W5"].margin),
        names=("default - rule",),
        comment=(
            f"The default's weights against the law of the rule, seed 0: Kolmogorov-Smirnov "
            f"distance {test.statistic:.4f}, p = {test.pvalue:.2f}, n = {len(scaled):,}. Its "
            "biases follow the same law; the rule's are zero."
        ),
    )


def _scaled(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = weight.reshape(len(weight), -1)
    return (rows * np.sqrt(rows.shape[1])).ravel()


def _size(hits: Hits, larger: Hits) -> Finding:
    if not larger:
        return Finding(decision=None, lacking="This study was run with `--no-larger`.")
    nets = {"larger": larger, "course's": hits}
    gaps = {name: (each["uniform-rule"], each["uniform-centred"]) for name, each in nets.items()}
    change = paired(*(good.astype(float) - bad for good, bad in gaps.values()))
    shown = "; ".join(f"{name} network {_points(paired(*gap))}" for name, gap in gaps.items())
    return Finding(
        decision=superior(change, claims()["W6"].margin),
        names=("gap on the larger network - gap on the course's",),
        comment=f"The gap is rule - U[-0.5, 0.5): {shown}.",
    )


def _points(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    n = f"{estimate.n_seeds} seeds, {estimate.n_images:,} images"
    return f"{100 * estimate.value:+.1f} points ({low:+.1f} to {high:+.1f}; {n})"


def summary(results: Results, larger: Results, card: Card) -> dict[str, object]:
    """Return what else the page prints: the question, how many trials, which diverged."""
    trials = [*results.items(), *larger.items()]
    diverged = [
        f"{trial.key} at step {int(result.metrics['diverged_at'])}"
        for trial, result in trials
        if "diverged_at" in result.metrics
    ]
    return {
        "question": "Which initial weights keep a network trainable?",
        "trials": {"complete": len(trials), "diverged": diverged},
        "baseline": card.baseline,
    }
