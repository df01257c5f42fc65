"""What a detector finds in a set of pictures, and what of it is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.pictures import Gallery, Picture
from core.detection.config import CLEAN, OVERLAP, UNITS
from core.detection.degrade import KINDS, detected
from core.detection.faces import Detector, Faces, iou, match
from core.detection.registry import DETECTORS
from core.trials import Array, Record, Shared

SHOWN, SIDE = 12, 160
"""pictures of each sort that a trial keeps in small, and their longer side in pixels"""


@dataclass(frozen=True)
class Judged:
    """What is right and wrong about the faces found in one picture whose faces are marked."""

    face_found: NDArray[np.bool_]
    """(marked faces,)"""
    box_right: NDArray[np.int8]
    """(found boxes,): 1 a marked face, 0 none, -1 at a place that does not count"""


def judge(faces: Faces, picture: Picture) -> Judged:
    """Hold the faces found in a picture against its marked ones; ValueError without these."""
    if picture.boxes is None:
        raise ValueError(f"picture: the faces of {picture.name} are not marked")
    paired = match(faces.boxes, picture.boxes, OVERLAP)
    ignored = (iou(faces.boxes, picture.ignored) >= OVERLAP).any(1)
    face_found = np.isin(np.arange(len(picture.boxes)), paired)
    right = (paired >= 0).astype(np.int8)
    return Judged(face_found, np.where(ignored & (paired < 0), np.int8(-1), right))


def is_marked(picture: Picture) -> bool:
    """Tell whether the faces of a picture that has some are known."""
    return picture.boxes is not None and picture.face


def label(gallery: Gallery, picture: Picture) -> str:
    """Return a picture's label in the study: names of files repeat from set to set."""
    return f"{gallery.name}/{picture.name}"


def shared(galleries: Sequence[Gallery], others: Sequence[str], sample: int, seed: int) -> Shared:
    """Label the pictures of every set, and their marked faces.

    others: names of the sets given as pictures without a person. sample, seed: as `made_harder`.
    """
    coords: dict[str, tuple[str, ...]] = {"others": tuple(others)}
    arrays: dict[str, Array] = {}
    for gallery in galleries:
        name, pictures = gallery.name, gallery.pictures
        labels = tuple(label(gallery, picture) for picture in pictures)
        marked = [(i, p.boxes) for i, p in enumerate(pictures) if is_marked(p)]
        faces = [(i, box) for i, boxes in marked if boxes is not None for box in boxes]
        coords[f"image@{name}"] = labels
        coords[f"image@{name}, harder"] = tuple(
            label(gallery, picture) for picture in _sampled(gallery, sample, seed)
        )
        coords[f"marked@{name}"] = tuple(f"{labels[i]}#{n}" for n, (i, _) in enumerate(faces))
        arrays[f"face@{name}"] = (
            (f"image@{name}",),
            np.array([picture.face for picture in pictures], np.uint8),
        )
        arrays[f"is_marked@{name}"] = (
            (f"image@{name}",),
            np.array([is_marked(picture) for picture in pictures], np.uint8),
        )
        arrays[f"marked_box@{name}"] = (
            (f"marked@{name}", "corner"),
            np.array([box for _, box in faces], np.float32).reshape(-1, 4),
        )
    for step in UNITS:
        coords[f"level@{step}"] = tuple(f"{step} {level:g}" for level in KINDS[step].levels)
    order = {"set": tuple(gallery.name for gallery in galleries), "step": (CLEAN, *UNITS)}
    return Shared(coords, arrays, {"arm": tuple(DETECTORS), **order})


def as_they_are(detector: Detector, gallery: Gallery) -> Record:
    """Detect on pictures one at a time, which is how they are timed.

    Arrays: `counts` (image); `boxes` (box, corner) and `scores`, `landmarks`, `box_right` (box,
    ...) of all pictures one after the other; `face_found` (marked); `seconds/picture` (image); and
    some pictures in small, see `_small`.
    """
    detector.detect([gallery.pictures[0].load()])  # the first call pays for what is lazy
    detections = [detector.detect([picture.load()])[0] for picture in gallery.pictures]
    return record(detections, gallery)


def record(detections: Sequence[Faces], gallery: Gallery) -> Record:
    """Lay out what was found in the pictures of a set, as `as_they_are` says."""
    image = (f"image@{gallery.name}",)
    pairs = list(zip(detections, gallery.pictures, strict=True))
    judged = [judge(faces, picture) if is_marked(picture) else None for faces, picture in pairs]
    right = [
        verdict.box_right if verdict else np.full(len(faces), -1, np.int8)
        for faces, verdict in zip(detections, judged, strict=True)
    ]
    points = [
        np.full((len(faces), 5, 2), np.nan, np.float32)
        if faces.landmarks is None
        else faces.landmarks
        for faces in detections
    ]
    face_found = [verdict.face_found for verdict in judged if verdict]
    arrays: dict[str, Array] = {
        "counts": (image, np.array([len(faces) for faces in detections])),
        "boxes": (("box", "corner"), _joined([faces.boxes for faces in detections], (4,))),
        "scores": (("box",), _joined([faces.scores for faces in detections])),
        "landmarks": (("box", "point", "axis"), _joined(points, (5, 2))),
        "box_right": (("box",), _joined(right).astype(np.int8)),
        "face_found": (
            (f"marked@{gallery.name}",),
            _joined(face_found).astype(np.uint8),
        ),
        "seconds/picture": (image, np.array([faces.seconds for faces in detections])),
    }
    return Record(metrics(detections, gallery), {**arrays, **_small(detections, gallery, judged)})


