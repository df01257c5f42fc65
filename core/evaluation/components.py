"""Where the variance of a score comes from: seeds, images, and what is left.

Training the same network S times and testing it on the same n images gives an S x n table whose
rows and columns are both random: another study would have other seeds and other images. With
y[s, i] = m + seed[s] + image[i] + residual[s, i], the grand mean has the variance

    var(seed) / S + var(image) / n + var(residual) / (S n)

The mean squares of the two-way table estimate it without bias (`crossed`). Resampling seeds and
images naively does not: the pigeonhole bootstrap counts the residual three times (Owen 2007),
resampling images within each seed forgets that all seeds saw the same images.

Source: Searle, Casella, McCulloch, Variance Components (1992), chapter 4.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.laws import Floats, Part

ROUNDING = 1e-12
"""of the largest score: a standard deviation below is none"""
DOUBT = 4.0
"""images as evidence that the seeds agree on every image, before any is seen (simulated)"""


@dataclass(frozen=True)
class Components:
    """The variance components of a table of seeds by images."""

    seeds: Floats
    """variance of one seed's mean over these images, its share of the residual included"""
    images: Floats
    """variance of the image effect, the residual taken out, at least 0"""
    residual: Floats
    """variance of one score around its seed and its image"""
    n_seeds: int
    n_images: int
    can_grow: ClassVar[bool] = True
    """whether a study of another size could be run"""
    overlap: float = field(default=0.0, kw_only=True)
    """of seeds that share training data, as folds do: test images over training images of each;
    so much of their variance no number of them removes"""

    def resized(self, n_seeds: int, n_images: int) -> "Components":
        """Predict the components of a study with other numbers of seeds and images."""
        shrinking = np.minimum(self.seeds, self.residual / self.n_images)
        seeds = self.seeds - shrinking * (1 - self.n_images / n_images)
        return Components(
            seeds, self.images, self.residual, n_seeds, n_images, overlap=self.overlap
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """The squared standard error of the grand mean, split by what is drawn anew."""
        parts = []
        if self.n_seeds > 1:
            parts.append(Part(self.seeds * self._kept, self.n_seeds - 1))
        if self.n_images > 1:
            parts.append(Part(self.images / self.n_images, self.n_images - 1))
        return tuple(parts)

    def relative(self, unit: Floats, seen: Floats) -> tuple[Part, ...]:
        """Split the variance in units of one image's, were all seeds alike on it.

        unit: variance of one score; seen: images on which the scores are not all the same. Few of
        them say little of how much the seeds agree; so DOUBT images on which they agree in full are
        added, whose variance is known.
        """
        if self.n_seeds == 1:
            return (Part(1 / self.n_images, np.inf),)
        known = np.where(unit > 0, unit, 1.0)
        seeds, images = self.seeds * self._kept / known, self.images / known
        share = images + self.n_images * seeds
        doubt = np.maximum((seen * share + DOUBT) / (seen + DOUBT) - share, 0.0)
        return (
            Part(seeds, self.n_seeds - 1),
            Part(images / self.n_images, self.n_images - 1),
            Part(doubt / self.n_images, np.inf),
        )

    @property
    def se(self) -> Floats:
        """Standard error of the grand mean."""
        return np.sqrt(self.seeds * self._kept + self.images / self.n_images)

    @property
    def _kept(self) -> float:
        """The part of a seed's variance that the mean keeps.

        Source: for folds, Nadeau and Bengio, Machine Learning 52 (2003) 239-281, section 3.
        """
        return 1 / self.n_seeds + self.overlap

    @property
    def units(self) -> str:
        """What a new sample would draw anew."""
        if self.overlap:
            return "folds, corrected for shared training data"
        if self.n_seeds == 1:
            return "images, of one seed"
        return "seeds and images" if self.n_images > 1 else "seeds"


def as_table(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return the scores as float64 (seeds, images); raise ValueError if they are not a table."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.size < 2:
        raise ValueError(f"{name}: shape {table.shape}, wanted (seeds, images), 2 or more scores")
    if not np.isfinite(table).all():
        raise ValueError(f"{name}: {(~np.isfinite(table)).sum()} values not finite, wanted none")
    return table


def crossed(values: NDArray[np.float64]) -> Components:
    """Split the variance of a table into seeds and images.

    values: (..., seeds, images) float64; leading axes are studies, and the components then arrays
    of them. With one seed, all variance goes to the images. Variances that are rounding errors are
    zero. On few images, seeds that differ image by image can have the same mean; the variance of
    the means is then what the residual alone would give them, not zero.
    """
    n_seeds, n_images = values.shape[-2:]
    centred = values - values.mean((-2, -1), keepdims=True)
    least = (ROUNDING * np.abs(values).max((-2, -1))) ** 2
    rows, columns = centred.mean(-1), centred.mean(-2)
    if n_seeds == 1:
        return Components(0.0, _variance(columns, least), 0.0, 1, n_images)
    seeds = _variance(rows, least)
    if n_images == 1:
        return Components(seeds, 0.0, 0.0, n_seeds, 1)
    left = centred - rows[..., :, None] - columns[..., None, :]
    residual = np.einsum("...ij,...ij->...", left, left) / ((n_seeds - 1) * (n_images - 1))
    residual = np.where(residual > least, residual, 0.0)
    images = _variance(columns, least) - residual / n_seeds
    images = np.where(images > least, images, 0.0)
    seeds = np.where(seeds > 0, seeds, residual / n_images)
    return Components(seeds[()], images[()], residual[()], n_seeds, n_images)


def skew(values: NDArray[np.float64]) -> Floats:
    """Return the third moment of the images' means over their variance and number.

    values: (..., seeds, images) float64. 0 for fewer than 3 images, or without variance.
    """
    n = values.shape[-1]
    if n < 3:
        return np.zeros(values.shape[:-2])[()]
    means = values.mean(-2)
    centred = means - means.mean(-1, keepdims=True)
    variance = _variance(means, (ROUNDING * np.abs(values).max((-2, -1))) ** 2)
    third = (centred**3).mean(-1) * n**2 / ((n - 1) * (n - 2))
    return np.where(variance > 0, third / np.where(variance > 0, n * variance, 1.0), 0.0)[()]


def _variance(means: NDArray[np.float64], least: NDArray[np.float64]) -> Floats:
    variance = means.var(-1, ddof=1)
    return np.where(variance > least, variance, 0.0)[()]
