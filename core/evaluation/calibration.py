"""Whether probabilities mean what they say: reliability, calibration error, temperature.

Probabilities are (n,) or (seeds, n) float in [0, 1] of the positive class; labels (n,) bool.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate, wilson
from core.evaluation.laws import Student

BINS = 10
"""of equal counts: of equal width, most would be nearly empty"""
RESAMPLES = 500


def reliability(probabilities: ArrayLike, labels: ArrayLike) -> pd.DataFrame:
    """Set the mean probability of each bin beside the share of positives in it.

    probabilities: (n,), one seed. Returns a row a bin: probability, frequency, frequency_low,
    frequency_high (Wilson), n.
    """
    p, truth = _check(probabilities, labels)
    rows = []
    for part in _bins(p[0]).astype(bool).T:
        if part.any():
            share = wilson(int(truth[part].sum()), int(part.sum()))
            rows.append((p[0, part].mean(), share.value, share.low, share.high, part.sum()))
    names = ["probability", "frequency", "frequency_low", "frequency_high", "n"]
    return pd.DataFrame(rows, columns=names)


def _bins(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which bin each image is in, (n, bins) of 0 and 1; p: (n,).

    Equal probabilities share a bin, the first that any of them would be in: else the order of the
    images would decide.
    """
    starts = [part[0] for part in np.array_split(np.arange(len(p)), min(BINS, len(p)))]
    first = np.searchsorted(np.sort(p), p)
    return np.eye(len(starts))[np.searchsorted(starts, first, side="right") - 1]


def _error(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the calibration errors, (...); gaps: (..., bins) sums of p - truth over all images."""
    return np.abs(gaps).sum(-1)


def calibration_error(probabilities: ArrayLike, labels: ArrayLike) -> Estimate:
    """Estimate the expected calibration error over bins of equal counts.

    The interval resamples the images, in the bins that all of them make; the variance of several
    seeds is added. The value is too high, as chance alone opens gaps: set it beside `chance_error`.
    Raises ValueError as `_check`.

    Source: Naeini, Cooper, Hauskrecht, AAAI 2015.
    """
    p, truth = _check(probabilities, labels)
    n = len(truth)
    gaps = np.stack([_bins(row) * (row - truth)[:, None] for row in p]) / n  # (seeds, n, bins)
    values = _error(gaps.sum(1))
    chosen = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
    times = np.stack([np.bincount(row, minlength=n) for row in chosen]).astype(np.float64)
    draws = _error(times @ gaps).mean(0)
    seeds = float(values.var(ddof=1)) if len(p) > 1 else 0.0
    parts = Components(seeds, float(draws.var(ddof=1)) * n, 0.0, len(p), n)
    law = Student(float(values.mean()), parts.parts)
    return Estimate.of(parts, law, f"bootstrap over {parts.units}", bounds=(0.0, 1.0))


def chance_error(probabilities: ArrayLike) -> float:
    """Return the calibration error to expect if every probability were true."""
    p = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    random = np.random.default_rng(0)
    gaps = (p - (random.random((100, *p.shape)) < p)) / p.shape[1]
    bins = np.stack([_bins(row) for row in p])
    return float(_error(np.einsum("dsn,snb->dsb", gaps, bins)).mean())


def temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Fit the number by which to divide the logits, on validation images.

    logits: (n, classes) float; labels: (n,) int. It minimises the cross-entropy and moves no
    ranking. Returns a number between 0.05 and 20.

    Source: Guo et al., ICML 2017, arXiv 1706.04599, section 4.2.
    """
    z, truth = np.asarray(logits, dtype=np.float64), np.asarray(labels)

    def loss(log_t: float) -> float:
        scaled = z / np.exp(log_t)
        right = scaled[np.arange(len(z)), truth]
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - right))

    bound = np.log(20)
    best = optimize.minimize_scalar(loss, bounds=(-bound, bound), method="bounded")
    return float(np.exp(best.x))


def at_prevalence(probabilities: ArrayLike, trained: float, wanted: float) -> NDArray[np.float64]:
    """Move probabilities from one share of positives to another; their order stays.

    trained, wanted: shares in (0, 1). Holds where the classes look the same in both places.

    Source: Saerens, Latinne, Decaestecker, Neural Computation 14 (2002) 21-41, eq. 2.4.
    """
    odds = special.logit([wanted, trained])
    return special.expit(special.logit(np.asarray(probabilities, float)) + odds[0] - odds[1])


def _check(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (seeds, n) and (n,); raise ValueError for what is no probability or does not fit."""
    p, truth = np.atleast_2d(np.asarray(probabilities, dtype=np.float64)), np.asarray(labels)
    if not ((p >= 0) & (p <= 1)).all() or truth.shape != p.shape[1:]:
        seen = f"shapes {p.shape} and {truth.shape}, range {p.min():.3g} to {p.max():.3g}"
        raise ValueError(f"probabilities, labels: {seen}, wanted (seeds, n) in [0, 1] and (n,)")
    return p, truth.astype(bool)
