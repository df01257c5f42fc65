"""Orders of the two detectors differ only where both find something."""

import numpy as np
import pytest

from core.detection.config import KINDS, ORDERS
from core.detection.kinds import kinds


@pytest.mark.parametrize(
    ("dog", "human", "wanted"),
    [
        (True, False, ("dog", "dog", "dog")),
        (False, True, ("human", "human", "human")),
        (True, True, ("both", "dog", "human")),
        (False, False, ("neither", "neither", "neither")),
    ],
)
def test_orders_differ_only_where_both_are_found(dog, human, wanted):
    assert tuple(KINDS[int(kinds(dog, human, order))] for order in ORDERS) == wanted


def test_many_at_once_and_unknown_orders():
    dogs, humans = np.array([1, 0, 1, 0], bool), np.array([0, 1, 1, 0], bool)
    assert kinds(dogs, humans).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="order: other, wanted one of both"):
        kinds(True, True, "other")
