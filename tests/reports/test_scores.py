"""Numbers with intervals: what cannot be tested is said, and stops nothing."""

import numpy as np
import pytest
import xarray as xr

from core.evaluation import intervals
from core.evaluation.verdicts import superior
from reports.lessons import NotTestedError
from reports.scores import mean, paired, unless_diverged


def test_scores_that_are_no_numbers_test_nothing():
    """A weight of style of 1e-9 left no logarithm; the whole page ended in a traceback."""
    scores = xr.DataArray(np.full((2, 3), np.nan), {"seed": [0, 1]}, ("seed", "image"))
    with pytest.raises(NotTestedError, match="Of 6 scores 0 are numbers"):
        mean(scores)
    scores[0, 1:], scores[1, 1:] = 1.0, 3.0
    assert mean(scores).value == 2.0


def test_an_interval_is_clipped_to_the_range_of_its_scores():
    table = [[0.98, 0.99, 1.0], [0.9, 1.0, 1.0]]
    scores = xr.DataArray(table, {"seed": [0, 1]}, ("seed", "image"))
    assert mean(scores, (0, 1)).high == 1 < mean(scores).high


def test_one_image_says_nothing_of_others_however_many_seeds():
    scores = xr.DataArray(np.ones((5, 1)), {"seed": range(5)}, ("seed", "image"))
    for estimate in (lambda: mean(scores), lambda: paired(scores, 0 * scores)):
        with pytest.raises(NotTestedError, match=r"^There is 1 image, 2 are needed\.$"):
            estimate()
    once = scores[:, 0]
    assert (mean(once).n_images, paired(once, 0 * once).value) == (1, 1.0)  # one number a seed


def test_arms_are_paired_on_the_seeds_that_both_have():
    values = np.arange(12.0).reshape(3, 4)
    a, b, c = (
        xr.DataArray(values, {"seed": seeds, "image": list("wxyz")}, ("seed", "image"))
        for seeds in ([0, 1, 2], [1, 2, 3], [2, 3, 4])
    )
    gap = paired(a, b)
    assert (gap.value, gap.n_seeds) == (4.0, 2)
    with pytest.raises(NotTestedError, match="1 seeds are in both arms"):
        paired(a, c)


ARMS, SEEDS, SCALES = ["a", "b", "c"], [0, 1, 2], ["course", "larger"]


@pytest.mark.parametrize(
    ("lost", "arms", "withheld"),
    [
        ([("c", 1, "larger")], ARMS, "diverged"),  # on one scale of two, and the last arm alone
        ([("c", 1, "larger")], ARMS[:2], ""),
        ([("a", 1, "course"), ("b", 1, "larger")], ARMS[:2], ""),  # on the same seed
        ([("a", 1, "course"), ("b", 2, "course")], ARMS[:2], "diverged"),
        ([("a", 1, "course")], ["a"], "diverged"),
        ([("a", seed, "course") for seed in SEEDS], ["a"], ""),
    ],
)
def test_arms_that_diverged_on_other_seeds_are_not_compared(lost, arms, withheld):
    dims = {"arm": ARMS, "seed": SEEDS, "scale": SCALES}
    loss = xr.DataArray(np.ones((3, 3, 2)), dims, tuple(dims))
    for arm, seed, scale in lost:
        loss.loc[arm, seed, scale] = np.nan
    clear = superior(intervals.mean(np.array([[8.0], [9.0], [8.5]])))
    trained = xr.full_like(loss, fill_value=True, dtype=bool)
    study = xr.Dataset({"test/loss": loss, "trained": trained})
    assert unless_diverged(clear, study, arms).withheld == withheld
    never = study.assign(trained=study["trained"] & loss.notnull())  # what is missing, not lost
    assert unless_diverged(clear, never, arms) is clear
