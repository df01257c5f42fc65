"""Parts of a set of images: some of its classes, a few of each, another size."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from core.data.images import Images, InMemory
from core.device import derive


def only(images: Images, classes: Sequence[int]) -> Images:
    """Return the images of some classes, which become 0, 1, ... in the order given."""
    places = torch.tensor(classes)
    index = torch.isin(images.labels, places).nonzero().squeeze(1)
    part = images.take(index)
    return replace(part, labels=(part.labels[:, None] == places).int().argmax(1))


def few(images: Images, per_class: int, seed: int) -> Images:
    """Draw as many images of every class, or all where there are fewer; a function of the seed."""
    labels, random = images.labels.numpy(), np.random.default_rng(derive(seed))
    chosen = [
        random.permutation(np.flatnonzero(labels == label))[:per_class]
        for label in np.unique(labels)
    ]
    return images.take(torch.from_numpy(np.sort(np.concatenate(chosen))))


def resized(images: Images, side: int) -> InMemory:
    """Scale images to side x side pixels and hold them in memory."""
    scaled = F.interpolate(images.tensor().float(), (side, side), mode="bilinear", antialias=True)
    pixels = scaled.round().clamp(0, 255).to(torch.uint8)
    return InMemory(pixels, labels=images.labels, names=images.names)
