"""Pictures made harder in steps: smaller, blurred, noisy, turned, darker or brighter, covered.

A step is a pure function of picture, level and key, so that all detectors see the same pixels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.pictures import Picture, Pixels
from core.detection.faces import Detector
from core.device import derive

GREY = 127
BATCH, PIXELS = 64, 16_000_000  # pictures, and their pixels, in memory at once


@dataclass(frozen=True)
class Kind:
    """A way to make a picture harder."""

    levels: tuple[float, ...]
    """from nothing to the hardest; brightness: from darkest to brightest, 1 is nothing"""
    neutral: float
    """the level that changes nothing"""
    apply: Callable[[Pixels, float, np.random.Generator], Pixels]


def _size(image: Pixels, level: float, _: np.random.Generator) -> Pixels:
    height, width = (max(1, round(level * length)) for length in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _blur(image: Pixels, level: float, _: np.random.Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), level), np.uint8)


def _noise(image: Pixels, level: float, random: np.random.Generator) -> Pixels:
    noisy = image + level * random.standard_normal(image.shape, dtype=np.float32)
    return noisy.round().clip(0, 255).astype(np.uint8)


def _rotation(image: Pixels, level: float, random: np.random.Generator) -> Pixels:
    """Turn around the centre, to either side at random; corners repeat the edge."""
    height, width = image.shape[:2]
    angle = level if random.random() < 0.5 else -level
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    turned = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def _brightness(image: Pixels, level: float, _: np.random.Generator) -> Pixels:
    return (image * np.float32(level)).round().clip(0, 255).astype(np.uint8)


def _occlusion(image: Pixels, level: float, random: np.random.Generator) -> Pixels:
    """Cover a share of the cells of an 8 x 8 grid, drawn at random, with grey."""
    covered = np.zeros(64, dtype=np.uint8)
    covered[random.permutation(64)[: round(64 * level)]] = 1
    size = image.shape[1], image.shape[0]
    mask = cv2.resize(covered.reshape(8, 8), size, interpolation=cv2.INTER_NEAREST)
    return np.where(mask[:, :, None] > 0, np.uint8(GREY), image)


KINDS = {
    "size": Kind((1, 0.5, 0.35, 0.25, 0.18), 1, _size),
    "blur": Kind((0, 2, 4, 6, 9), 0, _blur),
    "noise": Kind((0, 20, 40, 70, 110), 0, _noise),
    "rotation": Kind((0, 15, 30, 45, 90), 0, _rotation),
    "brightness": Kind((0.03, 0.1, 0.3, 1, 2, 4), 1, _brightness),
    "occlusion": Kind((0, 0.1, 0.2, 0.35, 0.5), 0, _occlusion),
}


def degrade(image: Pixels, kind: str, level: float, *key: int) -> Pixels:
    """Make a picture harder.

    image: uint8 (height, width, 3); kind: a name in KINDS; level: in its unit; key: non-negative
    integers that settle what is random, such as (seed, index of the picture). Returns a new uint8
    array (smaller for "size"), or the picture itself at the neutral level.
    """
    chosen = KINDS[kind]
    if level == chosen.neutral:
        return image
    return chosen.apply(image, level, np.random.default_rng(derive(*key)))


def detected(
    detector: Detector, pictures: Sequence[Picture], kind: str, seed: int
) -> Iterator[NDArray[np.bool_]]:
    """Yield, level by level, on which of the pictures anything is found, (pictures,) bool."""
    for level in KINDS[kind].levels:
        harder = (degrade(p.load(), kind, level, seed, i) for i, p in enumerate(pictures))
        yield np.array([len(f) > 0 for part in _parts(harder) for f in detector.detect(part)])


def _parts(images: Iterable[Pixels]) -> Iterator[list[Pixels]]:
    """Divide images into lists of at most BATCH, each closed by the image that fills PIXELS."""
    part: list[Pixels] = []
    for image in images:
        part.append(image)
        if len(part) == BATCH or sum(pixels.size for pixels in part) >= 3 * PIXELS:
            yield part
            part = []
    if part:
        yield part
