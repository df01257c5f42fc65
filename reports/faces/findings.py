"""What the study says on the lesson's claims D1 and D2."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.evaluation.verdicts import Decision, all_of, more_often
from reports.faces.outcomes import Outcome
from reports.verdicts import Finding

PAIR = ("mtcnn", "haar-alt")
LEAST = 2
"""pictures or faces that a comparison needs at least"""


def findings(found: Sequence[Outcome], others: Sequence[str]) -> dict[str, Finding]:
    """Test the claims; one that lacks its detectors or pictures says what to run.

    others: names of the sets that were given as pictures without a person.
    """
    sets: dict[str, dict[str, Outcome]] = {}
    for each in found:
        sets.setdefault(each.gallery.name, {})[each.detector] = each
    both = {name: own for name, own in sets.items() if set(PAIR) <= set(own)}
    if not both:
        lacking = f"This study left out what it needs: `--detectors {' '.join(PAIR)}`."
        return dict.fromkeys(("D1", "D2"), Finding(decision=None, lacking=lacking))
    dogs = [name for name in others if "dog" in name.lower().rsplit("/", 1)[-1]] or list(others)
    return {
        "D1": _more_faces(both),
        "D2": _more_false({name: both[name] for name in dogs}),
    }


def _more_faces(sets: dict[str, dict[str, Outcome]]) -> Finding:
    parts = {}
    for name, own in sets.items():
        mtcnn, haar = (own[each] for each in PAIR)
        faces = mtcnn.recalled(), haar.recalled()
        if len(faces[0]) >= LEAST:
            parts[f"faces of {name} found (IoU 0.5)"] = faces
        elif len(mtcnn.fired(face=True)) >= LEAST:
            parts[f"pictures of {name} with a find"] = (mtcnn.fired(True), haar.fired(True))
    if not parts:
        return Finding(decision=None, lacking="No picture here has a face: `--people folder:PATH`.")
    return _finding(parts, "A find on a picture without boxes need not be the face.")


def _more_false(sets: dict[str, dict[str, Outcome]]) -> Finding:
    parts = {}
    for name, own in sets.items():
        mtcnn, haar = (own[each].fired(face=False) for each in PAIR)
        if len(mtcnn) >= LEAST:
            parts[f"pictures of {name} with a false alarm"] = (mtcnn, haar)
    if not parts:
        command = "`python experiments/face_detectors.py --others folder:PATH`"
        lacking = f"No pictures of dogs here: {command} with a folder that shows no person."
        return Finding(decision=None, lacking=lacking)
    return _finding(
        parts,
        "Whether people are on the pictures that fired is for the eye: the sheet of false alarms "
        "shows them, and a row in a `--boxes` table leaves such a picture out.",
    )


def _finding(
    parts: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]], comment: str
) -> Finding:
    decisions: dict[str, Decision] = {
        name: more_often(mtcnn, haar) for name, (mtcnn, haar) in parts.items()
    }
    counts = [
        f"{name}: {mtcnn.sum():,} and {haar.sum():,} of {len(mtcnn):,}, differing on "
        f"{(mtcnn & ~haar).sum():,} and {(haar & ~mtcnn).sum():,}"
        for name, (mtcnn, haar) in parts.items()
    ]
    return Finding(
        decision=all_of(decisions),
        names=tuple(parts),
        comment=f"MTCNN and Haar (alt), {'; '.join(counts)}. {comment}",
    )
