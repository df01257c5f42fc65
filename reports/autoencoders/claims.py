"""What the lesson on autoencoders claims, and what tests it."""

from dataclasses import replace
from math import inf
from typing import Any

import xarray as xr

from core.evaluation.verdicts import Decision, all_of, superior
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import mean, paired

PUBLISHED = {
    "linear": {1: 0.03181, 20: 0.01178},
    "transposed": {1: 0.02734, 20: 0.00869, 30: 0.00826},
    "upsampling": {1: 0.01616, 20: 0.00541, 30: 0.00520},
    "denoising": {1: 0.04888, 20: 0.02611},
}
"""arm -> epoch -> training loss a pixel; the course printed batch size times as much, 20"""
UNIT = "MSE"

lesson = Lesson(
    title="autoencoders",
    question="What do autoencoders learn that a straight line cannot do?",
    study="autoencoders",
    data="mnist",
    options="--data mnist",
    protocol={"epochs": 30, "batch_size": 20, "lr": 1e-3},
    seeds=5,
    shared="All seeds share the training images.",
    source="DLv2 notebooks on autoencoders, recorded outputs",
    columns=("test/mse", "test/psnr", "test/ssim", "test/checkerboard", "train/loss"),
    scores={
        **{f"test/{name}": name for name in ("mse", "psnr", "ssim", "checkerboard")},
        "test/probe_accuracy": "correct",
    },
    bounds={"mse": (0, inf), "psnr": (-inf, 100), "ssim": (-1, 1)},
)
AGAINST_LINEAR = (
    f"training MSE a pixel {PUBLISHED['transposed'][30]:.5f} (convolutional, 196 numbers, 30 "
    f"epochs) against {PUBLISHED['linear'][20]:.5f} (linear, 32 numbers, 20 epochs); printed 20 "
    "times as large"
)
DENOISING = {"denoising_epochs": 20, "batch_size": 20, "lr": 1e-3}
A4: dict[str, Any] = {
    "published": f"training MSE a pixel {PUBLISHED['denoising'][20]:.5f} at noise 0.5; no "
    "baseline; printed 20 times as large",
    "protocol": DENOISING,
    "unit": UNIT,
    "arms": ("denoising",),
}


def course(study: xr.Dataset, name: str) -> xr.DataArray:
    """Return what was measured at the course's code size and noise, (arm, seed, ...)."""
    return study[name].sel(variant="course")


def above(values: xr.DataArray, arm: str, bare: str) -> xr.DataArray:
    """Return how far an arm lies above what needs no training and has one seed, (seed, image)."""
    if bare not in values["arm"]:
        raise NotTestedError(f"This study has no {bare}: it was ended before its time.")
    return values.sel(arm=arm) - values.sel(arm=bare, seed=0, drop=True)


def _convolution(study: xr.Dataset, margin: float, linear: str, convolutional: str) -> Decision:
    errors = course(study, "mse")
    sizes, counts = (course(study, name).mean("seed") for name in ("code/size", "parameters"))
    lead = paired(errors.sel(arm=linear), errors.sel(arm=convolutional))
    shown = "; ".join(
        f"{arm} code {float(sizes.sel(arm=arm)):.0f}, {float(counts.sel(arm=arm)):,.0f} parameters"
        for arm in (linear, convolutional)
    )
    return all_of(
        {f"{linear} - {convolutional}": superior(lead, margin)},
        comment=f"Above 0 the convolutional network is better. Sizes on these images: {shown}. "
        "Both are trained for as many epochs.",
    )


