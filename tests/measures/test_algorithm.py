"""What the dog app finds is kept as it was found; shares are over the right pictures."""

import numpy as np
import pytest
import torch

from core.data.cases import Case
from core.detection.config import KINDS
from core.detection.faces import Faces
from core.detection.resemblance import Answer
from core.measures import algorithm

NONE = Faces(np.empty((0, 4), np.float32), np.empty(0, np.float32), None, 0.0)
ONE = Faces(np.array([[1, 2, 3, 4]], np.float32), np.array([0.9], np.float32), None, 0.0)
CLASSES = ("001.Affenpinscher", "boxer")


def saying(dog, faces, breed=CLASSES[0]):
    return Answer(dog, 0.5, faces, ((breed, 0.7), ("boxer", 0.2)), ((0, breed, 0.1),))


class Known:
    """Fifty pictures of every kind, each of one colour; dogs are Affenpinschers."""

    cases = tuple(
        Case(
            kind,
            0 if kind in ("dog", "both") else -1,
            torch.full((3, 9, 9), number, dtype=torch.uint8),
            None,
        )
        for kind in KINDS
        for number in range(50)
    )
    kinds = np.repeat(np.arange(4), 50)
    breeds = np.repeat([0, -1, 0, -1], 50)


@pytest.fixture(scope="module")
def record():
    right = {"dog": (0.9, NONE), "human": (0.1, ONE), "both": (0.9, ONE), "neither": (0.1, NONE)}
    answers = [saying(*right[case.kind]) for case in Known.cases]
    answers[0] = saying(0.9, NONE, "boxer")  # a dog of another breed
    answers[1] = saying(0.9, ONE)  # a dog with a face: a dog, where the dog comes first
    answers[199] = saying(0.5, NONE)  # just a dog, where none is
    for index in range(50, 90):
        answers[index] = saying(0.1, NONE)  # people who are not seen
    return algorithm.measure(Known, answers, CLASSES)


def test_found_is_what_was_answered(record):
    dog, faces, breed = (record.arrays[name][1] for name in ("dog", "faces", "breed"))
    assert {record.arrays[name][0] for name in ("dog", "faces", "breed")} == {("image",)}
    assert (dog[0], dog[50], dog[199]) == (0.9, 0.1, 0.5)
    assert faces.tolist() == [0, 1, *[0] * 48, *[0] * 40, *[1] * 10, *[1] * 50, *[0] * 50]
    assert breed.tolist() == [1, *[0] * 199]


def test_shares_are_of_each_kind_by_itself(record):
    assert record.metrics == {
        "dog/told": 1.0,
        "human/told": 10 / 50,
        "neither/told": 49 / 50,
        "dog/breed": 49 / 50,
    }


def test_pictures_of_every_kind_of_mistake_are_kept(record):
    shown, small = (record.arrays[name][1] for name in ("wrong", "picture"))
    wrong = [1, *range(50, 90), 199]  # where both is an answer, the dog with a face is wrong
    assert len(shown) == 24
    assert set(shown) <= set(wrong)
    assert {1, 199} <= set(shown)
    assert small.shape == (24, 144, 144, 3)
    assert small[:, 0, 0, 0].tolist() == [index % 50 for index in shown]  # its colour
