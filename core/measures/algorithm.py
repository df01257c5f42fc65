"""The dog app as a whole: what it takes pictures for, and how often that is right."""

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.data.cases import Cases
from core.data.decode import scale
from core.detection.config import KINDS
from core.detection.resemblance import Answer, Resemblance
from core.trials import Record

SHOWN, SIDE = 24, 144
"""pictures taken for another kind that are kept in small, and their side in pixels"""


def look(cases: Cases, eyes: Resemblance, orders: tuple[str, ...]) -> list[Record]:
    """Show every picture to the algorithm once; return a record for each of the orders."""
    answers = [eyes.look(case.picture()) for case in tqdm(cases.cases, "looking", disable=None)]
    return [measure(cases, answers, order, eyes.bundle.classes) for order in orders]


def measure(cases: Cases, answers: list[Answer], order: str, classes: tuple[str, ...]) -> Record:
    """Score the answers. A dog counts as right if its breed is, too.

    Arrays: `predicted` (image) int64, a place in KINDS; `correct` (image) uint8; `dog` (image), the
    probability of all breeds; `faces` (image) int64; `wrong` (shot) int64, some pictures that were
    taken for another kind, and `picture` (shot, y, x, channel) uint8, these in small.
    """
    predicted = np.array([KINDS.index(answer.kind(order)) for answer in answers])
    breeds = np.array([case.breed for case in cases.cases])
    named = np.array([classes.index(answer.breeds[0][0]) for answer in answers])
    right = predicted == cases.kinds
    whole = right & ((breeds < 0) | (breeds == named))
    alone = cases.kinds == KINDS.index("dog")
    shown = _spread(np.flatnonzero(~right))
    image = ("image",)
    return Record(
        {
            "test/kind": float(right.mean()),
            "test/accuracy": float(whole.mean()),
            "test/breed": float((breeds == named)[alone].mean()),
        },
        {
            "predicted": (image, predicted),
            "correct": (image, whole.astype(np.uint8)),
            "dog": (image, np.array([answer.dog for answer in answers])),
            "faces": (image, np.array([len(answer.faces) for answer in answers])),
            "wrong": (("shot",), shown),
            "picture": (("shot", "y", "x", "channel"), _small(cases, shown)),
        },
    )


def _spread(wrong: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at most SHOWN of them, spread over all kinds."""
    places = np.linspace(0, max(0, len(wrong) - 1), min(SHOWN, len(wrong)))
    return wrong[places.round().astype(int)]


def _small(cases: Cases, shown: NDArray[np.int64]) -> NDArray[np.uint8]:
    pictures = [scale(cases.cases[index].picture(), (SIDE, SIDE)) for index in shown]
    none = np.empty((0, SIDE, SIDE, 3), np.uint8)
    return np.stack([p.transpose(1, 2, 0) for p in pictures]) if pictures else none
