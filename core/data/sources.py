"""Data sets by name: embedded ones, torchvision's, and folders."""

import contextlib
import io
import socket
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.data import folders
from core.data.card import Card
from core.data.config import DataConfig
from core.data.duplicates import groups_of
from core.data.images import Images, Splits
from core.data.splits import conflicts, divide
from core.errors import UserError

VAL_SHARE = 0.2  # of the training images, where the source brings a test set: the course's 48k/12k
LFW_BIAS = (
    "LFW holds only faces that a Viola-Jones (Haar) detector found; it favours Haar cascades."
)


def load(config: DataConfig) -> Splits:
    """Load the images that `config` names, divide them, and describe them on a card.

    Returns splits on the CPU. Raises UserError, one line, where a set is missing or unusable.
    """
    if config.data.startswith("folder:"):
        return folders.load(Path(config.data.removeprefix("folder:")).expanduser(), config)
    if config.data == "digits":
        return _embedded(config, *_digits())
    if config.data == "lfw-patches":
        return _embedded(config, *_patches(), warnings=[LFW_BIAS])
    return _official(config, *_TORCHVISION[config.data])


def _digits() -> tuple[Tensor, Tensor, tuple[str, ...], str]:
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = torch.from_numpy(found.images / 16 * 255).round().to(torch.uint8).unsqueeze(1)
    names = tuple(str(name) for name in found.target_names)
    labels = torch.from_numpy(found.target).long()
    return pixels, labels, names, "scikit-learn's load_digits: UCI optical digits, test part"


def _patches() -> tuple[Tensor, Tensor, tuple[str, ...], str]:
    from skimage.data import lfw_subset

    pixels = torch.from_numpy(lfw_subset() * 255).round().to(torch.uint8).unsqueeze(1)
    labels = (torch.arange(len(pixels)) < len(pixels) // 2).long()
    return pixels, labels, ("not a face", "face"), "scikit-image's lfw_subset: 25x25 patches"


def _embedded(
    config: DataConfig,
    pixels: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    source: str,
    warnings: list[str] | None = None,
) -> Splits:
    groups = groups_of(pixels)
    side = divide(labels.numpy(), groups, config.split_seed)
    sentence = f"60/20/20 by class from groups of copies, seed {config.split_seed}"
    named = [f"image {index}" for index in range(len(labels))]
    return assemble(
        pixels,
        labels,
        side,
        name=config.data,
        source=source,
        classes=classes,
        split=sentence,
        warnings=list(warnings or []),
        conflicts=conflicts(labels.numpy(), groups, named),
    )


_TORCHVISION = {
    "mnist": ("MNIST", "MNIST/raw"),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw"),
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
}


def _official(config: DataConfig, kind: str, folder: str) -> Splits:
    """Load a torchvision set; its test images stay whole, and copies of them leave train."""
    train, test = (_torchvision(config.data_root, kind, folder, part) for part in (True, False))
    pixels, labels = (torch.cat(pair) for pair in zip(train[:2], test[:2], strict=True))
    is_test = np.arange(len(labels)) >= len(train[1])
    groups = groups_of(pixels)
    side = divide(labels.numpy(), groups, config.split_seed, is_test, (1 - VAL_SHARE, VAL_SHARE))
    dropped = int((side == "").sum())
    note = f"{dropped:,} training images are copies of test images and were left out."
    warning = "No duplicate of a test image may be trained on: " + note
    named = [f"{'test' if t else 'train'} {i}" for i, t in enumerate(is_test)]
    return assemble(
        pixels,
        labels,
        side,
        name=config.data,
        source=f"torchvision.datasets.{kind}",
        classes=train[2],
        split=f"official test set; train and validation 80/20 by class, seed {config.split_seed}",
        warnings=[warning] if dropped else [],
        conflicts=conflicts(labels.numpy(), groups, named),
    )


def _torchvision(
    root: Path, kind: str, folder: str, train: bool
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return pixels, labels and class names of one part of a set, downloaded if need be."""
    from torchvision import datasets

    def make(download: bool) -> Any:
        return getattr(datasets, kind)(root, train=train, download=download)

    missing = f"{kind} is not in {root / folder}"
    try:
        found = make(download=False)
    except RuntimeError:  # torchvision's word for "not there, or not intact"
        try:
            found = _quietly(make)
        except Exception as error:
            cure = "set --data-root or DATA_ROOT to the folder that holds it"
            reason = " ".join(str(error).split())[:120]
            raise UserError(
                f"--data-root {root}: {missing} and cannot be downloaded ({reason}); {cure}"
            ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"--data-root {root}: {kind} in {folder} is damaged: {reason}") from error
    data = torch.as_tensor(found.data)
    pixels = data.unsqueeze(1) if data.dim() == 3 else data.permute(0, 3, 1, 2).contiguous()
    return pixels, torch.as_tensor(found.targets).long(), tuple(map(str, found.classes))


def _quietly(make: Any) -> Any:
    """Download without torchvision's chatter, and give up soon where there is no network."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(5)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return make(download=True)
    finally:
        socket.setdefaulttimeout(before)


def assemble(pixels: Tensor, labels: Tensor, side: np.ndarray, **facts: Any) -> Splits:
    """Build splits and their card from pixels held in memory.

    pixels: uint8 (n, C, H, W); labels: int64 (n,); side: (n,) of train, val, test or empty, for
    images left out. facts: the other fields of the card.
    """
    digest = sha256(repr((facts["classes"], tuple(pixels.shape[1:]))).encode())
    parts, counts = {}, {}
    for name in ("train", "val", "test"):
        index = torch.from_numpy(np.flatnonzero(side == name))
        parts[name] = Images(pixels[index], labels[index])
        counts[name] = torch.bincount(labels[index], minlength=len(facts["classes"])).tolist()
        for tensor in (parts[name].pixels, parts[name].labels):
            digest.update(np.ascontiguousarray(tensor))
    shape = tuple(pixels.shape[1:])
    return Splits(**parts, card=Card(fingerprint=digest.hexdigest(), shape=shape, counts=counts, **facts))
