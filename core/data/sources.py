"""Data sets by name: embedded ones, torchvision's, the hub's, and folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.data import folders, hub, pets
from core.data.assembly import Facts, assemble, in_memory
from core.data.config import DataConfig
from core.data.download import attempt
from core.data.images import InMemory, Splits, numbered
from core.data.layout import Layout
from core.errors import UserError, reason

CURE = "set --data-root or DATA_ROOT to the folder that holds it"
LFW_BIAS = (
    "LFW holds only faces that a Viola-Jones (Haar) detector found; it favours Haar cascades."
)


def load(config: DataConfig, prepare: folders.Prepare | None = None) -> Splits:
    """Load the images that `config` names, divide them, and describe them on a card.

    prepare: how a backbone wants the images of a folder; other sources have one size anyway.
    Returns splits on the CPU. Raises UserError, one line, where a set is missing or unusable.
    """
    if config.data.startswith("folder:"):
        return _folder(config, config.folder, prepare)
    if config.data.startswith("hf:"):
        source = f"the set {config.name[3:]}, read through the library datasets"
        root, listed = hub.unpacked(config)
        return _folder(config, root, prepare, listed, source)
    if config.data == "isic2017":
        return _folder(config, _present(config.data_root / "isic2017"), prepare)
    if config.data == "oxford-pets":
        listed = Layout(pets.entries(config.data_root))
        return _folder(config, config.data_root / pets.FOLDER, prepare, listed, pets.SOURCE)
    if config.data.startswith("lesions"):
        return _lesions(config)
    if config.data == "drawn-digits":
        return _glyphs(config)
    if config.data == "digits":
        return _embedded(config, *_digits())
    if config.data == "lfw-patches":
        return _embedded(config, *_patches(), warnings=[LFW_BIAS])
    return _torchvision(config, *TORCHVISION[config.data])


def _digits() -> tuple[Tensor, Tensor, tuple[str, ...], str]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(digits.images / 16 * 255).round().to(torch.uint8).unsqueeze(1)
    names = tuple(str(name) for name in digits.target_names)
    labels = torch.from_numpy(digits.target).long()
    return pixels, labels, names, "scikit-learn's load_digits: UCI optical digits, test part"


def _patches() -> tuple[Tensor, Tensor, tuple[str, ...], str]:
    from skimage.data import lfw_subset

    pixels = torch.from_numpy(lfw_subset() * 255).round().to(torch.uint8).unsqueeze(1)
    labels = (torch.arange(len(pixels)) < len(pixels) // 2).long()
    return pixels, labels, ("not a face", "face"), "scikit-image's lfw_subset: 25x25 patches"


def _lesions(config: DataConfig) -> Splits:
    from core.data import lesions

    artefacts = [name for name in config.data.partition(":")[2].split("+") if name]
    drawn = lesions.draw(size=config.size or lesions.SIZE, artefacts=artefacts)
    names = tuple(f"view {view} of lesion {i}" for view, i in enumerate(drawn.lesions))
    images = InMemory(drawn.pixels, labels=drawn.labels, names=names)
    card: Facts = {"source": lesions.SOURCE, "classes": lesions.CLASSES, "synthetic": True}
    given = np.full(len(images), "train")
    return in_memory(config, images, given, card, list(map(str, drawn.lesions)))


def _glyphs(config: DataConfig) -> Splits:
    from core.data import glyphs

    parts = glyphs.draw(glyphs.TRAIN, seed=0), glyphs.draw(glyphs.TEST, seed=1)
    card: Facts = {"source": glyphs.SOURCE, "classes": glyphs.CLASSES, "synthetic": True}
    return _official(config, *parts, card)


def _embedded(
    config: DataConfig,
    pixels: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    source: str,
    warnings: Sequence[str] = (),
) -> Splits:
    card: Facts = {"source": source, "classes": classes, "warnings": list(warnings)}
    given = np.full(len(labels), "train")
    return in_memory(config, InMemory(pixels, labels=labels), given, card)


TORCHVISION = {
    "mnist": ("MNIST", "MNIST/raw"),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST/raw"),
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
}


def _torchvision(config: DataConfig, kind: str, folder: str) -> Splits:
    train, test = (_part(config.data_root, kind, folder, part) for part in (True, False))
    card: Facts = {"source": f"torchvision.datasets.{kind}", "classes": train[2]}
    return _official(config, train[:2], test[:2], card)


def _official(
    config: DataConfig, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], card: Facts
) -> Splits:
    """Divide a set, pixels and labels of its two parts; its test images stay whole."""
    pixels, labels = (torch.cat(pair) for pair in zip(train, test, strict=True))
    sizes = {"train": len(train[1]), "test": len(test[1])}
    names = tuple(name for side, n in sizes.items() for name in numbered(side, n))
    given = np.repeat([*sizes], [*sizes.values()])
    return in_memory(config, InMemory(pixels, labels=labels, names=names), given, card)


def _present(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"--data-root {folder.parent}: {folder.name} is not there; {CURE}")
    return folder


def _folder(
    config: DataConfig,
    root: Path,
    prepare: folders.Prepare | None,
    listed: Layout | None = None,
    source: str = "",
) -> Splits:
    folder = folders.read(root, config, prepare, listed)
    return assemble(
        folder.images,
        config,
        given=np.array([entry.side for entry in folder.entries]),
        digests=folder.digests,
        thumbs=folder.thumbnails,
        card={
            "source": source or f"the folder {root.name}, one sub-folder per class",
            "classes": folder.classes,
            "quarantined": folder.quarantined,
            "warnings": folder.warnings,
        },
        owners=[entry.owner for entry in folder.entries],
    )


def _part(
    root: Path, kind: str, folder: str, train: bool
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return pixels, labels and class names of one part of a set, downloaded if need be."""
    from torchvision import datasets

    def make(download: bool) -> Any:
        return getattr(datasets, kind)(root, train=train, download=download)

    missing = f"{kind} is not in {root / folder}"
    try:
        part = make(download=False)
    except RuntimeError:  # torchvision's word for "not there, or not intact"
        try:
            part = attempt(lambda: make(download=True))
        except Exception as error:
            raise UserError(
                f"--data-root {root}: {missing} and cannot be downloaded ({reason(error)}); {CURE}"
            ) from error
    except Exception as error:
        raise UserError(
            f"--data-root {root}: {kind} in {folder} is damaged: {reason(error)}"
        ) from error
    data = torch.as_tensor(part.data)
    pixels = data.unsqueeze(1) if data.dim() == 3 else data.permute(0, 3, 1, 2).contiguous()
    return pixels, torch.as_tensor(part.targets).long(), tuple(map(str, part.classes))
