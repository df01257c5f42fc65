"""What the lesson on the finished algorithm claims, and what tests it."""

from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from core.detection.config import KINDS, SINGLE, THRESHOLD
from core.detection.kinds import kinds
from core.evaluation.intervals import Estimate, wilson
from core.evaluation.verdicts import Decision, all_of, superior
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import share

Bools = NDArray[np.bool_]

LEAST = 5
"""pictures of a kind that a verdict needs"""
COURSE, PREFERRED = "dog-first", "mtcnn"
"""the course's order of the two detectors, and the face detector of the verdicts where it looked"""


def taken_for(seen: xr.Dataset, order: str, threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """Return what the pictures are taken for, (image,) places in KINDS.

    seen: what one detector's trial found. threshold: probability of all breeds from which a picture
    shows a dog.
    """
    return kinds(seen["dog"].values >= threshold, seen["faces"].values > 0, order)


def is_right(seen: xr.Dataset, order: str, threshold: float = THRESHOLD) -> Bools:
    """Tell which pictures are answered right, (image,): of a dog, its breed too."""
    told = taken_for(seen, order, threshold) == seen["of"].values
    breed = seen["label"].values
    return told & ((breed < 0) | (breed == seen["breed"].values))


def of_kind(study: xr.Dataset, kind: str) -> Bools:
    """Tell which pictures show a kind, (image,) bool."""
    return study["of"].values == KINDS.index(kind)


def share_told(trials: xr.Dataset, *, kind: str, breed: bool = False) -> Estimate | None:
    """Estimate how many pictures of a kind one detector takes for it; breed: and for their breed.

    The course's order: dog first.
    """
    seen = trials.isel(seed=0)
    told = seen["breed"] == seen["label"] if breed else taken_for(seen, COURSE) == seen["of"]
    return share(told.values[of_kind(seen, kind)])


lesson = Lesson(
    title="dog app",
    question="Dog or human, and which breed: how good is the whole algorithm?",
    study="dog_app",
    data="folder:dogImages+people",
    options="--evaluate --data folder:dogImages",
    protocol={"backbone": "resnet18"},
    source="the blog post's account of the dog project",
    columns=("dog/breed", *(f"{kind}/told" for kind in SINGLE)),
    shares=("dog/breed", *(f"{kind}/told" for kind in SINGLE)),
    estimates={
        "dog/breed": partial(share_told, kind="dog", breed=True),
        **{f"{kind}/told": partial(share_told, kind=kind) for kind in SINGLE},
    },
)
WORDS: dict[str, Any] = {"published": "words only", "margin": 0.1, "unit": "percent"}


def _wrong(study: xr.Dataset, margin: float, kind: str) -> Decision:
    arms = study["arm"].values.tolist()
    detector = PREFERRED if PREFERRED in arms else arms[0]
    wrong = ~is_right(study.sel(arm=detector).isel(seed=0), COURSE)[of_kind(study, kind)]
    if len(wrong) < LEAST:
        raise NotTestedError(
            f"{len(wrong)} pictures of the kind {kind}; {LEAST} or more are wanted."
        )
    rate = wilson(int(wrong.sum()), len(wrong))
    return all_of(
        {f"{kind}: answered wrong ({detector})": superior(rate, margin)},
        comment=f"{int(wrong.sum())} of {len(wrong)} are answered wrong. {_limits(rate)}",
    )


def _limits(rate: Estimate) -> str:
    """Say which limits would have decided otherwise."""
    sides = {
        f"below {words.number(rate.low, 'percent')} the claim would hold": rate.low > 0,
        f"above {words.number(rate.high, 'percent')} it would not": rate.high < 1,
    }
    return f"With a limit {', with one '.join(s for s, can in sides.items() if can)} (95 %)."


@lesson.claim("D7a", "The finished algorithm is not very good: on dogs.", **WORDS)
def wrong_on_dogs(study: xr.Dataset, margin: float) -> Decision:
    """More than one dog in ten is answered wrong, breed included; dog first, as in the course.

    One in ten is our reading of words without a number, for each kind of picture by itself: a
    share over all kinds would depend on their mix. One trained head, one set of pictures.
    """
    return _wrong(study, margin, "dog")


@lesson.claim("D7b", "The finished algorithm is not very good: on people.", **WORDS)
def wrong_on_people(study: xr.Dataset, margin: float) -> Decision:
    """More than one picture of a person in ten is answered wrong."""
    return _wrong(study, margin, "human")


@lesson.claim("D7c", "The finished algorithm is not very good: on pictures of neither.", **WORDS)
def wrong_on_neither(study: xr.Dataset, margin: float) -> Decision:
    """More than one picture without dog and person in ten is answered wrong."""
    return _wrong(study, margin, "neither")
