"""What a detector found in a set of pictures, as arrays of a trial, and what that is worth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from core.results import Result, Trial
from numpy.typing import NDArray

from core.data.pictures import Gallery, Picture
from core.detection.faces import Faces, iou, match

OVERLAP = 0.5
"""IoU from which a found box and a marked face are the same"""
CLEAN = "none"
"""the step of the trials on pictures as they are"""


@dataclass(frozen=True)
class Judged:
    """What is right and wrong about the faces found in one picture whose faces are marked."""

    face_found: NDArray[np.bool_]
    """(marked faces,)"""
    box_right: NDArray[np.bool_]
    """(found boxes,), those at ignored places left out"""


def pack(found: Sequence[Faces]) -> dict[str, np.ndarray]:
    """Lay the faces of n pictures out as arrays, as `unpack` reads them."""
    none = np.full((0, 5, 2), np.nan, dtype=np.float32)
    landmarks = [
        np.full((len(each), 5, 2), np.nan, np.float32) if each.landmarks is None else each.landmarks
        for each in found
    ]
    return {
        "counts": np.array([len(each) for each in found]),
        "boxes": np.concatenate([np.empty((0, 4), np.float32), *(each.boxes for each in found)]),
        "scores": np.concatenate([np.empty(0, np.float32), *(each.scores for each in found)]),
        "landmarks": np.concatenate([none, *landmarks]),
        "seconds": np.array([each.seconds for each in found]),
    }


def unpack(arrays: Mapping[str, np.ndarray]) -> list[Faces]:
    """Read the faces of every picture back; landmarks that are NaN were none."""
    ends = np.cumsum(arrays["counts"])[:-1]
    parts = [np.split(arrays[name], ends) for name in ("boxes", "scores", "landmarks")]
    return [
        Faces(boxes, scores, None if np.isnan(points).any() else points, float(seconds))
        for boxes, scores, points, seconds in zip(*parts, arrays["seconds"], strict=True)
    ]


def judge(faces: Faces, picture: Picture) -> Judged:
    """Hold the faces found in a picture against its marked ones; raise ValueError without these."""
    if picture.boxes is None:
        raise ValueError(f"picture: the faces of {picture.name} are not marked")
    paired = match(faces.boxes, picture.boxes, OVERLAP)
    ignored = (iou(faces.boxes, picture.ignored) >= OVERLAP).any(1)
    found = np.isin(np.arange(len(picture.boxes)), paired)
    return Judged(found, (paired >= 0)[~(ignored & (paired < 0))])


def fired(counts: NDArray[np.int64], gallery: Gallery, face: bool) -> NDArray[np.bool_]:
    """Tell in which pictures with a face, or in which without, anything was found."""
    return counts[[each.face is face for each in gallery.pictures]] > 0


def metrics(found: Sequence[Faces], gallery: Gallery) -> dict[str, float]:
    """Measure a clean trial; what a set cannot tell is left out.

    faces/detected: share of the pictures with a face in which anything was found; faces/recall and
    faces/precision: of marked faces at IoU 0.5; others/fired, others/alarms: share of the pictures
    without a face in which anything was found, and boxes per such picture; seconds: per picture.
    """
    counts = np.array([len(each) for each in found])
    others = np.array([not each.face for each in gallery.pictures])
    marked = [judge(f, p) for f, p in zip(found, gallery.pictures, strict=True) if _is_marked(p)]
    parts = {
        "faces/detected": fired(counts, gallery, face=True),
        "faces/recall": np.concatenate([np.empty(0), *(each.face_found for each in marked)]),
        "faces/precision": np.concatenate([np.empty(0), *(each.box_right for each in marked)]),
        "others/fired": fired(counts, gallery, face=False),
        "others/alarms": counts[others],
        "seconds": np.array([each.seconds for each in found]),
    }
    return {name: float(values.mean()) for name, values in parts.items() if len(values)}


def _is_marked(picture: Picture) -> bool:
    return picture.boxes is not None and picture.face


@dataclass(frozen=True)
class Outcome:
    """What one detector found in one set of pictures as they are."""

    gallery: Gallery
    detector: str
    faces: list[Faces]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return how many faces were found in each picture."""
        return np.array([len(each) for each in self.faces])

    def fired(self, face: bool) -> NDArray[np.bool_]:
        """Tell in which pictures with a face, or in which without, anything was found."""
        return fired(self.counts, self.gallery, face)

    def judged(self) -> list[Judged]:
        """Judge the pictures with marked faces."""
        pairs = zip(self.faces, self.gallery.pictures, strict=True)
        return [judge(found, picture) for found, picture in pairs if _is_marked(picture)]

    def recalled(self) -> NDArray[np.bool_]:
        """Tell which of all marked faces were found."""
        return np.concatenate([np.empty(0, bool), *(each.face_found for each in self.judged())])


def outcomes(results: Mapping[Trial, Result], galleries: Sequence[Gallery]) -> list[Outcome]:
    """Read the clean trials back, set by set, detectors in the study's order."""
    by_name = {gallery.name: gallery for gallery in galleries}
    found = [
        Outcome(by_name[str(params["set"])], trial.arm, unpack(result.arrays))
        for trial, result in results.items()
        if (params := dict(trial.params))["step"] == CLEAN
    ]
    order = list(by_name)
    return sorted(found, key=lambda each: order.index(each.gallery.name))


def pairs(found: Sequence[Outcome]) -> Iterator[tuple[Outcome, Outcome]]:
    """Yield every two detectors on the same set."""
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            if one.gallery.name == other.gallery.name:
                yield one, other
