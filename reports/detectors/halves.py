"""Thresholds that one half of the images chooses and the other half tests."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from core.evaluation.thresholds import choose_threshold
from reports.detectors.claims import kind, plain


def chosen(study: xr.Dataset, mass: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Apply to each half of the images the threshold that the other half chose, (image,)."""
    calls = np.zeros(len(mass), dtype=bool)
    for half, threshold in thresholds(study, mass).items():
        calls |= (study["half"].values == half) & (mass >= threshold)
    return calls


def thresholds(study: xr.Dataset, mass: NDArray[np.float64]) -> dict[int, float]:
    """Choose, for each half, a threshold on the other: the best sensitivity + specificity there.

    Hard negatives have no say: they are to show what happens beyond what was foreseen.
    """
    counted, dogs, halves = plain(study), kind(study, "dogs"), study["half"].values
    return {
        half: choose_threshold(mass[other], dogs[other], "youden")
        for half, other in ((half, counted & (halves != half)) for half in (0, 1))
    }
