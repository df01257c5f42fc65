"""What the study says on the lesson's claims A1 to A5."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.data.card import Card
from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate, mean
from core.evaluation.verdicts import all_of, superior
from reports import tables
from reports.autoencoders.baselines import Baselines
from reports.tables import Results
from reports.verdicts import Finding, claims

Scores = Mapping[str, NDArray[np.generic]]
UNIT = "MSE"


def plain(results: Results) -> Results:
    """Return the trials of the arms themselves, without the other code sizes and noise levels."""
    return {trial: result for trial, result in results.items() if not trial.params}


def findings(results: Results, bare: Baselines, card: Card) -> dict[str, Finding]:
    """Test the claims; one whose arms are missing says what to run."""
    base = plain(results)
    errors, hits = tables.scores(base, "mse"), tables.scores(base, "correct")
    board = tables.scores(base, "checkerboard")
    parts: dict[str, tuple[tuple[str, ...], Callable[[], Finding]]] = {
        "A1": (
            ("linear", "linear-code", "transposed"),
            lambda: _convolution(base, errors, card),
        ),
        "A2": (("transposed", "transposed-decoder", "upsampling"), lambda: _upsampling(errors)),
        "A3": (("transposed", "upsampling"), lambda: _checkerboard(board, bare)),
        "A4": (("denoising",), lambda: _denoising(errors, bare)),
        "A5": (("denoising", "clean"), lambda: _generalising(hits)),
    }
    return {
        claim: make() if set(arms) <= set(errors) else _lacking(arms, card)
        for claim, (arms, make) in parts.items()
    }


def _lacking(arms: tuple[str, ...], card: Card) -> Finding:
    command = f"`python experiments/autoencoders.py --data {card.name} --arms {' '.join(arms)}`"
    return Finding(decision=None, lacking=f"This study left out what it needs: {command}.")


def _convolution(base: Results, errors: Scores, card: Card) -> Finding:
    sizes, counts = (tables.metric(base, name) for name in ("code/size", "parameters"))
    rivals = {
        "as published": ("linear", "transposed"),
        "at equal code size": ("linear-code", "transposed"),
        "at equal parameter count": ("linear", "transposed-wide"),
    }
    left_out = "" if "transposed-wide" in errors else " Equal parameters were left out."
    run = {how: pair for how, pair in rivals.items() if pair[1] in errors}
    decisions = [
        superior(paired(errors[a], errors[b]), claims()["A1"].margin) for a, b in run.values()
    ]
    decision = all_of(dict(zip(run, decisions, strict=True)))
    if left_out and decision.verdict != "refuted":  # one part that fails is enough, two are not
        return _lacking(("linear", "linear-code", "transposed", "transposed-wide"), card)
    arms = dict.fromkeys(arm for pair in run.values() for arm in pair)
    shown = "; ".join(
        f"{arm} code {sizes[arm][0]:.0f}, {counts[arm][0]:,.0f} parameters" for arm in arms
    )
    return Finding(
        decision=decision,
        names=tuple(f"linear - convolutional, {how}" for how in run),
        unit=UNIT,
        comment=f"Above 0 the convolutional network is better. Sizes on these images: {shown}. "
        f"All are trained for as many epochs.{left_out}",
    )


def _upsampling(errors: Scores) -> Finding:
    rivals = {"as published": "transposed", "with as many decoder parameters": "transposed-decoder"}
    decisions = [
        superior(paired(errors[arm], errors["upsampling"]), claims()["A2"].margin)
        for arm in rivals.values()
    ]
    return Finding(
        decision=all_of(dict(zip(rivals, decisions, strict=True))),
        names=tuple(f"transposed - upsampling, {how}" for how in rivals),
        unit=UNIT,
        comment="Above 0 upsampling is better. The published decoders differ in parameters (337 "
        "and 737 on MNIST); the second comparison widens the transposed one to match.",
    )


def _checkerboard(board: Scores, bare: Baselines) -> Finding:
    margin, n_seeds = claims()["A3"].margin, len(board["transposed"])
    own = np.tile(bare.originals["checkerboard"].astype(np.float64), (n_seeds, 1))
    excess = {arm: table.astype(np.float64) - own for arm, table in board.items()}
    zero = np.zeros_like(own)
    decisions = [
        superior(paired(excess["transposed"], zero)),
        superior(paired(excess["transposed"], excess["upsampling"])),
        superior(paired(zero, excess["upsampling"]), -margin),
    ]
    names = ("transposed - originals", "transposed - upsampling", "originals - upsampling")
    test = stats.wilcoxon(excess["transposed"].mean(0), excess["upsampling"].mean(0))
    comment = (
        f"Wilcoxon's test over {own.shape[1]:,} images (means over seeds), transposed against "
        f"upsampling: p = {test.pvalue:.2g}."
    )
    if "transposed-k3" in excess:
        above = _say(mean(excess["transposed-k3"]), "dB")
        comment += f" Kernel 3, stride 2, above the originals: {above}."
    return Finding(
        decision=all_of(dict(zip(names, decisions, strict=True))),
        names=names,
        unit="dB",
        comment=comment,
    )


def _denoising(errors: Scores, bare: Baselines) -> Finding:
    own = errors["denoising"]
    rivals = {
        name: np.tile(bare.denoised[name]["mse"], (len(own), 1))
        for name in ("noisy", "PCA", "least squares")
    }
    decisions = [superior(paired(table, own), claims()["A4"].margin) for table in rivals.values()]
    level = "; ".join(f"{name} {float(table.mean()):.4f}" for name, table in rivals.items())
    return Finding(
        decision=all_of(dict(zip(rivals, decisions, strict=True))),
        names=tuple(f"{name} - network" for name in rivals),
        unit=UNIT,
        comment=f"Above 0 the network is better. Its own error is {_say(mean(own), UNIT)}; those "
        f"of the others on the same {own.shape[1]:,} images: {level}. PCA projects on "
        f"{bare.components} components, chosen on validation.",
    )


def _generalising(hits: Scores) -> Finding:
    gain = paired(hits["denoising"], hits["clean"])
    share = {arm: float(hits[arm].mean()) for arm in ("denoising", "clean")}
    return Finding(
        decision=superior(gain, claims()["A5"].margin),
        names=("trained with noise - trained without",),
        comment="Accuracy of a linear classifier on the codes of clean test images: "
        + "; ".join(f"{arm} {value:.1%}" for arm, value in share.items())
        + f" (n = {hits['clean'].shape[0]} seeds, {hits['clean'].shape[1]:,} images).",
    )


def _say(estimate: Estimate, unit: str) -> str:
    n = f"{estimate.n_seeds} seeds, {estimate.n_images:,} images"
    return f"{estimate.value:.3g} {unit} ({estimate.low:.3g} to {estimate.high:.3g}; {n})"


def summary(results: Results, card: Card) -> dict[str, object]:
    """Return what else the page prints: the question, how many trials, and what to know."""
    epochs = sorted({len(result.arrays["curve"]) for result in results.values()})
    shown = " or ".join(map(str, epochs))
    return {
        "question": "What do autoencoders learn that a straight line cannot do?",
        "trials": {"complete": len(results), "diverged": []},
        "warnings": [
            f"Losses are true mean squared errors a pixel. The course divided by batches instead "
            f"of images: what it printed is 20 times as much. Trained here for {shown} epochs of "
            f"{sum(card.counts['train']):,} images; the course's saw 20 or 30 of 60,000."
        ],
    }
