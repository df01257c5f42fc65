"""What the lesson on face detectors claims, and what tests it."""

from collections.abc import Mapping
from dataclasses import replace

import xarray as xr

from core.evaluation.verdicts import Decision, all_of, more_often
from reports.faces.outcomes import Bools, Outcome, outcomes
from reports.lessons import Lesson, NotTestedError

PAIR = ("mtcnn", "haar-alt")
LEAST = 2
"""pictures or faces that a comparison needs at least"""

lesson = Lesson(
    title="face detectors",
    question="Which face detector finds more faces, and which sees more where none is?",
    study="face_detectors",
    data="lfw + dogImages",
    options="--people folder:lfw --others folder:dogImages",
    source="the course's dog project, as described by its blog post; one student solution",
    columns=("faces/detected", "others/fired", "faces/recall", "faces/harder"),
)


def both(study: xr.Dataset) -> dict[str, tuple[Outcome, Outcome]]:
    """Return set -> what MTCNN and Haar (alt) found in it."""
    found = {(outcome.set, outcome.detector): outcome for outcome in outcomes(study)}
    sets = dict.fromkeys(name for name, _ in found)
    known = {name: tuple(found.get((name, detector)) for detector in PAIR) for name in sets}
    return {name: (a, b) for name, (a, b) in known.items() if a is not None and b is not None}


def _compared(parts: Mapping[str, tuple[Bools, Bools]], comment: str) -> Decision:
    counts = [
        f"{name}: {mtcnn.sum():,} and {haar.sum():,} of {len(mtcnn):,}, differing on "
        f"{(mtcnn & ~haar).sum():,} and {(haar & ~mtcnn).sum():,}"
        for name, (mtcnn, haar) in parts.items()
    ]
    decision = all_of({name: more_often(*hits) for name, hits in parts.items()})
    return replace(decision, comment=f"MTCNN and Haar (alt), {'; '.join(counts)}. {comment}")


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
    parts = {}
    for name, (mtcnn, haar) in both(study).items():
        if len(mtcnn.face_found) >= LEAST:
            parts[f"faces of {name} found (IoU 0.5)"] = (mtcnn.face_found, haar.face_found)
        elif mtcnn.face.sum() >= LEAST:
            parts[f"pictures of {name} with a find"] = (mtcnn.fired(True), haar.fired(True))
    if not parts:
        raise NotTestedError("No picture here has a face: `--people folder:PATH`.")
    return _compared(parts, "A find on a picture without boxes need not be the face.")


@lesson.claim(
    "D2",
    "MTCNN sees more false faces on dogs than the Haar cascade.",
    published="words only; one student's solution has MTCNN 27 and Haar 19 of 100 dogs, with MTCNN "
    "given BGR",
    arms=PAIR,
)
def sees_more_false_faces(study: xr.Dataset, margin: float) -> Decision:
    """Fires on more pictures of dogs than haar-alt, exact McNemar on the same pictures."""
    others, sets = study["others"].values.tolist(), both(study)
    dogs = [name for name in others if "dog" in name.lower().rsplit("/", 1)[-1]] or others
    parts = {
        f"pictures of {name} with a false alarm": (mtcnn.fired(False), haar.fired(False))
        for name, (mtcnn, haar) in sets.items()
        if name in dogs and (~mtcnn.face).sum() >= LEAST
    }
    if not parts:
        raise NotTestedError(
            "No pictures of dogs here: `--others folder:PATH` with a folder that shows no person."
        )
    return _compared(
        parts,
        "Whether people are on the pictures that fired is for the eye: the sheet of false alarms "
        "shows them, and a row in a `--boxes` table leaves such a picture out.",
    )
