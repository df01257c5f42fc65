"""Which data to use. No heavy import: `--help` must answer at once."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from core.config import Settled, check

EMBEDDED = ("digits", "lfw-patches", "lesions")
ARTEFACTS = ("ink", "ruler", "hair")
TORCHVISION = ("mnist", "fashion-mnist", "cifar10")


def default_root() -> Path:
    """Return where real data sets lie: the environment's DATA_ROOT, else ./data."""
    return Path(os.environ.get("DATA_ROOT") or "data")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The images of a study."""

    data: str = "digits"
    """digits or lfw-patches (embedded); lesions (drawn; lesions:ink+ruler+hair puts these on some);
    mnist, fashion-mnist or cifar10 (torchvision's, taken from DATA_ROOT or downloaded to it);
    isic2017 (in DATA_ROOT); oxford-pets (torchvision's); or folder:PATH, one sub-folder per class,
    with train/, valid/ (or val/) and test/ above them if you have them"""
    data_root: Path = field(default_factory=default_root)
    """where real data sets lie; the default is the environment's DATA_ROOT, else ./data"""
    size: Settled[int] = None
    """side in pixels to which folder:PATH is scaled and centre-cropped (default: the images' own
    size if all agree on at most 224, else 64)"""
    split_seed: int = 0
    """seed of the split, where the source brings none"""
    memory: float = 2.0
    """GiB of decoded images to hold; larger folders are decoded anew each epoch"""

    def __post_init__(self) -> None:
        kind, _, path = self.data.partition(":")
        named = (*EMBEDDED, *TORCHVISION, "isic2017", "oxford-pets")
        drawn = kind == "lesions" and set(path.split("+")) <= set(ARTEFACTS)
        known = self.data in named or (kind == "folder" and bool(path)) or drawn
        wanted = f"one of {', '.join(named)}, lesions:{'+'.join(ARTEFACTS)} or folder:PATH"
        check("data", self.data, known, wanted)
        text = not any("\ud800" <= each <= "\udfff" for each in self.data)
        check("data", ascii(self.data), text, "a path in UTF-8")  # no store could hold it
        check("size", self.size, self.size is None or 1 <= self.size <= 4096, "1 to 4096")
        check("split_seed", self.split_seed, self.split_seed >= 0, "0 or more")
        check("memory", self.memory, self.memory >= 0, "a number of GiB, 0 or more")

    @property
    def name(self) -> str:
        """Return the name of the set, without the path of a folder."""
        kind, _, path = self.data.partition(":")
        return f"{kind}:{Path(path).expanduser().resolve().name}" if path else kind
