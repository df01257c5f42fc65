"""Trunks: the course's cnn or torchvision's classifiers, random or pretrained; heads on them."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from core.config import TrainConfig
from core.data.config import DataConfig
from core.data.images import InMemory
from core.data.sources import load
from core.device import Device, seeded
from core.models import backbones
from core.models.config import RANDOM
from core.models.networks import scratch_cnn
from core.training.single import fit

DIGITS = TrainConfig(epochs=4, batch_size=64)  # the cnn's own pretraining


def trunk(network: str, weights: str, shape: Sequence[int], seed: int) -> nn.Module:
    """Build a network without its head: images to one vector each, (batch, width).

    network: cnn (the course's scratch CNN), or a torchvision classifier, which then takes images
    of this shape, (channels, height, width), and not of its own. weights: as `backbones.load`;
    the cnn has none. Raises UserError as `backbones.load`.
    """
    if network == "cnn":
        with seeded(seed):
            return scratch_cnn(shape, 2)[:-1]
    backbone = backbones.load(network, weights, seed)
    backbone.preparation = replace(backbone.preparation, resize=shape[1], crop=min(shape[1:]))
    return backbone.trunk()


def with_head(model: nn.Module, shape: Sequence[int], n_classes: int, seed: int) -> nn.Sequential:
    """Put a linear head on a trunk, its inputs standardised: arms differ in scale.

    Returns (trunk, head); the head also takes features as images, (batch, width, 1, 1).
    """
    with torch.no_grad():
        width = model.eval()(torch.zeros(1, *shape)).shape[1]
    with seeded(seed):
        head = (nn.Flatten(), nn.BatchNorm1d(width, affine=False), nn.Linear(width, n_classes))
    return nn.Sequential(model, nn.Sequential(*head))


def pretrained(network: str, weights: str, shape: Sequence[int], device: Device) -> nn.Module:
    """Return a pretrained trunk on the CPU: torchvision's, or the cnn after it saw digits.

    The cnn learns scikit-learn's digits, enlarged to `shape`, so that a study needs no download.
    """
    if network != "cnn":
        return trunk(network, weights, shape, 0)
    model = trunk(network, RANDOM, shape, 0)
    digits = load(DataConfig(data="digits")).train
    pixels = F.interpolate(digits.tensor().float(), list(shape[1:]), mode="bilinear")
    seen = InMemory(pixels.to(torch.uint8).expand(-1, shape[0], -1, -1), labels=digits.labels)
    whole = with_head(model, shape, len(digits.labels.unique()), 0)
    for _ in fit(whole, seen.to(device.torch), None, DIGITS, 0, device):
        pass
    return model.cpu().eval()
