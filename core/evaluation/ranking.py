"""Which of several arms is best, and what it costs to pick another: ranks and regret."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core.evaluation.components import as_table


def ranks(
    scores: Mapping[str, ArrayLike], confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Rank arms by their mean score; regret is what an arm lacks to the best of the others.

    scores: arm -> (seeds, images), the same seeds and images in all. Returns one row an arm: arm,
    score, rank (1 the best, ties share), rank_low, rank_high, regret, regret_low, regret_high.
    The regret of the best arm is negative: its lead. Intervals are percentiles of a bootstrap
    that draws seeds, and images within them, anew, the same in all arms.
    Raises ValueError for fewer than two arms, and as `components.as_table`.

    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), 3.8.
    """
    if len(scores) < 2:
        raise ValueError(f"scores: {len(scores)} arms, wanted 2 or more")
    tables = np.stack([as_table(values, arm) for arm, values in scores.items()])
    _, n_seeds, n_images = tables.shape
    random, means = np.random.default_rng(seed), np.empty((resamples, len(tables)))
    for index in range(resamples):
        rows = random.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds))
        columns = random.multinomial(n_images, np.full(n_images, 1 / n_images))
        means[index] = rows @ tables @ columns / (n_seeds * n_images)
    value = tables.mean((1, 2))
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    bounds = {
        "rank": np.percentile(_ranks(means), tails, axis=0),
        "regret": np.percentile(_regrets(means), tails, axis=0),
    }
    frame = pd.DataFrame({"arm": list(scores), "score": value})
    for name, own in (("rank", _ranks(value[None])[0]), ("regret", _regrets(value[None])[0])):
        low, high = bounds[name]
        frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = own, low, high
    return frame


def _ranks(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank each row, the highest first; ties get their mean."""
    above = (means[:, None, :] > means[:, :, None]).sum(2)
    equal = (means[:, None, :] == means[:, :, None]).sum(2)
    return 1 + above + (equal - 1) / 2


def _regrets(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract each arm from the best of the others."""
    n = means.shape[1]
    others = np.where(np.eye(n, dtype=bool), -np.inf, means[:, None, :])
    return others.max(2) - means
