"""Tables and figures of the study of face detectors."""

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr

from core.detection.config import CLEAN, OVERLAP, UNITS
from core.evaluation.comparisons import holm, mcnemar
from core.evaluation.intervals import mean
from core.evaluation.verdicts import more_often
from reports.faces import figures, sheets
from reports.faces.claims import lesson
from reports.faces.outcomes import Bools, outcomes
from reports.lessons import Exhibit
from reports.scores import share
from reports.tables import columns


@lesson.exhibit
def rates(study: xr.Dataset) -> Exhibit:
    """Return the share of pictures with a find, of those with a face and those without."""
    rows = []
    for outcome in outcomes(study):
        for face, kind in ((True, "a face"), (False, "no face")):
            hits, boxes = outcome.fired(face), outcome.counts[outcome.face == face][None]
            if not len(hits):
                continue
            finds = mean(boxes, bounds=(0, np.inf)) if boxes.size > 1 else None
            names = {"set": outcome.set, "pictures with": kind, "detector": outcome.detector}
            with_a_find = columns("share with a find", share(hits))
            finds_each = columns("finds per picture", finds)
            rows.append({**names, **with_a_find, **finds_each, "pictures": len(hits)})
    frame = pd.DataFrame(rows)
    return Exhibit(
        caption="Share of the pictures in which a detector finds anything: detections where there "
        "is a face, false alarms where there is none. Bars: Wilson's 95 % interval.",
        table=frame,
        figure=partial(figures.rates, frame),
        units={"share with a find": "percent"},
    )


@lesson.exhibit
def boxes(study: xr.Dataset) -> Exhibit | None:
    """Return recall and precision against marked faces."""
    rows = []
    for outcome in outcomes(study):
        right = outcome.box_right[outcome.box_right >= 0]
        if not len(outcome.face_found):
            continue
        precise = share(right > 0)
        recall = share(outcome.face_found)
        row = {"set": outcome.set, "detector": outcome.detector, **columns("recall", recall)}
        numbers = {"faces": len(outcome.face_found), "boxes": len(right)}
        rows.append({**row, **columns("precision", precise), **numbers})
    if not rows:
        return None
    return Exhibit(
        caption=f"Boxes against marked faces, a match being an IoU of {OVERLAP} or more, on "
        "pictures that have faces. Wilson intervals over faces and over boxes as if they were "
        "independent; those of one picture are not quite. Detectors draw boxes of different "
        "tightness.",
        table=pd.DataFrame(rows),
        units={"recall": "percent", "precision": "percent"},
    )


@lesson.exhibit
def steps(study: xr.Dataset) -> Exhibit | None:
    """Return the rate of detection on pictures made harder."""
    if "harder" not in study:
        return None
    rows, harder = [], study["harder"].isel(seed=0)
    for name in study["set"].values.tolist():
        for step in study["step"].values.tolist():
            for detector in study["arm"].values.tolist():
                hits = harder.sel(set=name, step=step, arm=detector)
                hits = hits.dropna("level", how="all").dropna("image", how="all")
                for label in hits["level"].values.tolist() if step != CLEAN else ():
                    detected = hits.sel(level=label).values
                    rate = columns("detected", share(detected))
                    names = {"set": name, "step": step, "unit": UNITS[step]}
                    level = {"level": float(label.split()[-1]), "detector": detector}
                    rows.append({**names, **level, **rate, "pictures": len(detected)})
    frame = pd.DataFrame(rows)
    return Exhibit(
        caption="Pictures with a face in which anything was found, as they are made harder; bands "
        "are Wilson's 95 % intervals. All detectors see the same pixels, a seeded sample of each "
        "set.",
        table=frame,
        figure=partial(figures.steps, frame),
        units={"detected": "percent"},
    )


