"""The baselines of the study: what needs no network, measured on the same images and noise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.images import Splits
from core.evaluation.baselines import Principal, least_squares, median
from core.evaluation.image_quality import psnr, squared_errors
from reports.autoencoders import COURSE_NOISE
from reports.autoencoders.measures import LEVELS, SHOWN, floats, noisy, quality
from reports.tables import Results

Quality = Mapping[str, NDArray[np.generic]]
SIZES = (8, 16, 32, 50, 64, 100, 196)  # components tried for the projection that denoises
MOST = 400


@dataclass(frozen=True)
class Baselines:
    """Every baseline's quality, (n,) arrays as `measures.quality` gives them."""

    originals: Quality
    """the test images themselves, for their spectrum and checkerboard index"""
    plain: dict[str, Quality]
    """reconstructions of clean images: mean image, and PCA-k at the code sizes of the study"""
    denoised: dict[str, Quality]
    """of images with the lesson's noise: noisy, median, PCA, least squares"""
    levels: NDArray[np.float32]
    """(levels, n) PSNR of least squares, fitted at each level of test noise"""
    shown: dict[str, NDArray[np.float32]]
    """the first images of the figures: originals, noisy, least squares"""
    components: int
    """of the PCA that denoises, chosen on validation"""


def baselines(splits: Splits, results: Results) -> Baselines:
    """Fit everything on the training images and measure it on the test images."""
    train, val, test = (floats(each) for each in (splits.train, splits.val, splits.test))
    codes = sorted({int(result.metrics["code/size"]) for result in results.values()})
    pca = Principal.fit(train, max(MOST, *codes))
    plain: dict[str, Quality] = {"mean image": quality(pca.project(test, 0), test)}
    plain |= {f"PCA-{size}": quality(pca.project(test, size), test) for size in codes}
    seen = noisy(test, COURSE_NOISE)
    components = _choose(pca, val)
    by_level = {
        level: least_squares(noisy(train, level, 2), train) for level in (*LEVELS, COURSE_NOISE)
    }
    denoisers: dict[str, Callable[[Tensor], Tensor]] = {
        "noisy": lambda images: images,
        "median": median,
        "PCA": lambda images: pca.project(images, components),
        "least squares": by_level[COURSE_NOISE],
    }
    outputs = {name: denoise(seen) for name, denoise in denoisers.items()}
    levels = [psnr(squared_errors(by_level[level](noisy(test, level)), test)) for level in LEVELS]
    return Baselines(
        originals=quality(test, test),
        plain=plain,
        denoised={name: quality(images, test) for name, images in outputs.items()},
        levels=torch.stack(levels).numpy(),
        shown={
            "original": test[:SHOWN].numpy(),
            "noisy": seen[:SHOWN].numpy(),
            "least squares": outputs["least squares"][:SHOWN].numpy(),
        },
        components=components,
    )


def _choose(pca: Principal, val: Tensor) -> int:
    """Return the number of components whose projection of noisy images is best on validation."""
    seen, sizes = noisy(val, COURSE_NOISE, 1), [s for s in SIZES if s <= len(pca.components)]
    error = {size: float(squared_errors(pca.project(seen, size), val).mean()) for size in sizes}
    return min(error, key=error.__getitem__) if error else len(pca.components)