@lesson.claim(
    "A1a",
    "A convolutional autoencoder reconstructs better than a linear one: the published pair.",
    published=AGAINST_LINEAR,
    unit=UNIT,
    arms=("linear", "transposed"),
)
def convolution_as_published(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images (paired by seed and image)."""
    return _convolution(study, margin, "linear", "transposed")


@lesson.claim(
    "A1b",
    "A convolutional autoencoder reconstructs better than a linear one with as large a code.",
    published=AGAINST_LINEAR,
    unit=UNIT,
    arms=("linear-code", "transposed"),
)
def convolution_at_equal_code(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images at equal code size (paired by seed and image)."""
    return _convolution(study, margin, "linear-code", "transposed")


@lesson.claim(
    "A1c",
    "A convolutional autoencoder reconstructs better than a linear one with as many parameters.",
    published=AGAINST_LINEAR,
    unit=UNIT,
    arms=("linear", "transposed-wide"),
)
def convolution_at_equal_parameters(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images at equal parameter count (paired by seed and image)."""
    return _convolution(study, margin, "linear", "transposed-wide")


@lesson.claim(
    "A2",
    "Upsampling with convolution beats transposed convolution.",
    published=f"training MSE a pixel {PUBLISHED['upsampling'][30]:.5f} against "
    f"{PUBLISHED['transposed'][30]:.5f}; printed 20 times as large",
    unit=UNIT,
    arms=("transposed", "transposed-decoder", "upsampling"),
)
def upsampling(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images as published and with as many decoder parameters.

    Paired by seed and image.
    """
    errors = course(study, "mse")
    rivals = {"as published": "transposed", "with as many decoder parameters": "transposed-decoder"}
    parts = {
        f"transposed - upsampling, {how}": superior(
            paired(errors.sel(arm=arm), errors.sel(arm="upsampling")), margin
        )
        for how, arm in rivals.items()
    }
    return all_of(
        parts,
        comment="Above 0 upsampling is better. The published decoders differ in parameters (337 "
        "and 737 on MNIST); the second comparison widens the transposed one to match.",
    )


@lesson.claim(
    "A3",
    "Transposed convolutions leave a checkerboard, upsampling does not.",
    published="prose only",
    margin=1.0,
    unit="dB",
    arms=("transposed", "transposed-k3", "upsampling"),
)
def checkerboard(study: xr.Dataset, margin: float) -> Decision:
    """Checkerboard index of transposed, with kernel 2 and 3, above the originals' and upsampling's.

    Upsampling's no more than 1 dB above the originals' (paired by seed and image).
    """
    board = course(study, "checkerboard")
    kinds = {"kernel 2": "transposed", "kernel 3": "transposed-k3"}
    smooth = board.sel(arm="upsampling")
    parts = {
        f"transposed, {kernel} - originals": superior(mean(above(board, arm, "original")))
        for kernel, arm in kinds.items()
    }
    parts |= {
        f"transposed, {kernel} - upsampling": superior(paired(board.sel(arm=arm), smooth))
        for kernel, arm in kinds.items()
    }
    excess = above(board, "upsampling", "original")
    parts["originals - upsampling"] = superior(mean(-excess), -margin)
    return all_of(
        parts,
        comment="Kernel 2, the lesson's, covers every pixel once; kernel 3 covers every second one "
        "twice.",
    )


def _denoising(study: xr.Dataset, margin: float, bare: str, name: str) -> Decision:
    errors = course(study, "mse")
    lead = mean(-above(errors, "denoising", bare))
    network, rival = (_level(errors.sel(arm=arm)) for arm in ("denoising", bare))
    return all_of(
        {f"{name} - network": superior(lead, margin)},
        comment=f"Above 0 the network is better. Squared error of the network {network}, of "
        f"{name} {rival}. The noise of the test images is drawn once.",
    )


def _level(errors: xr.DataArray) -> str:
    return words.estimate(mean(errors, lesson.bounds["mse"]), UNIT)


@lesson.claim("A4a", "The denoising autoencoder removes noise.", **A4)
def removes_noise(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images than the noisy image (paired by image)."""
    return _denoising(study, margin, "noisy", "noisy image")


@lesson.claim(
    "A4b", "The denoising autoencoder removes noise better than principal components do.", **A4
)
def beats_components(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images than the best PCA projection (paired by image).

    The number of components is chosen on validation images.
    """
    decision = _denoising(study, margin, "pca-noise", "PCA")
    size = float(course(study, "code/size").sel(arm="pca-noise", seed=0))
    return replace(decision, comment=f"{decision.comment} PCA keeps {size:.0f} components.")


@lesson.claim("A4c", "The denoising autoencoder removes noise better than a line does.", **A4)
def beats_least_squares(study: xr.Dataset, margin: float) -> Decision:
    """Lower squared error on test images than linear least squares (paired by image)."""
    return _denoising(study, margin, "least-squares", "least squares")


@lesson.claim(
    "A5",
    "Training with noise makes the network generalise.",
    published="prose only",
    source="the course's text on autoencoders",
    protocol=DENOISING,
    arms=("denoising", "clean"),
)
def generalises(study: xr.Dataset, margin: float) -> Decision:
    """A linear classifier on the code is more accurate after training with noise 0.5 than without.

    Paired by seed and image; the codes are those of clean test images.
    """
    hits = course(study, "correct")
    arms = {"with noise": "denoising", "without": "clean"}
    shown = "; ".join(
        f"{how} {words.estimate(mean(hits.sel(arm=arm)), 'percent')}" for how, arm in arms.items()
    )
    gain = paired(hits.sel(arm="denoising"), hits.sel(arm="clean"))
    return all_of(
        {"trained with noise - without": superior(gain, margin)},
        comment=f"Accuracy on the code: {shown}.",
    )
