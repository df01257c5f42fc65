"""One class against the rest: the tasks of ISIC 2017 part 3, and what a network says in them."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

POSITIVES = {"melanoma": "melanoma", "keratosis": "seborrheic_keratosis"}
"""task -> its class; the others are the rest"""


def log_odds(logits: NDArray[np.generic], positive: int) -> NDArray[np.float64]:
    """Return the log-odds of a class against the rest; logits (..., classes)."""
    z = np.asarray(logits, dtype=np.float64)
    return z[..., positive] - logsumexp(np.delete(z, positive, axis=-1), axis=-1)
