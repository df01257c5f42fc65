"""Viola and Jones' detector: the cascades that OpenCV ships."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.pictures import Pixels
from core.detection.faces import Faces, check


class Haar:
    """A boosted cascade of Haar features over a pyramid, with OpenCV's default settings.

    Scores count the windows merged into a face (3 or more). There are no landmarks.

    Source: Viola and Jones, IJCV 57 (2004) 137-154; cascades by Lienhart (OpenCV).
    """

    def __init__(self, cascade: str = "frontalface_alt", *, mirrored: bool = False) -> None:
        """Load a cascade by OpenCV's name; raise FileNotFoundError if OpenCV lacks it.

        mirrored: search the mirrored image too, for the cascade of profiles, which knows faces
        that look to one side.
        """
        self.name, self.mirrored = cascade, mirrored
        path = Path(cv2.__file__).with_name("data") / f"haarcascade_{cascade}.xml"
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise FileNotFoundError(f"{path}: wanted a cascade, as opencv-python below 5 has it")

    def __reduce__(self) -> tuple[Callable[[], "Haar"], tuple[()]]:
        """Load the cascade anew where this travels to: OpenCV's own object cannot."""
        return partial(Haar, self.name, mirrored=self.mirrored), ()

    def detect(self, images: Sequence[Pixels]) -> list[Faces]:
        """Find the faces in every image, uint8 (height, width, 3) RGB."""
        return [self._one(image) for image in images]

    def _one(self, image: Pixels) -> Faces:
        image = check(image)
        start = time.perf_counter()
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        boxes, counts = self._windows(grey)
        if self.mirrored:
            mirrored, more = self._windows(np.ascontiguousarray(grey[:, ::-1]))
            mirrored[:, [0, 2]] = grey.shape[1] - mirrored[:, [2, 0]]
            boxes, counts = np.concatenate([boxes, mirrored]), np.concatenate([counts, more])
        best = np.argsort(-counts, kind="stable")
        return Faces(boxes[best], counts[best], None, time.perf_counter() - start)

    def _windows(self, grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rectangles, counts = self._cascade.detectMultiScale2(grey)
        boxes = np.array(rectangles, dtype=np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return boxes, np.array(counts, dtype=np.float32).reshape(-1)
