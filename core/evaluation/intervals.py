"""Numbers with intervals: proportions, and means over seeds and images.

An interval says where the number would fall with other seeds and other images. How the variance
splits between the two is worked out in `components`.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from core.evaluation.components import Components, as_table, crossed


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, its interval, and what both rest on."""

    value: float
    low: float
    high: float
    se: float
    """standard error of value"""
    n_seeds: int
    """independent trainings; 1 means that the interval covers new images only"""
    n_images: int
    """images (or other units) that all seeds share; 1 means one number a seed"""
    df: float
    """degrees of freedom of se; infinite where the normal law is used"""
    confidence: float
    method: str
    var_seeds: float = 0.0
    """variance of one seed's mean over these images; se^2 = var_seeds/n_seeds +
    var_images/n_images"""
    var_images: float = 0.0
    """variance of the image effect, which more seeds do not reduce"""
    var_residual: float = 0.0
    """variance of one score around its seed and its image; var_seeds holds 1/n_images of it"""
    n_effective: float | None = None
    """of a proportion: the independent images that would give the same standard error"""

    def se_at(self, null: float) -> float:
        """Give the standard error if the true value were null: it differs for proportions."""
        if self.n_effective is None:
            return self.se
        return float(np.sqrt(max(null * (1 - null), 0.0) / self.n_effective))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dict of plain Python values."""
        return asdict(self)


def critical(confidence: float, df: float) -> float:
    """Return the two-sided critical value of Student's t.

    confidence: in (0, 1); df: above 0, may be infinite. Raises ValueError outside.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence}, wanted a number between 0 and 1")
    return float(special.stdtrit(df, (1 + confidence) / 2))


def score_interval(share: float, n: float, t: float) -> tuple[float, float]:
    """Invert the score test of a proportion: the shares that t does not reject.

    share: observed, in [0, 1]; n: independent images, need not be whole; t: critical value.

    Source: Wilson, JASA 22 (1927) 209-212.
    """
    centre = (share + t**2 / (2 * n)) / (1 + t**2 / n)
    half = t / (1 + t**2 / n) * np.sqrt(share * (1 - share) / n + t**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def wilson(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """Estimate a proportion from n independent trials.

    Raises ValueError unless 0 <= successes <= n and n >= 1.

    Source: Wilson, JASA 22 (1927) 209-212.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"successes, n: {successes}, {n}, wanted 0 <= successes <= n, n >= 1")
    share = successes / n
    low, high = score_interval(share, n, critical(confidence, np.inf))
    return Estimate(
        value=share,
        low=low,
        high=high,
        se=float(np.sqrt(share * (1 - share) / n)),
        n_seeds=1,
        n_images=n,
        df=float("inf"),
        confidence=confidence,
        method="Wilson over images",
        var_images=share * (1 - share),
        n_effective=float(n),
    )


def are_hits(table: NDArray[np.float64]) -> bool:
    """Tell whether the scores are hits and misses, that is 1 and 0, on more than one image."""
    return table.shape[1] > 1 and bool(((table == 0) | (table == 1)).all())


def mean(
    values: ArrayLike, confidence: float = 0.95, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Estimate the mean score over new seeds and new images.

    values: (seeds, images) float or bool, each seed scored on the same images; (seeds, 1) for
    one number a seed. bounds: the interval is clipped to them. One seed gives an interval over
    new images only, and `method` says so. Raises ValueError if values are not finite, not a
    table or fewer than 2.

    Scores of 0 and 1 are a proportion: Wilson's interval with Student's t and the number of
    independent images that would give the same standard error (n_images if all are equal).

    Source: the module's; for proportions Dean and Pagano, J. Surv. Stat. Methodol. 3 (2015)
    484-503.
    """
    table = as_table(values, "values")
    parts, value = crossed(table), float(table.mean())
    if not are_hits(table):
        return _symmetric(value, parts, confidence, bounds)
    if parts.n_seeds == 1:
        alone = wilson(int(table.sum()), table.size, confidence)
        return replace(alone, method=f"Wilson over {parts.units}")
    spread = value * (1 - value)
    if parts.se == 0:  # nothing to go by: the images, which the seeds share, are the least
        parts = replace(parts, images=spread)
    n = spread / parts.se**2 if spread else float(parts.n_images)
    low, high = score_interval(value, n, critical(confidence, parts.df))
    return Estimate(
        value=value,
        low=low,
        high=high,
        se=float(np.sqrt(spread / n)),
        n_seeds=parts.n_seeds,
        n_images=parts.n_images,
        df=parts.df,
        confidence=confidence,
        method=f"Wilson over {parts.units}",
        var_seeds=parts.seeds,
        var_images=parts.images,
        var_residual=parts.residual,
        n_effective=float(n),
    )


def difference(
    a: NDArray[np.float64], b: NDArray[np.float64], confidence: float = 0.95
) -> Estimate:
    """Estimate the mean of a - b over new seeds and new images.

    a, b: (seeds, images) float64 of equal shape; `comparisons.paired` checks them.

    Hits and misses that leave no variance (the arms agree on every image) get that of one
    image on which the arms differ, so that they are not declared equal on all images to come.

    Source: Agresti and Min, Statistics in Medicine 24 (2005) 729-740, for the added image.
    """
    parts = crossed(a - b)
    if parts.se == 0 and are_hits(a) and are_hits(b):
        parts = replace(parts, images=1 / parts.n_images)
    bounds = (-1.0, 1.0) if are_hits(a) and are_hits(b) else None
    return _symmetric(float((a - b).mean()), parts, confidence, bounds)


def _symmetric(
    value: float, parts: Components, confidence: float, bounds: tuple[float, float] | None
) -> Estimate:
    half = critical(confidence, parts.df) * parts.se
    lowest, highest = bounds or (-np.inf, np.inf)
    return Estimate(
        value=value,
        low=max(value - half, lowest),
        high=min(value + half, highest),
        se=parts.se,
        n_seeds=parts.n_seeds,
        n_images=parts.n_images,
        df=parts.df,
        confidence=confidence,
        method=f"t over {parts.units}",
        var_seeds=parts.seeds,
        var_images=parts.images,
        var_residual=parts.residual,
    )
