"""Which data to use. No heavy import: `--help` must answer at once."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Interval

from core.config import FolderPath, Seed, Settled, check, check_options

EMBEDDED = ("digits", "lfw-patches", "drawn-digits", "lesions")
ARTEFACTS = ("ink", "ruler", "hair")
TORCHVISION = ("mnist", "fashion-mnist", "cifar10")


def default_root() -> Path:
    """Return where real data sets lie: the environment's DATA_ROOT, else ./data."""
    return Path(os.environ.get("DATA_ROOT") or "data")


def found(path: Path, root: Path) -> Path:
    """Return where a path is: below `root` if it is there and not here, else as it is given."""
    given, below = path.expanduser(), root.expanduser() / path
    return below if below.exists() and not given.exists() else given


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The images of a study."""

    data: str = "digits"
    """digits or lfw-patches (embedded); drawn-digits (more images than digits has) or lesions
    (lesions:ink+ruler+hair puts these on some), both drawn by a program; mnist, fashion-mnist or
    cifar10 (torchvision's, taken from DATA_ROOT or downloaded to it); isic2017 (in DATA_ROOT);
    oxford-pets (torchvision's); hf:NAME or hf:PATH, a set of the library datasets; or folder:PATH,
    one sub-folder per class, with train/, valid/ (or val/) and test/ above them if you have them"""
    data_root: FolderPath = field(default_factory=default_root)
    """where real data sets lie; the default is the environment's DATA_ROOT, else ./data"""
    size: Settled[Annotated[int, Interval(ge=1, le=4096)]] = None
    """side in pixels to which folder:PATH and hf:NAME are scaled and centre-cropped (default: the
    images' own size if all agree on at most 224, else 64)"""
    split_seed: Seed = 0
    """seed of the split, where the source brings none"""
    memory: Annotated[float, Interval(ge=0, le=1_000_000)] = 2.0
    """GiB of decoded images to hold; larger folders are decoded anew each epoch"""

    def __post_init__(self) -> None:
        check_options(self)
        kind, _, path = self.data.partition(":")
        named = (*EMBEDDED, *TORCHVISION, "isic2017", "oxford-pets")
        drawn = kind == "lesions" and set(path.split("+")) <= set(ARTEFACTS)
        known = self.data in named or (kind in ("folder", "hf") and bool(path)) or drawn
        wanted = f"one of {', '.join(named)}, lesions:{'+'.join(ARTEFACTS)}, hf:NAME or folder:PATH"
        check("data", self.data, known, wanted)

    @property
    def folder(self) -> Path:
        """Return PATH of folder:PATH, or where it is below `data_root`."""
        return found(Path(self.data.removeprefix("folder:")), self.data_root)

    @property
    def name(self) -> str:
        """Return the name of the set, without the path of a folder."""
        kind, _, path = self.data.partition(":")
        return f"{kind}:{Path(path).expanduser().resolve().name}" if path else kind