def _joined(
    parts: Sequence[NDArray[np.generic]], rest: tuple[int, ...] = ()
) -> NDArray[np.float32]:
    return np.concatenate([np.empty((0, *rest), np.float32), *parts]).astype(np.float32)


def metrics(detections: Sequence[Faces], gallery: Gallery) -> dict[str, float]:
    """Measure a trial on pictures as they are; what a set cannot tell is left out.

    faces/detected: share of the pictures with a face in which anything was found; faces/recall and
    faces/precision: of marked faces at IoU 0.5; others/fired, others/alarms: share of the pictures
    without a face in which anything was found, and boxes per such picture.
    """
    counts = np.array([len(faces) for faces in detections])
    face = np.array([picture.face for picture in gallery.pictures])
    pairs = zip(detections, gallery.pictures, strict=True)
    judged = [judge(faces, picture) for faces, picture in pairs if is_marked(picture)]
    right = _joined([verdict.box_right for verdict in judged])
    parts = {
        "faces/detected": counts[face] > 0,
        "faces/recall": _joined([verdict.face_found for verdict in judged]),
        "faces/precision": right[right >= 0],
        "others/fired": counts[~face] > 0,
        "others/alarms": counts[~face],
    }
    return {name: float(values.mean()) for name, values in parts.items() if len(values)}


def _small(
    detections: Sequence[Faces], gallery: Gallery, judged: Sequence[Judged | None]
) -> dict[str, Array]:
    """Keep the worst misses, the surest false alarms and the least sure hits in small.

    `shown` (shot) int64: the picture's place in its set; `picture` (shot, y, x, channel) uint8, in
    the upper left of a square; `shrink` (shot): small by whole; `extent` (shot, side): its height
    and width.
    """
    ranks: dict[str, list[tuple[float, int]]] = {"miss": [], "alarm": [], "hit": []}
    for index, (faces, picture, verdict) in enumerate(
        zip(detections, gallery.pictures, judged, strict=True)
    ):
        best = float(faces.scores.max()) if len(faces) else 0.0
        missed = int((~verdict.face_found).sum()) if verdict else int(len(faces) == 0)
        if not picture.face:
            ranks["alarm"] += [(-best, index)] if len(faces) else []
        else:
            ranks["miss" if missed else "hit"].append((-missed if missed else best, index))
    chosen = sorted({i for rank in ranks.values() for _, i in sorted(rank)[:SHOWN]})
    squares = np.full((len(chosen), SIDE, SIDE, 3), 255, np.uint8)
    shrinks, extents = [], []
    for square, index in zip(squares, chosen, strict=True):
        pixels = gallery.pictures[index].load()
        shrink = min(1.0, SIDE / max(pixels.shape[:2]))
        height, width = (max(1, round(shrink * length)) for length in pixels.shape[:2])
        small = pixels if shrink == 1 else scale_to(pixels, height, width)
        square[:height, :width] = small
        shrinks.append(shrink)
        extents.append((height, width))
    return {
        "shown": (("shot",), np.array(chosen, np.int64)),
        "picture": (("shot", "y", "x", "channel"), squares),
        "shrink": (("shot",), np.array(shrinks, np.float64)),
        "extent": (("shot", "side"), np.array(extents, np.int64).reshape(-1, 2)),
    }


def scale_to(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Shrink an image, uint8 (H, W, 3), to exactly this size."""
    import cv2

    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _sampled(gallery: Gallery, sample: int, seed: int) -> list[Picture]:
    return [picture for picture in gallery.sample(sample, seed).pictures if picture.face]


def made_harder(detector: Detector, gallery: Gallery, step: str, sample: int, seed: int) -> Record:
    """Detect on a sample of the pictures with a face, made harder level by level.

    Arrays: `harder` (level, image) uint8, whether anything was found. Curve: the rate by level.
    """
    hits = np.stack(list(detected(detector, _sampled(gallery, sample, seed), step, seed)))
    return Record(
        {"faces/harder": float(hits.mean())},
        {"harder": ((f"level@{step}", f"image@{gallery.name}, harder"), hits.astype(np.uint8))},
        {"faces/detected_by_level": hits.mean(1).tolist()},
    )
