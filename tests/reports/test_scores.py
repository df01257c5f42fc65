"""Numbers with intervals: what cannot be tested is said, and stops nothing."""

import numpy as np
import pytest
import xarray as xr

from reports.lessons import NotTestedError
from reports.scores import mean


def test_scores_that_are_no_numbers_test_nothing():
    """A weight of style of 1e-9 left no logarithm; the whole page ended in a traceback."""
    scores = xr.DataArray(np.full((2, 3), np.nan), {"seed": [0, 1]}, ("seed", "image"))
    with pytest.raises(NotTestedError, match="Of 6 scores 0 are numbers"):
        mean(scores)
    scores[0, 1], scores[1, 1] = 1.0, 3.0
    assert mean(scores).value == 2.0
