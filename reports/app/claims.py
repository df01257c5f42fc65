"""What the lesson on the finished algorithm claims, and what tests it."""

import numpy as np
import xarray as xr

from core.detection.config import KINDS
from core.evaluation.intervals import Estimate, wilson
from core.evaluation.verdicts import Decision, all_of, superior
from reports.lessons import Lesson, NotTestedError

LEAST = 5
"""pictures of a kind that a verdict needs"""

lesson = Lesson(
    title="dog app",
    question="Dog or human, and which breed: how good is the whole algorithm?",
    study="dog_app",
    data="folder:dogImages+people",
    options="--evaluate --data folder:data/dogImages",
    source="the blog post's account of the dog project",
    columns=("test/accuracy", "test/kind", "test/breed"),
)


def right(study: xr.Dataset, order: str, kind: str) -> np.ndarray:
    """Tell which pictures of a kind were answered right by an order of the detectors, bool."""
    of_kind = study["of"].values == KINDS.index(kind)
    return study["correct"].sel(arm=order).isel(seed=0).values[of_kind] > 0


def share(hits: np.ndarray) -> Estimate:
    """Estimate the share of pictures that are answered right."""
    return wilson(int(hits.sum()), len(hits))


def _wrong(study: xr.Dataset, margin: float, kind: str) -> Decision:
    hits = right(study, "dog-first", kind)
    if len(hits) < LEAST:
        raise NotTestedError(
            f"{len(hits)} pictures of the kind {kind}; {LEAST} or more are wanted."
        )
    return all_of({f"{kind}: answered wrong": superior(share(~hits), margin)})


@lesson.claim(
    "D7a",
    "The finished algorithm is not very good: on dogs.",
    published="words only",
    margin=0.1,
    unit="percent",
    arms=("dog-first",),
)
def wrong_on_dogs(study: xr.Dataset, margin: float) -> Decision:
    """More than one dog in ten is answered wrong, breed included; dog first, as in the course.

    One in ten is our reading of words without a number, for each kind of picture by itself: a
    share over all kinds would depend on their mix.
    """
    return _wrong(study, margin, "dog")


@lesson.claim(
    "D7b",
    "The finished algorithm is not very good: on people.",
    published="words only",
    margin=0.1,
    unit="percent",
    arms=("dog-first",),
)
def wrong_on_people(study: xr.Dataset, margin: float) -> Decision:
    """More than one picture of a person in ten is answered wrong."""
    return _wrong(study, margin, "human")


@lesson.claim(
    "D7c",
    "The finished algorithm is not very good: on pictures of neither.",
    published="words only",
    margin=0.1,
    unit="percent",
    arms=("dog-first",),
)
def wrong_on_neither(study: xr.Dataset, margin: float) -> Decision:
    """More than one picture without dog and person in ten is answered wrong."""
    return _wrong(study, margin, "neither")
