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
    for part in _bins(np.argsort(p[0], kind="stable")):
        share = wilson(int(truth[part].sum()), len(part))
        rows.append((p[0, part].mean(), share.value, share.low, share.high, len(part)))
    names = ["probability", "frequency", "frequency_low", "frequency_high", "n"]
    return pd.DataFrame(rows, columns=names)


def _bins(order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return np.array_split(order, min(BINS, len(order)))


def _error(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the calibration errors, (...); gaps: (..., n) p - truth in the order of p."""
    starts = [part[0] for part in _bins(np.arange(gaps.shape[-1]))]
    return np.abs(np.add.reduceat(gaps, starts, axis=-1)).sum(-1) / gaps.shape[-1]


def calibration_error(probabilities: ArrayLike, labels: ArrayLike) -> Estimate:
    """Estimate the expected calibration error over bins of equal counts.

    The interval resamples the images; the variance of several seeds is added. The value is too
    high, as chance alone opens gaps: set it beside `chance_error`. Raises ValueError as `_check`.

    Source: Naeini, Cooper, Hauskrecht, AAAI 2015.
    """
    p, truth = _check(probabilities, labels)
    order, n = np.argsort(p, axis=-1, kind="stable"), len(truth)
    gaps = np.take_along_axis(p - truth, order, axis=-1)
    values = _error(gaps)
    chosen = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
    ranks = np.argsort(order, axis=-1).astype(np.int32)
    draws = np.mean(
        [_error(row[np.sort(rank[chosen])]) for row, rank in zip(gaps, ranks, strict=True)],
        axis=0,
    )
    seeds = float(values.var(ddof=1)) if len(p) > 1 else 0.0
    parts = Components(seeds, float(draws.var(ddof=1)) * n, 0.0, len(p), n)
    law = Student(float(values.mean()), parts.parts)
    return Estimate.of(parts, law, f"bootstrap over {parts.units}", bounds=(0.0, 1.0))


def chance_error(probabilities: ArrayLike) -> float:
    """Return the calibration error to expect if every probability were true."""
    p = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    random = np.random.default_rng(0)
    gaps = p - (random.random((100, *p.shape)) < p)
    order = np.argsort(p, axis=-1, kind="stable")
    return float(_error(np.take_along_axis(gaps, order[None], axis=-1)).mean())


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
