"""The dog app as a whole: what it takes pictures for, and how often that is right."""

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.data.cases import Cases
from core.data.decode import scale
from core.detection.config import KINDS, SINGLE, THRESHOLD
from core.detection.kinds import kinds
from core.detection.resemblance import Answer, Resemblance
from core.trials import Record

SHOWN, SIDE = 24, 144
"""pictures taken for another kind that are kept in small, and their side in pixels"""


def look(cases: Cases, eyes: Resemblance) -> Record:
    """Show every picture to the algorithm once; see `measure`."""
    answers = [eyes.look(case.picture()) for case in tqdm(cases.cases, "looking", disable=None)]
    return measure(cases, answers, eyes.bundle.classes)


def measure(cases: Cases, answers: list[Answer], classes: tuple[str, ...]) -> Record:
    """Keep what was found on every picture; what it is taken for is decided when it is judged.

    Arrays: `dog` (image) float64, the probability of all breeds; `faces` (image) int64; `breed`
    (image) int64, the most probable one; `wrong` (shot) int64, some pictures that are taken for
    another kind where both is an answer, and `picture` (shot, y, x, channel) uint8, these in small.
    Metrics: of each single kind the share that is taken for it by the course's order, dog first,
    and of dogs the share whose breed is right.
    """
    dog = np.array([answer.dog for answer in answers])
    faces = np.array([len(answer.faces) for answer in answers])
    breed = np.array([classes.index(answer.breeds[0][0]) for answer in answers])
    true, course = cases.kinds, kinds(dog >= THRESHOLD, faces > 0, "dog-first")
    of_kind = {name: true == place for place, name in enumerate(KINDS)}
    shares = {f"{name}/told": (course == true)[of_kind[name]] for name in SINGLE}
    shares["dog/breed"] = (breed == cases.breeds)[of_kind["dog"]]
    shown = _spread(np.flatnonzero(kinds(dog >= THRESHOLD, faces > 0) != true))
    image = ("image",)
    return Record(
        {name: float(hits.mean()) for name, hits in shares.items() if len(hits)},
        {
            "dog": (image, dog),
            "faces": (image, faces),
            "breed": (image, breed),
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
