"""A trained head with all that it needs to be used: classes, preprocessing, trunk, neighbours."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from core.errors import UserError, reason
from core.files import whole
from core.models.backbones import Trunk, digest
from core.models.preparation import Preparation
from core.provenance import ROOT

FORMAT = "cnn-claims head 1"
PLACE = ROOT / "mlruns" / "heads"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A linear head on a frozen trunk, and the training images it was made from."""

    classes: tuple[str, ...]
    preparation: Preparation
    trunk: str
    """name of the trunk"""
    trunk_digest: str
    """hash of its weights: another trunk's features mean nothing to the head"""
    weight: Tensor
    """float32 (classes, width)"""
    bias: Tensor
    """float32 (classes,)"""
    features: Tensor
    """float32 (n, width), of the training images"""
    labels: Tensor
    """int64 (n,)"""
    thumbnails: Tensor
    """uint8 (n, 3, side, side): the training images, small"""

    def __post_init__(self) -> None:
        n, width = self.features.shape
        fits = self.weight.shape == (len(self.classes), width) and len(self.labels) == n
        if not fits or len(self.bias) != len(self.classes) or len(self.thumbnails) != n:
            raise ValueError("bundle: head, classes and training images do not fit together")

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the probability of every class. features: (batch, width). Rows add up to 1."""
        return F.linear(features, self.weight, self.bias).softmax(-1)

    def nearest(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Find the training images like these: cosine distances (batch, k), indices (batch, k)."""
        queries, known = (F.normalize(rows, dim=-1) for rows in (features, self.features))
        similarity, index = (queries @ known.T).topk(min(k, len(known)), dim=-1)
        return 1 - similarity, index

    def check(self, trunk: Trunk) -> None:
        """Raise ValueError unless the trunk is the one that the head was trained on."""
        if digest(trunk) != self.trunk_digest or trunk.preparation != self.preparation:
            raise ValueError(f"trunk: {trunk.name}, wanted the one that the head was trained on")

    def pack(self) -> bytes:
        """Return one safetensors file."""
        tensors = {
            name: getattr(self, name).contiguous()
            for name in ("weight", "bias", "features", "labels", "thumbnails")
        }
        facts = {
            "format": FORMAT,
            "classes": self.classes,
            "preparation": asdict(self.preparation),
            "trunk": self.trunk,
            "trunk_digest": self.trunk_digest,
        }
        return save(tensors, metadata={"facts": json.dumps(facts)})

    def save(self, path: Path) -> None:
        """Write that file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            file.write_bytes(self.pack())


def load(path: Path) -> Bundle:
    """Read a bundle. Raises UserError for a file that is missing or holds anything else."""
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if facts.pop("format", None) != FORMAT:
            raise UserError(f"{path}: a trained head is wanted, this is another safetensors file")
        prepared = Preparation.of(facts.pop("preparation"))
        classes = tuple(facts.pop("classes"))
        return Bundle(classes=classes, preparation=prepared, **facts, **tensors)
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: a trained head is wanted: {reason(error)}") from error


def small(pixels: Tensor, side: int = 96) -> Tensor:
    """Scale uint8 images (n, C, H, W) to side x side."""
    parts = (
        F.interpolate(part.float(), (side, side), mode="bilinear", antialias=True)
        for part in pixels.split(256)
    )
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])
