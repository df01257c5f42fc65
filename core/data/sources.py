"""Data sets by name: embedded ones, torchvision's, the hub's, and folders."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data import folders, hub, pets
from core.data.card import Card, Quarantined
from core.data.config import DataConfig
from core.data.download import attempt
from core.data.duplicates import groups_of, thumbnails
from core.data.images import Images, InMemory, Splits, numbered
from core.data.layout import Layout
from core.data.splits import NAMES, conflicts, divide
from core.errors import UserError

COPIES = "{:,} images are copies of test or validation images and were left out of training."
CURE = "set --data-root or DATA_ROOT to the folder that holds it"
LFW_BIAS = (
    "LFW holds only faces that a Viola-Jones (Haar) detector found; it favours Haar cascades."
)


class Facts(TypedDict):
    """What only the source knows of its images, for the card."""

    source: str
    classes: tuple[str, ...]
    synthetic: NotRequired[bool]
    warnings: NotRequired[Sequence[str]]
    quarantined: NotRequired[list[Quarantined]]


def load(config: DataConfig, prepare: folders.Prepare | None = None) -> Splits:
    """Load the images that `config` names, divide them, and describe them on a card.

    prepare: how a backbone wants the images of a folder; other sources have one size anyway.
    Returns splits on the CPU. Raises UserError, one line, where a set is missing or unusable.
    """
    if config.data.startswith("folder:"):
        return _folder(config, Path(config.data.removeprefix("folder:")).expanduser(), prepare)
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


def _lesions(config: DataConfig) -> Splits:
    from core.data import lesions

    artefacts = [name for name in config.data.partition(":")[2].split("+") if name]
    drawn = lesions.draw(size=config.size or lesions.SIZE, artefacts=artefacts)
    names = tuple(f"view {view} of lesion {i}" for view, i in enumerate(drawn.lesions))
    return _assemble(
        InMemory(drawn.pixels, labels=drawn.labels, names=names),
        config,
        given=np.full(len(drawn.labels), "train"),
        digests=_digests(drawn.pixels),
        thumbs=thumbnails(drawn.pixels),
        card={"source": lesions.SOURCE, "classes": lesions.CLASSES, "synthetic": True},
        owners=list(map(str, drawn.lesions)),
    )


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
    return _assemble(
        InMemory(pixels, labels=labels),
        config,
        given=np.full(len(labels), "train"),
        digests=_digests(pixels),
        thumbs=thumbnails(pixels),
        card={"source": source, "classes": classes, "warnings": list(warnings)},
    )


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
    return _assemble(
        InMemory(pixels, labels=labels, names=names),
        config,
        given=np.repeat([*sizes], [*sizes.values()]),
        digests=_digests(pixels),
        thumbs=thumbnails(pixels),
        card=card,
    )


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
    found = folders.read(root, config, prepare, listed)
    return _assemble(
        found.images,
        config,
        given=np.array([entry.side for entry in found.entries]),
        digests=found.digests,
        thumbs=found.thumbnails,
        card={
            "source": source or f"the folder {root.name}, one sub-folder per class",
            "classes": found.classes,
            "quarantined": found.quarantined,
            "warnings": found.warnings,
        },
        owners=[entry.owner for entry in found.entries],
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
        found = make(download=False)
    except RuntimeError:  # torchvision's word for "not there, or not intact"
        try:
            found = attempt(lambda: make(download=True))
        except Exception as error:
            reason = " ".join(str(error).split())[:120]
            raise UserError(
                f"--data-root {root}: {missing} and cannot be downloaded ({reason}); {CURE}"
            ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"--data-root {root}: {kind} in {folder} is damaged: {reason}") from error
    data = torch.as_tensor(found.data)
    pixels = data.unsqueeze(1) if data.dim() == 3 else data.permute(0, 3, 1, 2).contiguous()
    return pixels, torch.as_tensor(found.targets).long(), tuple(map(str, found.classes))


def _digests(pixels: Tensor) -> list[bytes]:
    return [sha256(each.tobytes()).digest() for each in pixels.numpy()]


def _assemble(
    images: Images,
    config: DataConfig,
    given: NDArray[np.str_],
    digests: Sequence[bytes],
    thumbs: NDArray[np.float32],
    card: Facts,
    owners: Sequence[str] = (),
) -> Splits:
    """Divide the images by groups of copies and of owners, and write the card.

    given: (n,) of train, val and test, as the source has them; card: what only the source knows;
    owners: the patient or lesion of each image, empty where it is not known.
    """
    labels, classes = images.labels.numpy(), card["classes"]
    groups = groups_of(digests, thumbs, owners)
    side = divide(labels, groups, given, config.split_seed, classes)
    left_out = int((side == "").sum())
    parts = {name: images.take(torch.from_numpy(np.flatnonzero(side == name))) for name in NAMES}
    rows = zip(side.tolist(), labels.tolist(), (each.hex() for each in digests), strict=True)
    described = Card(
        name=config.name,
        source=card["source"],
        fingerprint=sha256(repr((classes, images.shape, *rows)).encode()).hexdigest(),
        classes=classes,
        shape=images.shape,
        counts={
            name: np.bincount(labels[side == name], minlength=len(classes)).tolist()
            for name in NAMES
        },
        split=_sentence(given, config.split_seed, bool(set(owners) - {""})),
        synthetic=card.get("synthetic", False),
        warnings=[*card.get("warnings", ()), *([COPIES.format(left_out)] if left_out else ())],
        quarantined=card.get("quarantined", []),
        conflicts=conflicts(labels, groups, images.names),
    )
    return Splits(parts["train"], parts["val"], parts["test"], described)


def _sentence(given: NDArray[np.str_], seed: int, owned: bool) -> str:
    """Say how the split was made."""
    brought = [name for name in NAMES if name in given]
    missing = [name for name in NAMES if name not in given]
    if not missing:
        return "as the source has it"
    own = f"{' and '.join(brought)} as the source has them; " if len(brought) > 1 else ""
    kept = "copies and images of one patient or lesion" if owned else "copies"
    share = f"{' and '.join(missing)} a fifth of the {'training ' if own else ''}images each"
    return f"{own}{share}, by class, {kept} kept together, seed {seed}"
