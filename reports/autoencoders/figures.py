"""Figures of the study of autoencoders; nothing computed but layout."""

from collections.abc import Mapping
from math import ceil, sqrt

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.figures import BLUE, GREY, ORANGE, band

COLOURS = {
    "convolutional": BLUE,
    "linear": ORANGE,
    "PCA": GREY,
    "original": "black",
    "transposed": ORANGE,
    "upsampling": BLUE,
    "transposed-k3": "#009E73",
    "transposed-decoder": "#CC79A7",
    "transposed-wide": "#E69F00",
}


def rows(images: Mapping[str, NDArray[np.generic]]) -> Figure:
    """Draw rows of images, a name to the left of each. images: name -> (n, C, H, W) in [0, 1]."""
    n = len(next(iter(images.values())))
    figure, axes = plt.subplots(len(images), n, figsize=(n + 1.5, len(images)), squeeze=False)
    for line, (name, row) in zip(axes, images.items(), strict=True):
        _row(list(line), name, row)
    return figure


def pictures(
    originals: NDArray[np.generic],
    reconstructions: Mapping[str, NDArray[np.generic]],
    codes: Mapping[str, NDArray[np.generic]],
) -> Figure:
    """Draw 5 originals, and for every network its reconstructions beside its codes (n, size)."""
    n, lines = min(5, len(originals)), len(reconstructions) + 1
    figure, axes = plt.subplots(lines, 2 * n, figsize=(2 * n + 1.5, lines), squeeze=False)
    _row(list(axes[0, :n]), "original", originals[:n])
    for axis in axes[0, n:]:
        axis.set_axis_off()
    for line, (arm, images) in zip(axes[1:], reconstructions.items(), strict=True):
        _row(list(line[:n]), arm, images[:n])
        _row(list(line[n:]), "", np.stack([_square(code) for code in codes[arm][:n]]))
    axes[0, n].set_title("codes", fontsize=9, loc="left", y=0)
    return figure


def _row(axes: list[Axes], name: str, images: NDArray[np.generic]) -> None:
    for axis, image in zip(axes, images, strict=True):
        shown = image.transpose(1, 2, 0) if image.shape[0] == 3 else image.mean(0)
        axis.imshow(shown.astype(np.float32), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(visible=False)
    axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)


def _square(code: NDArray[np.generic]) -> NDArray[np.float64]:
    """Lay a code out as a square image, scaled to [0, 1], padded with zeros."""
    side = ceil(sqrt(len(code)))
    flat = np.zeros(side * side)
    flat[: len(code)] = code.astype(np.float64) / max(float(code.max()), 1e-9)
    return flat.reshape(1, side, side)


def spectra(frame: pd.DataFrame) -> Figure:
    """Draw power by frequency. frame: arm, frequency, power."""
    figure, axis = plt.subplots(figsize=(8, 4))
    for name, line in frame.groupby("arm", sort=False):
        style = "--" if name == "original" else "-o"
        axis.plot(
            line["frequency"], line["power"], style, color=COLOURS[str(name)],
            markersize=3, linewidth=1.5, label=name,
        )  # fmt: skip
    axis.set_yscale("log")
    axis.set_xlabel("horizontal frequency, cycles a pixel")
    axis.set_ylabel("power (logarithmic)")
    axis.legend(frameon=False)
    return figure


def rates(frame: pd.DataFrame) -> Figure:
    """Draw PSNR by code size with bands. frame: kind, code, psnr, psnr_low, psnr_high."""
    figure, axis = plt.subplots(figsize=(7, 4))
    for kind, line in frame.groupby("kind", sort=False):
        colour = COLOURS[str(kind)]
        axis.plot(line["code"], line["psnr"], "-o", color=colour, markersize=4, label=kind)
        band(axis, line["code"], line, "psnr", colour)
    axis.set_xscale("log", base=2)
    ticks = sorted(set(frame["code"]))
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("numbers in the code (logarithmic)")
    axis.set_ylabel("PSNR on test images, dB")
    axis.legend(frameon=False)
    return figure


def levels(frame: pd.DataFrame) -> Figure:
    """Draw the heat map of noise levels. frame: trained, tested, psnr."""
    table = frame.pivot_table(index="trained", columns="tested", values="psnr", sort=False)
    networks = frame[frame["trained"] != "least squares"]["psnr"]  # a line undoes no noise exactly
    figure, axis = plt.subplots(figsize=(6, 0.5 * len(table) + 1.5))
    sns.heatmap(
        table,
        annot=True,
        fmt=".1f",
        cmap="viridis",
        vmin=networks.min(),
        vmax=networks.max(),
        cbar_kws={"label": "PSNR, dB"},
        ax=axis,
    )
    axis.set_xlabel("standard deviation of the test noise")
    axis.set_ylabel("trained with noise")
    axis.tick_params(axis="y", rotation=0)
    return figure
