"""Outlines of lesions: one black and white picture an image, in a folder of their own."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path, PurePath

import torch
from torch import Tensor

from core.data.decode import UnreadableError, decode, scale
from core.data.listing import below
from core.errors import UserError

SUFFIX = "_segmentation"
"""ISIC's own: the mask of ISIC_0000000.jpg is ISIC_0000000_segmentation.png"""


def read(folder: Path, names: Sequence[str], shape: tuple[int, int]) -> Tensor:
    """Read the masks of images, scaled and cropped as images are: bool (n, *shape), true inside.

    A mask has the name of its image without folder and ending, with or without `_segmentation`.
    Raises UserError, one line, for a folder, a mask or a picture that is missing or cannot be
    read, and for two of one name.
    """
    if not folder.is_dir():
        raise UserError(f"--masks {folder}: a folder of masks, one an image, is wanted")
    known = _by_stem((path.stem.removesuffix(SUFFIX), path) for path in below(folder).files)
    wanted = list(_by_stem((PurePath(name).stem, Path(name)) for name in names))
    missing = [stem for stem in wanted if stem not in known]
    if missing:
        raise UserError(
            f"--masks {folder}: none for {missing[0]}, as for {len(missing) - 1} more of "
            f"{len(wanted)} test images; one for each is wanted"
        )
    return torch.stack([_mask(known[stem], shape) for stem in wanted])


def _by_stem(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for stem, path in pairs:
        if stem in paths:
            raise UserError(f"--masks: {paths[stem]} and {path} have one name; others are wanted")
        paths[stem] = path
    return paths


def _mask(path: Path, shape: tuple[int, int]) -> Tensor:
    try:
        return torch.from_numpy(scale(decode(path), shape)[0] > 127)
    except UnreadableError as error:
        raise UserError(f"--masks {path}: a picture is wanted ({error})") from error


def fingerprint(masks: Tensor) -> str:
    """Hash what they outline, for the key of a trial (sha256)."""
    return sha256(repr(tuple(masks.shape)).encode() + masks.numpy().tobytes()).hexdigest()
