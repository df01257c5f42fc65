"""A hundred digits, small networks, the CPU."""

import pytest
import torch

from core.data.config import DataConfig
from core.data.images import InMemory
from core.data.sources import load
from core.device import Device
from core.models.initialisation import initialise
from core.models.networks import mlp


@pytest.fixture(scope="session")
def cpu():
    return Device(torch.device("cpu"), bfloat16=False)


@pytest.fixture(scope="session")
def parts():
    """103 training images, so that the last batch is short, and 50 for validation."""
    splits = load(DataConfig())
    return splits.train.take(torch.arange(103)), splits.val.take(torch.arange(50))


@pytest.fixture(scope="session")
def build():
    """Return a function: seed, scheme, dropout -> a small network with its initial weights."""

    def make(seed, scheme="kaiming-uniform", dropout=0.0):
        return initialise(mlp((1, 8, 8), 10, (12, 7), dropout), scheme, seed)

    return make


@pytest.fixture(scope="session")
def nonsense():
    """Images of noise with labels of noise: nothing to learn."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=random)
    return InMemory(pixels, labels=torch.randint(0, 10, (64,), generator=random))
