"""What the dog app takes a picture for: two detections, and what to say where both find something.

No torch: what looks at pictures and what judges share it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.detection.config import KINDS, ORDERS


def kinds(dog: ArrayLike, human: ArrayLike, order: str = "both") -> NDArray[np.int64]:
    """Turn two detections into kinds, places in KINDS.

    dog, human: bool, of the same shape. Raises ValueError for an order that is not in ORDERS.
    """
    if order not in ORDERS:
        raise ValueError(f"order: {order}, wanted one of {', '.join(ORDERS)}")
    only_dog, only_human, both, neither = range(len(KINDS))
    together = {"both": both, "dog-first": only_dog, "face-first": only_human}[order]
    dogs, humans = np.asarray(dog, bool), np.asarray(human, bool)
    of_dogs = np.where(humans, together, only_dog)
    return np.where(dogs, of_dogs, np.where(humans, only_human, neither))
