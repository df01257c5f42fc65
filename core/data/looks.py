"""One look at every file: whether it gives an image, its size, and what tells copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.decode import WHITE, UnreadableError, measure, white_of, white_warnings
from core.data.duplicates import thumbnails
from core.data.threads import in_threads


@dataclass(frozen=True)
class Seen:
    """What one look at a readable image gave."""

    size: tuple[int, int]
    """height and width"""
    digest: bytes
    """sha256 of its pixels"""
    thumbnail: NDArray[np.float32]
    brightest: int = 0
    """largest value of a file with 16 bits, else 0"""


@dataclass(frozen=True)
class Looks:
    """What was seen of the files of a set."""

    files: list[Seen | str]
    """what was seen of each, or the reason why it cannot be read"""
    white: int
    """of files with 16 bits, the value that is white: the same for the whole set"""
    warnings: list[str]


def look_at(paths: Sequence[Path], label: str) -> Looks:
    """Decode files; those with 16 bits again if the set uses fewer of them."""
    seen = in_threads(look, paths, label)
    brightest = [s.brightest if isinstance(s, Seen) else 0 for s in seen]
    white = white_of(brightest)
    if white != WHITE:
        deep = [index for index, value in enumerate(brightest) if value]
        again = in_threads(partial(look, white=white), [paths[i] for i in deep], label)
        for index, second in zip(deep, again, strict=True):
            seen[index] = second
    return Looks(seen, white, white_warnings(white, brightest))


def look(path: Path, white: int = WHITE) -> Seen | str:
    """Decode a file; return what is needed of it, or the reason why it cannot be read."""
    try:
        image, brightest = measure(path, white)
    except UnreadableError as error:
        return str(error)
    pixels = np.array(image)
    digest = sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    thumbnail = thumbnails(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0]
    return Seen((image.height, image.width), digest.digest(), thumbnail, brightest)
