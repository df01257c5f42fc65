"""A trained network that is kept to be used again: weights, classes, preprocessing in one file."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from core.data.card import Card
from core.data.decode import scale
from core.errors import UserError, reason
from core.models import backbones
from core.models.config import RANDOM
from core.models.networks import linear_head, scratch_cnn
from core.models.preparation import Preparation
from core.models.trunks import trunk, with_head

FORMAT = "cnn-claims network 1"
FILE = "kept/network.safetensors"
"""its name among a trial's artifacts"""
BATCH = 64


@dataclass(frozen=True)
class Kept:
    """A trained classifier with what it needs to be used."""

    network: nn.Module
    """pixels, float (batch, channels, H, W) in [0, 1], to logits (batch, classes)"""
    classes: tuple[str, ...]
    prepare: Callable[[Image.Image], NDArray[np.uint8]]
    """RGB image of any size -> (channels, H, W)"""

    @torch.no_grad()
    def probabilities(self, images: Sequence[Image.Image]) -> Tensor:
        """Return the probability of every class, float32 (n, classes). images: upright, RGB."""
        pixels = torch.from_numpy(np.stack([self.prepare(image) for image in images]))
        parts = (self.network(part.float() / 255) for part in pixels.split(BATCH))
        return torch.cat([*parts]).softmax(-1)


def _scratch(_: str, shape: Sequence[int], n_classes: int) -> nn.Module:
    return scratch_cnn(shape, n_classes)


def _linear(network: str, _: Sequence[int], n_classes: int) -> nn.Module:
    body = backbones.load(network, RANDOM).trunk()
    return nn.Sequential(body, *linear_head(body.width, n_classes, 0))


def _standardised(network: str, shape: Sequence[int], n_classes: int) -> nn.Module:
    return with_head(trunk(network, RANDOM, shape, 0), shape, n_classes, 0)


BUILDERS = {"scratch": _scratch, "linear": _linear, "standardised": _standardised}
"""kind of network -> what builds it from a name, (channels, height, width) and n_classes"""


def files(
    network: nn.Module,
    kind: str,
    name: str,
    card: Card,
    preparation: Preparation | None = None,
) -> dict[str, bytes]:
    """Return the network as a file that a trial keeps, see `Record.files`.

    kind: what builds it, one of BUILDERS; name: of its backbone, or cnn; card: of the data that it
    was trained on; preparation: of its images, by default scaled to fill the card's shape.
    """
    # Copies, as some networks hold a tensor under two names, which the format refuses.
    state = {key: value.cpu().clone().contiguous() for key, value in network.state_dict().items()}
    facts = {
        "format": FORMAT,
        "kind": kind,
        "network": name,
        "shape": card.shape,
        "classes": card.classes,
        "preparation": asdict(preparation) if preparation else None,
    }
    return {FILE: save(state, metadata={"facts": json.dumps(facts)})}


def load(path: str | Path) -> Kept:
    """Read a kept network, on the CPU in evaluation mode. Raises UserError for any other file."""
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if facts.get("format") != FORMAT:
            raise UserError(f"{path}: a kept network is wanted, this is another safetensors file")
        classes, shape = tuple(facts["classes"]), tuple(facts["shape"])
        network = BUILDERS[facts["kind"]](facts["network"], shape, len(classes))
        network.load_state_dict(state)
        return Kept(network.eval(), classes, _preparing(facts["preparation"], shape))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: a kept network is wanted: {reason(error)}") from error


def _preparing(
    preparation: dict[str, Any] | None, shape: tuple[int, ...]
) -> Callable[[Image.Image], NDArray[np.uint8]]:
    return Preparation.of(preparation) if preparation else partial(_scaled, shape)


def _scaled(shape: tuple[int, ...], image: Image.Image) -> NDArray[np.uint8]:
    _, height, width = shape
    grey = shape[0] == 1
    return scale(image.convert("L").convert("RGB") if grey else image, (height, width))[: shape[0]]
