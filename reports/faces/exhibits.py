"""Tables and figures of the study of face detectors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from core.results import Exhibit, Result, Trial
from numpy.typing import NDArray

from core.data.pictures import Gallery
from core.detection.degrade import KINDS
from core.evaluation.comparisons import holm, mcnemar
from core.evaluation.intervals import mean, wilson
from core.evaluation.power import ALPHA, images_needed
from core.evaluation.verdicts import more_often
from reports.faces import figures, sheets
from reports.faces.outcomes import CLEAN, OVERLAP, Outcome, pairs
from reports.tables import columns

POWER = (
    "p is exact McNemar's, p holm after Holm over all rows. Where two detectors differ on d "
    "pictures p is at least 2^(1-d), `least p`: 5 or fewer can never be significant at .05, so "
    "2 of 100 cannot. `needed` is the number of pictures for a power of 80 % if the truth is what "
    "was observed."
)


def exhibits(
    results: Mapping[Trial, Result], found: Sequence[Outcome], galleries: Sequence[Gallery]
) -> list[Exhibit]:
    """Draw the study's tables and figures. found: the outcomes of the clean trials."""
    steps = curves(results, galleries)
    made = [
        *_rates(found),
        *([_boxes(found)] if any(len(each.recalled()) for each in found) else []),
        *([_steps(steps)] if len(steps) else []),
        _comparisons(found),
        _speed(found),
        *sheets.exhibits(found),
    ]
    return [each for each in made if len(each.frame)]


def rates(found: Sequence[Outcome]) -> pd.DataFrame:
    """Tabulate set, kind of picture, detector, share with a find (Wilson), pictures, finds each."""
    rows = []
    for each in found:
        for face, kind in ((True, "a face"), (False, "no face")):
            hits = each.fired(face)
            if not len(hits):
                continue
            of_kind = [picture.face is face for picture in each.gallery.pictures]
            boxes = each.counts[of_kind][None]
            per_picture = mean(boxes, bounds=(0, np.inf)) if boxes.size > 1 else None
            rows.append(
                {
                    "set": each.gallery.name,
                    "pictures with": kind,
                    "detector": each.detector,
                    **columns("share with a find", wilson(int(hits.sum()), len(hits))),
                    **columns("finds per picture", per_picture),
                    "pictures": len(hits),
                }
            )
    return pd.DataFrame(rows)


def _rates(found: Sequence[Outcome]) -> list[Exhibit]:
    frame = rates(found)
    caption = (
        "Pictures in which a detector found anything: with a face the rate of detection, without "
        "one that of false alarms. 95 % intervals: Wilson's, and Student's for finds per picture."
    )
    units = {"share with a find": "percent"}
    return [Exhibit("rates", caption, frame, figures.rates(frame), units)]


def _boxes(found: Sequence[Outcome]) -> Exhibit:
    rows = []
    for each in found:
        right = np.concatenate([np.empty(0, bool), *(j.box_right for j in each.judged())])
        faces = each.recalled()
        if len(faces):
            precise = wilson(int(right.sum()), len(right)) if len(right) else None
            rows.append(
                {
                    "set": each.gallery.name,
                    "detector": each.detector,
                    **columns("recall", wilson(int(faces.sum()), len(faces))),
                    **columns("precision", precise),
                    "faces": len(faces),
                    "boxes": len(right),
                }
            )
    caption = (
        f"Boxes against marked faces, a match being an IoU of {OVERLAP} or more, on pictures that "
        "have faces. Wilson intervals over faces and over boxes as if they were independent; those "
        "of one picture are not quite. Detectors draw boxes of different tightness."
    )
    units = {"recall": "percent", "precision": "percent"}
    return Exhibit("boxes", caption, pd.DataFrame(rows), units=units)


def curves(results: Mapping[Trial, Result], galleries: Sequence[Gallery]) -> pd.DataFrame:
    """Tabulate set, step, level, detector, detected (Wilson), pictures, of the degraded trials."""
    rows = []
    for trial, result in results.items():
        params = dict(trial.params)
        if params["step"] == CLEAN:
            continue
        kind = KINDS[str(params["step"])]
        for level, hits in zip(kind.levels, result.arrays["hits"], strict=True):
            names = {"set": params["set"], "step": params["step"], "unit": kind.unit}
            rate = columns("detected", wilson(int(hits.sum()), len(hits)))
            own = {"level": level, "detector": trial.arm, **rate, "pictures": len(hits)}
            rows.append({**names, **own})
    return pd.DataFrame(rows)


def _steps(frame: pd.DataFrame) -> Exhibit:
    caption = (
        "Pictures with a face in which anything was found, as they are made harder; bands are "
        "Wilson's 95 % intervals. All detectors see the same pixels, a seeded sample of each set."
    )
    return Exhibit("steps", caption, frame, figures.steps(frame), {"detected": "percent"})


def _comparisons(found: Sequence[Outcome]) -> Exhibit:
    rows = []
    for one, other in pairs(found):
        parts = {
            "detection": (one.fired(True), other.fired(True)),
            "false alarm": (one.fired(False), other.fired(False)),
            "marked face": (one.recalled(), other.recalled()),
        }
        for what, (a, b) in parts.items():
            if len(a) > 1:
                names = {"set": one.gallery.name, "what": what}
                names |= {"a": one.detector, "b": other.detector}
                rows.append({**names, **_compare(a, b)})
    frame = pd.DataFrame(rows)
    if len(frame):
        frame.insert(list(frame).index("p") + 1, "p holm", holm(frame["p"]))
    caption = f"The same pictures (or marked faces), every two detectors. {POWER}"
    return Exhibit("comparisons", caption, frame, units={"difference": "points"})


def _compare(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> dict[str, float | int | str]:
    estimate, differ = more_often(a, b).estimate, int((a != b).sum())
    p = mcnemar(a, b)
    needed = images_needed(estimate) if estimate.value and p >= 2 * ALPHA else None
    return {
        "only a": int((a & ~b).sum()),
        "only b": int((b & ~a).sum()),
        "n": len(a),
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "p": p,
        "least p": min(1.0, 2.0 ** (1 - differ)),
        "needed": f"{needed:,}" if needed else "enough" if p < 2 * ALPHA else "n/a",
    }


def _speed(found: Sequence[Outcome]) -> Exhibit:
    rows = []
    for each in found:
        times = np.array([[1000 * faces.seconds for faces in each.faces]])
        if times.size > 1:
            names = {"set": each.gallery.name, "detector": each.detector}
            rows.append(
                {
                    **names,
                    **columns("time", mean(times, bounds=(0, np.inf))),
                    "pictures": times.size,
                }
            )
    caption = (
        "Time per picture, one at a time, decoding left out: mean and 95 % interval over pictures. "
        "Other work on the machine slows it."
    )
    return Exhibit("speed", caption, pd.DataFrame(rows), units={"time": "ms"})


def summary(galleries: Sequence[Gallery]) -> dict[str, object]:
    """Return what else the page prints."""
    marked = sum(p.boxes is not None and p.face for g in galleries for p in g.pictures)
    return {
        "question": "Which face detector finds more faces, and which sees more where none is?",
        "warnings": []
        if marked
        else ["No faces are marked here: what was found on a picture need not be its face."],
    }
