"""Skin lesions: explanations and t-SNE of 150 images of 96 pixels, with MobileNetV2 (random)."""

from collections.abc import Iterator

import torch

from benchmarks.results import Row
from benchmarks.timing import timed
from core.config import DeviceConfig
from core.data.images import Images, InMemory
from core.data.lesions import draw
from core.device import pick
from core.measures import skin_probes as probes
from core.models import backbones
from core.models.features import features

N, SIZE = 150, 96


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure what is asked of the first seed alone, once; as often as the rest if full."""
    device, n = pick(DeviceConfig()), repeats if full else 1
    backbone = backbones.load("mobilenet_v2", "random")
    pixels = draw(N, 0, SIZE, twice=0).pixels
    images = InMemory(pixels, labels=torch.zeros(N, dtype=torch.int64))  # all are shown
    trunk = backbone.trunk().freeze()

    def embed(some: Images) -> torch.Tensor:
        vectors = features(trunk, some, device).pixels
        assert isinstance(vectors, torch.Tensor)
        return vectors

    yield Row(f"t-SNE of {N} images", timed(lambda: probes.plane(embed, images), n))
    maps = timed(lambda: probes.looks(backbone.network, images, 0, N, device), n)
    yield Row(f"{N} explanations of images of {SIZE} pixels", maps, goal="60 s with t-SNE")
