"""A network like torchvision's, small: convolutions, ReLUs that overwrite, poolings."""

import pytest
import torch
from torch import nn

from core.config import DeviceConfig
from core.device import pick, seeded


@pytest.fixture
def network():
    with seeded(0):
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(inplace=True),
        )


@pytest.fixture
def device():
    return pick(DeviceConfig(device="cpu"))


@pytest.fixture
def batch():
    """Return two contents (2, 3, 20, 24) and two styles of other shapes, standardised."""
    source = torch.Generator().manual_seed(1)
    contents = torch.randn(2, 3, 20, 24, generator=source).clamp(-2, 2)
    styles = [torch.randn(3, *size, generator=source) * 2 for size in ((18, 30), (26, 16))]
    return contents, styles
