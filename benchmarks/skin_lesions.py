"""Skin lesions: explanations and t-SNE of 150 images of 96 pixels, with MobileNetV2 (random)."""

import torch

from benchmarks.timing import timed
from core.config import DeviceConfig
from core.data.images import Images, InMemory
from core.data.lesions import draw
from core.device import pick
from core.measures import skin_probes as probes
from core.models import backbones
from core.models.features import features

N, SIZE = 150, 96


def main(full: bool) -> None:
    """Print each measurement as a line; three times each if full."""
    device, repeats = pick(DeviceConfig()), 3 if full else 1
    backbone = backbones.load("mobilenet_v2", "random")
    pixels = draw(N, 0, SIZE, twice=0).pixels
    images = InMemory(pixels, labels=torch.zeros(N, dtype=torch.int64))  # all are shown
    trunk = backbone.trunk().freeze()

    def embed(some: Images) -> torch.Tensor:
        made = features(trunk, some, device).pixels
        assert isinstance(made, torch.Tensor)
        return made

    plane = timed(lambda: probes.plane(embed, images), repeats)
    maps = timed(lambda: probes.looks(backbone.network, images, 0, N, device), repeats)
    print(f"  t-SNE of the features of {N} images: {plane}")
    print(f"  {N} explanations, the randomised network's, deletion curves: {maps}")
    print("  wanted: under 60 s together")
