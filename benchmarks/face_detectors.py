"""Face detectors: MTCNN against the facenet-pytorch package on the same pictures, and Haar.

facenet-pytorch pins old versions of torch and numpy, so it is kept out of the environment:
pip install facenet-pytorch --no-deps --target build/facenet
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from benchmarks.timing import Times, ratio, side_by_side, timed
from core.data.photos import embedded
from core.data.pictures import Pixels
from core.detection.faces import Faces, iou
from core.detection.haar import Haar
from core.detection.mtcnn import MTCNN

PACKAGE = Path(__file__).resolve().parents[1] / "build" / "facenet"
SIZE, BATCH = (640, 480), 32
NEAR = 2.0
"""pixels by which the sides of two boxes may differ"""


def main(full: bool) -> None:
    """Print each measurement as a line."""
    images, ours, haar = pictures(), MTCNN(), Haar()
    print(f"  {BATCH} photographs of {SIZE[0]}x{SIZE[1]}, {torch.get_num_threads()} threads")
    repeats = 5 if full else 2
    ours.detect(images[:2])
    print(f"  Haar, one at a time: {each(timed(lambda: haar.detect(images), repeats))}")
    reference = package()
    if reference is None:
        print(f"  MTCNN, one at a time: {each(timed(lambda: singly(ours, images), repeats))}")
        print(f"  the package is not in {PACKAGE}: {(__doc__ or '').strip().splitlines()[-1]}")
        return
    reference.detect(images[0])
    runs = {
        "one at a time; wanted 1 or more": (
            lambda: singly(ours, images),
            lambda: [reference.detect(image) for image in images],
        ),
        f"{BATCH} at once; wanted 2 or more": (
            lambda: ours.detect(images),
            lambda: reference.detect(np.stack(images)),
        ),
    }
    for name, (mine, theirs) in runs.items():
        times = side_by_side(mine, theirs, repeats)
        print(f"  MTCNN, {each(times[0])}, the package {each(times[1])}: {ratio(times[2])}, {name}")
    print(f"  {same_boxes(ours.detect(images), reference, images)}")


def pictures() -> list[Pixels]:
    """Fit the embedded photographs and mirror images of some to one size."""
    photos = embedded()[0].pictures
    fitted = [np.asarray(ImageOps.fit(Image.fromarray(each.load()), SIZE)) for each in photos]
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


def singly(detector: MTCNN, images: Sequence[Pixels]) -> list[Faces]:
    """Detect on one image after the other."""
    return [detector.detect([image])[0] for image in images]


def each(times: Times) -> Times:
    """Return the times of one image."""
    return Times([seconds / BATCH for seconds in times.seconds])


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
