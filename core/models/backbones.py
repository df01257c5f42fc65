"""Torchvision's classifiers: weights and class names; trunks cut from them.

A backbone takes pixels in [0, 1] and normalises them itself, so that nothing else needs to know
how. `Backbone.trunk` drops its head, `Backbone.cut` keeps its first stages; either gives a `Trunk`,
whose output is one vector an image.
"""

import contextlib
import copy
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from core.device import seeded
from core.models import weights as files
from core.models.config import IMAGENET, RANDOM
from core.models.preparation import Preparation

# Networks that hold their stages inside these, not as their own children.
_OPENED = ("features", "layers", "trunk_output", "blocks", "encoder", "encoder.layers")
# torchvision sets these where it loads weights, and they change what the network computes.
_AS_PRETRAINED = {
    "googlenet": {"transform_input": True, "init_weights": True},
    "inception_v3": {"transform_input": True, "init_weights": True},
}


class Trunk(nn.Module):
    """A network without its head: pixels to one vector an image."""

    def __init__(self, network: nn.Module, preparation: Preparation, name: str) -> None:
        """Wrap a network that returns {"features": tensor}; name: for logs."""
        super().__init__()
        self.network, self.preparation, self.name = network, preparation, name
        self.is_frozen, self.keeps_statistics = False, False
        mode = network.training
        with torch.no_grad():
            black = torch.zeros(1, *preparation.shape, device=_device(network))
            self.width = self.eval()(black).shape[1]
        self.train(mode)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return features (batch, width): averaged over positions where there are any.

        pixels: (batch, 1 or 3, H, W) float in [0, 1].
        """
        features = self.network(self.preparation.normalise(pixels))["features"]
        if features.dim() == 4:
            return features.mean((1, 2) if self.name.startswith("swin") else (2, 3))
        return features.mean(1) if features.dim() == 3 else features  # tokens of a transformer

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy it in its mode: torch puts the copy of a traced network into training mode."""
        twin = memo[id(self)] = type(self).__new__(type(self))
        twin.__dict__ = copy.deepcopy(self.__dict__, memo)
        return twin.train(self.training)

    def freeze(self) -> Self:
        """Keep parameters and buffers as they are: no gradients, and never in training mode."""
        self.is_frozen = True
        self.requires_grad_(False)
        return self.eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; frozen trunks stay in evaluation mode, or batch norm would drift.

        With `keeps_statistics` only batch norm stays in it.
        """
        super().train(mode and not self.is_frozen)
        for module in self.modules() if self.keeps_statistics else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def folded(self) -> "Trunk":
        """Return a frozen trunk whose batch norms are part of the convolutions before them.

        Its features are the same within rounding, in half the time (MobileNetV2 on a CPU). A
        network that is no graph of torchvision's is left as it is.
        """
        if not isinstance(self.network, fx.GraphModule):
            return self
        network = fuse(copy.deepcopy(self).freeze().network, inplace=True)
        return Trunk(network, self.preparation, self.name).freeze()


class Backbone(nn.Module):
    """A torchvision classifier of ImageNet's 1,000 classes behind its own preprocessing."""

    def __init__(self, network: nn.Module, name: str, weights: str) -> None:
        """Wrap torchvision's network; weights: as `load`."""
        super().__init__()
        self.network, self.name, self.weights = network, name, weights
        self.classes, self.preparation = class_names(name), _preparation(files.entry(name))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (batch, 1000). pixels: (batch, 1 or 3, H, W) float in [0, 1]."""
        return self.network(self.preparation.normalise(pixels))

    def trunk(self) -> Trunk:
        """Return all but the last layer, with the same weights (shared, not copied)."""
        nodes = get_graph_node_names(self.network)[1]
        return self._until(nodes[nodes.index(_head(self.network)) - 1], self.name)

    def cut(self, stages: int) -> Trunk:
        """Return the first stages, with the same weights (shared, not copied).

        A stage begins with a layer that has weights to learn from images (a convolution, a block
        of them, a transformer's layer) and holds the normalisation, activation and pooling that
        follow. Raises ValueError outside 1 to `n_stages`.
        """
        ends = self._ends()
        if not 1 <= stages <= len(ends):
            raise ValueError(f"stages: {stages}, wanted 1 to {len(ends)} of {self.name}")
        return self._until(ends[stages - 1], f"{self.name}[:{stages}]")

    @property
    def n_stages(self) -> int:
        """Return the number of stages `cut` can keep."""
        return len(self._ends())

    def _until(self, node: str, name: str) -> Trunk:
        part = create_feature_extractor(self.network, {node: "features"})
        return Trunk(part, self.preparation, name)

    def _ends(self) -> list[str]:
        """Return the last graph node of every stage."""
        nodes = get_graph_node_names(self.network)[1]
        ends: list[str] = []
        for name, module in _parts(self.network, _head(self.network).split(".")[0]):
            inner = [node for node in nodes if node == name or node.startswith(f"{name}.")]
            learns = any(isinstance(m, nn.Conv2d | nn.Linear) for m in module.modules())
            if inner and (learns or not ends):
                ends.append(inner[-1])
            elif inner:
                ends[-1] = inner[-1]
        return ends


def load(name: str, weights: str = IMAGENET, seed: int = 0) -> Backbone:
    """Build torchvision's classifier `name` with its weights, in evaluation mode on the CPU.

    weights: as `core.models.config` says; random: torchvision's initialisation from `seed`. Raises
    UserError for an unknown name, and for weights that are missing or do not fit.
    """
    files.known(name)
    with seeded(seed):
        network = models.get_model(name, weights=None, **_AS_PRETRAINED.get(name, {}))
    if weights != RANDOM:
        files.fill(network, files.load(weights, name), name, weights)
    for side in ("AuxLogits", "aux1", "aux2"):
        if hasattr(network, side):
            setattr(network, side, None)  # heads that only training from scratch uses
            network.aux_logits = False
    return Backbone(network, name, Path(weights).name).eval()


def class_names(name: str) -> tuple[str, ...]:
    """Return the names of the 1,000 classes that torchvision's network `name` tells apart."""
    return tuple(files.entry(name).meta["categories"])


def digest(module: nn.Module) -> str:
    """Hash parameters and buffers, names and values: sha256 in hexadecimal."""
    total = sha256()
    for name, value in sorted(module.state_dict().items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\0".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()


@contextlib.contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Raise RuntimeError if the block changed a parameter or a buffer of a frozen module."""
    before = digest(module)
    yield
    if digest(module) != before:
        raise RuntimeError("a frozen network changed: its parameters or buffers have another hash")


def trainable(module: nn.Module) -> dict[str, int]:
    """Return the parameters that training will change: name -> number of values."""
    return {name: value.numel() for name, value in module.named_parameters() if value.requires_grad}


def _device(network: nn.Module) -> torch.device:
    return next((value.device for value in network.parameters()), torch.device("cpu"))


def _preparation(entry: Any) -> Preparation:
    preset = entry.transforms()
    return Preparation(
        resize=preset.resize_size[0],
        crop=preset.crop_size[0],
        interpolation=preset.interpolation.value,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


def _head(network: nn.Module) -> str:
    """Return the name of the layer that makes the logits: the last one with an output a class."""
    layers = [n for n, m in network.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    return layers[-1]


def _parts(network: nn.Module, head: str, above: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Walk the network's parts in order, up to the one that holds the head."""
    for child, module in network.named_children():
        name = f"{above}{child}"
        if name == head:
            return
        if name in _OPENED:
            yield from _parts(module, head, f"{name}.")
        else:
            yield name, module
