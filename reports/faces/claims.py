"""What the lesson on face detectors claims, and what tests it."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import xarray as xr
from scipy import stats

from core.evaluation.intervals import Estimate
from core.evaluation.power import ALPHA
from core.evaluation.verdicts import Decision, all_of, more_often
from reports.faces.outcomes import Bools, Outcome, outcomes
from reports.lessons import Lesson, NotTestedError
from reports.scores import share

MTCNN, HAAR = PAIR = ("mtcnn", "haar-alt")
LEAST = 2
"""pictures or faces that a comparison needs at least"""
Hits = Mapping[str, Bools]
"""detector -> on which pictures, or marked faces, it is right, or fires"""


def fired_on(trials: xr.Dataset, *, face: bool) -> Estimate | None:
    """Estimate on how many pictures with a face, or without, a detector finds anything.

    trials: of one detector on one set; None where the set has no such picture.
    """
    counts = trials["counts"].isel(seed=0).values[trials["face"].values == face]
    return share(counts[np.isfinite(counts)] > 0)


lesson = Lesson(
    title="face detectors",
    question="Which face detector finds more faces, and which sees more where none is?",
    study="face_detectors",
    data="lfw + dogImages",
    options="--people folder:lfw --others folder:dogImages",
    source="the course's dog project, as described by its blog post; one student solution",
    columns=("faces/detected", "others/fired", "faces/recall", "faces/harder"),
    shares=("faces/detected", "others/fired"),
    estimates={
        "faces/detected": partial(fired_on, face=True),
        "others/fired": partial(fired_on, face=False),
    },
)


def by_set(study: xr.Dataset) -> dict[str, dict[str, Outcome]]:
    """Return set -> detector -> what it found, of the sets that the claims' two detectors saw."""
    sets: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes(study):
        sets.setdefault(outcome.set, {})[outcome.detector] = outcome
    return {name: seen for name, seen in sets.items() if seen.keys() >= set(PAIR)}


def compared(parts: Mapping[str, Hits], comment: str) -> Decision:
    """Judge whether MTCNN is ahead of Haar (alt) in every part; tell of the other detectors."""
    counts = []
    for name, hits in parts.items():
        mtcnn, haar = hits[MTCNN], hits[HAAR]
        sums = ", ".join(f"{detector} {right.sum():,}" for detector, right in hits.items())
        counts.append(
            f"{name}, of {len(mtcnn):,}: {sums}; {MTCNN} alone {(mtcnn & ~haar).sum():,}, {HAAR} "
            f"alone {(haar & ~mtcnn).sum():,}."
        )
    decisions = {name: more_often(hits[MTCNN], hits[HAAR]) for name, hits in parts.items()}
    return all_of(decisions, comment=" ".join([*counts, comment]))


def _hits(seen: Mapping[str, Outcome], of: Callable[[Outcome], Bools]) -> Hits:
    return {detector: of(outcome) for detector, outcome in seen.items()}


@lesson.claim(
    "D1",
    "MTCNN finds more human faces than the Haar cascade.",
    published="words only; one student's solution has MTCNN 95 and Haar 100 of 100 people, with "
    "MTCNN given BGR",
    arms=PAIR,
)
def finds_more_faces(study: xr.Dataset, margin: float) -> Decision:
    """Finds a face on more pictures (of marked faces: more faces) than haar-alt in every set.

    Exact McNemar on the same pictures; LFW was collected with a Haar cascade, which it favours.
    """
    parts: dict[str, Hits] = {}
    for name, seen in by_set(study).items():
        first = seen[MTCNN]
        if len(first.face_found) >= LEAST:
            parts[f"faces of {name} found (IoU 0.5)"] = _hits(seen, lambda o: o.face_found)
        elif first.face.sum() >= LEAST:
            parts[f"pictures of {name} with a find"] = _hits(seen, lambda o: o.fired(True))
    if not parts:
        raise NotTestedError("No picture here has a face: `--people folder:PATH`.")
    return compared(parts, "A find on a picture without boxes need not be the face.")


@lesson.claim(
    "D2",
    "MTCNN sees more false faces on dogs than the Haar cascade.",
    published="words only; one student's solution has MTCNN 27 and Haar 19 of 100 dogs, with MTCNN "
    "given BGR",
    arms=PAIR,
)
def sees_more_false_faces(study: xr.Dataset, margin: float) -> Decision:
    """Fires on more pictures of dogs than haar-alt, exact McNemar on the same pictures.

    Pictures of dogs on which people are seen, too, are left out by a row in a table of boxes.
    """
    others, sets = study["others"].values.tolist(), by_set(study)
    dogs = [name for name in others if "dog" in name.lower().rsplit("/", 1)[-1]] or others
    parts = {
        f"pictures of {name} with a false alarm": _hits(seen, lambda o: o.fired(False))
        for name, seen in sets.items()
        if name in dogs and (~seen[MTCNN].face).sum() >= LEAST
    }
    if not parts:
        raise NotTestedError(
            "No pictures of dogs here: `--others folder:PATH` with a folder that shows no person."
        )
    comment = [
        "The sheet of false alarms is for the eye; a row in a `--boxes` table leaves out a picture "
        "that shows a person."
    ]
    if (spare := min(_spare(hits) for hits in parts.values())) > 0:
        comment.append(
            f"Up to {spare} of the pictures on which {MTCNN} alone fires could show one without "
            "changing the verdict."
        )
    return compared(parts, " ".join(comment))


def _spare(hits: Hits) -> int:
    """Count the pictures on which MTCNN alone fires that its lead could do without.

    Exact McNemar at the level of the first step of a family of two.
    """
    mtcnn, haar = hits[MTCNN], hits[HAAR]
    alone, other = int((mtcnn & ~haar).sum()), int((haar & ~mtcnn).sum())
    still = (
        stats.binomtest(n, n + other, alternative="greater").pvalue for n in range(alone, 0, -1)
    )
    return int(sum(p < ALPHA / 2 for p in still)) - 1
