"""MTCNN: windows of a pyramid proposed by P-Net, judged by R-Net and O-Net.

Numbers follow the authors' code as facenet-pytorch 2.6 has it (pyramid, window and crop arithmetic,
thresholds), so that boxes agree. How they are computed differs: all pixels come from one integral
image, without a loop over crops; boxes are regressed only where P-Net sees a face; images of one
size share their batches.

Source: Zhang, Zhang, Li, Qiao, IEEE Signal Processing Letters 23 (2016) 1499-1503.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from core.data.pictures import Pixels
from core.detection.faces import Faces, check
from core.detection.mtcnn_weights import load
from core.detection.networks import Net, build
from core.detection.windows import (
    adjust,
    crop,
    inside,
    integrate,
    resample,
    square,
    without_nested,
)

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

CELL, STRIDE = 12, 2
"""side and stride in pixels of P-Net's window"""
FACTOR = 0.709
"""ratio of neighbouring levels of the pyramid, about the root of a half"""
LARGEST = 12_000_000
"""pixels of the finest level; the pyramid of a larger image begins at a coarser one"""


class MTCNN:
    """The detector; its weights are loaded once.

    Scores are probabilities. Faces below `min_face` pixels are not looked for.
    """

    def __init__(
        self,
        device: torch.device | None = None,
        min_face: int = 20,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
    ) -> None:
        """Load the networks to a device, the CPU if left out. Raises UserError without weights."""
        self.device, self.min_face = device or torch.device("cpu"), min_face
        self._nets = {
            name: net.to(self.device).to(memory_format=torch.channels_last)
            for name, net in build(load()).items()
        }
        self._least = thresholds
        # Pixels of images, pixels of a level and windows that are taken at once: a CPU wants what
        # stays in its cache, a GPU as much as it can hold (12 bytes a pixel of an image).
        cpu = self.device.type == "cpu"
        self._together, self._pixels, self._windows = (
            (2**20, 2**17, 64) if cpu else (2**25, 2**25, 8192)
        )

    @torch.inference_mode()
    def detect(self, images: Sequence[Pixels]) -> list[Faces]:
        """Find the faces in every image, uint8 (height, width, 3) RGB; sizes may differ."""
        start = time.perf_counter()
        groups: dict[tuple[int, ...], list[int]] = {}
        images = [check(image) for image in images]
        for index, image in enumerate(images):
            groups.setdefault(image.shape, []).append(index)
        by_image: dict[int, Arrays] = {}
        for (height, width, _), members in groups.items():
            n = max(1, self._together // (height * width))
            for part in (members[i : i + n] for i in range(0, len(members), n)):
                by_image.update(zip(part, self._same_size([images[i] for i in part]), strict=True))
        seconds = (time.perf_counter() - start) / max(1, len(images))
        return [Faces(*parts, seconds=seconds) for _, parts in sorted(by_image.items())]

    def _same_size(self, images: Sequence[Pixels]) -> Iterator[Arrays]:
        """Yield boxes, scores and landmarks of every image."""
        integral = integrate(images, self.device)
        owner, boxes = self._refine(integral, *self._propose(integral))
        parts = [part.cpu().numpy() for part in self._finish(integral, owner, boxes)]
        for index in range(len(images)):
            boxes, scores, landmarks = (part[parts[0] == index] for part in parts[1:])
            keep = without_nested(boxes, scores)
            yield boxes[keep], scores[keep], landmarks[keep]

    def _scales(self, height: int, width: int) -> Iterator[float]:
        """Yield the scales of the pyramid, down to where the image is P-Net's window."""
        scale = CELL / self.min_face
        while min(height, width) * scale >= CELL:
            if height * width * scale**2 <= LARGEST:
                yield scale
            scale *= FACTOR

    def _propose(self, integral: Tensor) -> tuple[Tensor, Tensor]:
        """Run P-Net over the pyramid; return the image (k,) and the square (k, 4) of windows."""
        scales = list(self._scales(integral.shape[1] - 1, integral.shape[2] - 1))
        if not scales:
            none = integral.new_empty(0)
            return none.long(), none.float().view(0, 4)
        levels = [self._level(integral, scale) for scale in scales]
        level = torch.cat([torch.full_like(owner, i) for i, (owner, *_) in enumerate(levels)])
        owner, boxes, scores, shifts = (torch.cat(column) for column in zip(*levels, strict=True))
        keep = batched_nms(boxes, scores, owner * len(levels) + level, 0.5)
        keep = keep[batched_nms(boxes[keep], scores[keep], owner[keep], 0.7)]
        return owner[keep], square(adjust(boxes[keep], shifts[keep], 0))

    def _level(self, integral: Tensor, scale: float) -> tuple[Tensor, ...]:
        """Run P-Net over a level; return image, window, score and shift of what may be a face."""
        height, width = (int((length - 1) * scale + 1) for length in integral.shape[1:3])
        net, parts = self._nets["pnet"], []
        step = max(1, self._pixels // (height * width))
        for first in range(0, len(integral), step):
            features = net(resample(integral[first : first + step], height, width))
            scores = net.probability(features)
            owner, y, x = (scores >= self._least[0]).nonzero(as_tuple=True)
            corner = STRIDE * torch.stack([x, y], 1)
            boxes = torch.cat([(corner + 1) / scale, (corner + CELL) / scale], 1).floor()
            shifts = net.heads["box"](features[owner, y, x])
            parts.append((owner + first, boxes, scores[owner, y, x], shifts))
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _refine(self, integral: Tensor, owner: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Run R-Net on the windows; return image and square of those that remain."""
        net = self._nets["rnet"]
        owner, boxes, features = self._look(net, integral, owner, boxes, 24)
        scores = net.probability(features)
        hits = scores > self._least[1]
        owner, boxes, scores, features = (x[hits] for x in (owner, boxes, scores, features))
        keep = batched_nms(boxes, scores, owner, 0.7)
        return owner[keep], square(adjust(boxes[keep], net.heads["box"](features[keep]), 1))

    def _finish(self, integral: Tensor, owner: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        """Run O-Net on the windows; return image, box, score and landmarks of every face."""
        net = self._nets["onet"]
        owner, boxes, features = self._look(net, integral, owner, boxes, 48)
        scores = net.probability(features)
        hits = scores > self._least[2]
        owner, boxes, features = owner[hits], boxes[hits], features[hits]
        size = boxes[:, None, 2:] - boxes[:, None, :2] + 1
        points = net.heads["landmarks"](features).view(-1, 2, 5).transpose(1, 2)
        landmarks = points * size + boxes[:, None, :2] - 1
        return (
            owner,
            adjust(boxes, net.heads["box"](features), 1),
            scores[hits],
            landmarks,
        )

    def _look(
        self, net: Net, integral: Tensor, owner: Tensor, boxes: Tensor, side: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return image, box and features of the windows that have a pixel in their image."""
        corners, some = inside(boxes, integral.shape[1] - 1, integral.shape[2] - 1)
        owner, boxes, corners = owner[some], boxes[some], corners[some]
        parts = zip(owner.split(self._windows), corners.split(self._windows), strict=True)
        features = [net(crop(integral, image, corner, side, side)) for image, corner in parts]
        return owner, boxes, torch.cat(features)