@lesson.exhibit
def comparisons(study: xr.Dataset) -> Exhibit | None:
    """Return every two detectors on the same pictures."""
    rows = []
    for one, other in combinations(outcomes(study), 2):
        if one.set != other.set:
            continue
        parts = {
            "detection": (one.fired(True), other.fired(True)),
            "false alarm": (one.fired(False), other.fired(False)),
            "marked face": (one.face_found, other.face_found),
        }
        for what, (a, b) in parts.items():
            if len(a) > 1:
                names = {"set": one.set, "what": what, "a": one.detector, "b": other.detector}
                rows.append({**names, **compare(a, b)})
    if not rows:
        return None
    frame = pd.DataFrame(rows)
    frame.insert(list(frame).index("p") + 1, "p holm", holm(frame["p"]))
    return Exhibit(
        deep=True,
        caption="The same pictures (or marked faces), every two detectors. p is exact McNemar's, p "
        "holm after Holm over all rows. Where two detectors differ on d pictures p is at least "
        "2^(1-d), `least p`: 5 or fewer can never be significant at .05, so 2 of 100 cannot. "
        "`needed`: pictures that would decide, if the truth is as observed.",
        table=frame,
        units={"difference": "points"},
    )


def compare(a: Bools, b: Bools) -> dict[str, float | int | str]:
    """Compare two detectors picture by picture, see the exhibit's caption."""
    decision, differ = more_often(a, b), int((a != b).sum())
    images = decision.needed.images if decision.needed and not decision.withheld else None
    return {
        "only a": int((a & ~b).sum()),
        "only b": int((b & ~a).sum()),
        "n": len(a),
        "difference": decision.estimate.value,
        "low": decision.estimate.low,
        "high": decision.estimate.high,
        "p": mcnemar(a, b),
        "least p": min(1.0, 2.0 ** (1 - differ)),
        "needed": f"{images:,}" if images else "enough" if decision.needed is None else "n/a",
    }


@lesson.exhibit
def speed(study: xr.Dataset) -> Exhibit | None:
    """Return the time that a picture takes."""
    rows = [
        {
            "set": outcome.set,
            "detector": outcome.detector,
            **columns("time", mean(1000 * outcome.seconds[None], bounds=(0, np.inf))),
            "pictures": len(outcome.seconds),
        }
        for outcome in outcomes(study)
        if len(outcome.seconds) > 1
    ]
    if not rows:
        return None
    return Exhibit(
        deep=True,
        caption="Time per picture, one at a time, decoding left out: mean and 95 % interval over "
        "pictures. Other work on the machine slows it.",
        table=pd.DataFrame(rows),
        units={"time": "ms"},
    )


@lesson.exhibit
def misses(study: xr.Dataset) -> Exhibit | None:
    """Return the pictures with a face that was missed."""
    return sheets.exhibit(
        outcomes(study),
        lambda outcome: np.where(outcome.face & (outcome.missed() > 0), outcome.missed(), np.nan),
        "Misses, most missed faces first: pictures with a face in which nothing, or not every "
        "marked face (white), was found.",
    )


@lesson.exhibit
def false_alarms(study: xr.Dataset) -> Exhibit | None:
    """Return the pictures without a face in which something was found."""
    return sheets.exhibit(
        outcomes(study),
        lambda outcome: np.where(
            ~outcome.face & (outcome.counts > 0), sheets.best(outcome), np.nan
        ),
        "False alarms, the surest first: pictures without a face in which something was found. "
        "Scores are each detector's own. A real person among them is an error of the folder, not "
        "of the detector.",
    )


@lesson.exhibit
def hits(study: xr.Dataset) -> Exhibit | None:
    """Return the pictures whose face was found."""
    return sheets.exhibit(
        outcomes(study),
        lambda outcome: np.where(
            outcome.face & (outcome.missed() == 0), -sheets.best(outcome), np.nan
        ),
        "Hits, the least sure first: pictures with a face in which something was found (on marked "
        "pictures: every face).",
        deep=True,
    )
