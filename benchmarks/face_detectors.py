"""Face detectors: MTCNN against the facenet-pytorch package on the same pictures, and Haar.

facenet-pytorch pins old versions of torch and numpy, so it is kept out of the environment:
pip install facenet-pytorch --no-deps --target build/facenet
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from benchmarks.results import Row
from benchmarks.timing import side_by_side, timed
from core.data.photos import embedded
from core.data.pictures import Pixels
from core.detection.faces import Faces, iou
from core.detection.haar import Haar
from core.detection.mtcnn import MTCNN
from core.provenance import ROOT

PACKAGE = ROOT / "build" / "facenet"
SIZE, BATCH = (640, 480), 32
NEAR = 2.0
"""pixels by which the sides of two boxes may differ"""


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure both detectors on photographs of one size."""
    images, ours, haar, reference = pictures(), MTCNN(), Haar(), package()
    ours.detect(images[:2])
    size = f"{BATCH} photographs of {SIZE[0]}x{SIZE[1]}"
    times = timed(lambda: haar.detect(images), repeats)
    yield Row(f"Haar, {size}", times, per=BATCH, unit="photographs")
    if reference is None:
        times = timed(lambda: ours.detect(images), repeats)
        line = (__doc__ or "").strip().splitlines()[-1]
        yield Row(f"MTCNN, {size}", times, per=BATCH, unit="photographs", note=line)
        return
    reference.detect(images[0])
    boxes = same_boxes(ours.detect(images), reference, images)
    one_by_one = side_by_side(
        lambda: [ours.detect([image]) for image in images],
        lambda: [reference.detect(image) for image in images],
        repeats,
    )
    together = side_by_side(
        lambda: ours.detect(images), lambda: reference.detect(np.stack(images)), repeats
    )
    for how, (mine, theirs), goal in (
        ("one by one", one_by_one, ""),
        ("at once", together, "12 ms each"),
    ):
        yield Row(
            f"MTCNN, {size}, {how}", mine, "facenet-pytorch", theirs, BATCH, "photographs", boxes,
            goal,
        )  # fmt: skip


def pictures() -> list[Pixels]:
    """Fit the embedded photographs and mirror images of some to one size."""
    photos = embedded()[0].pictures
    fitted = [np.asarray(ImageOps.fit(Image.fromarray(photo.load()), SIZE)) for photo in photos]
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in fitted]
    return [*fitted, *mirrored][:BATCH]


def package() -> Any:
    """Return facenet-pytorch's detector with thresholds as ours, None if it is not installed."""
    sys.path.append(str(PACKAGE))
    try:
        from facenet_pytorch import MTCNN as Package  # noqa: N811
    except ImportError:
        return None
    finally:
        sys.path.remove(str(PACKAGE))
    return Package(keep_all=True)


def same_boxes(ours: Sequence[Faces], reference: Any, images: Sequence[Pixels]) -> str:
    """Say how many boxes of the package have one of ours near, and the other way round."""
    near, n_theirs, n_ours, overlaps = 0, 0, sum(map(len, ours)), []
    for faces, image in zip(ours, images, strict=True):
        boxes, _ = reference.detect(image)
        theirs = np.empty((0, 4)) if boxes is None else boxes
        n_theirs += len(theirs)
        if len(theirs) and len(faces):
            gaps = np.abs(theirs[:, None] - faces.boxes[None]).max(-1).min(1)
            near += int((gaps <= NEAR).sum())
            overlaps += iou(theirs, faces.boxes).max(1).tolist()
    least = f", IoU {min(overlaps):.4f} or more" if overlaps else ""
    return (
        f"boxes: {n_ours} of ours, {n_theirs} of the package, "
        f"{near} of them within {NEAR:g} pixels of one of ours{least}"
    )
