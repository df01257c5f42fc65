"""Thresholds that one half of the images chooses and the other half tests."""

import numpy as np
from numpy.typing import NDArray

from core.data.strata import Strata
from core.evaluation.thresholds import choose_threshold

DOGS, HARD = 0, 3
"""places of the strata in `Strata.names`: dogs, people, others, hard"""


def crossed_threshold(mass: NDArray[np.float64], strata: Strata) -> NDArray[np.bool_]:
    """Apply to each half of the images the threshold that the other half chose."""
    called = np.zeros(len(mass), dtype=bool)
    for half, threshold in thresholds(mass, strata).items():
        called |= (strata.half == half) & (mass >= threshold)
    return called


def thresholds(mass: NDArray[np.float64], strata: Strata) -> dict[int, float]:
    """Choose, for each half, a threshold on the other: the best sensitivity + specificity there.

    Hard negatives have no say: they are to show what happens beyond what was foreseen.
    """
    plain = strata.of != HARD
    found = {}
    for half in (0, 1):
        other = plain & (strata.half != half)
        found[half] = choose_threshold(mass[other], strata.of[other] == DOGS, "youden")
    return found
