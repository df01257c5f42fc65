"""Trainings on images of noise in the sizes of real sets: they take as long, and need no set."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import transforms

from benchmarks import course_loop
from core.config import TrainConfig
from core.data.images import InMemory
from core.device import Device
from core.models.autoencoders import NETWORKS
from core.models.initialisation import SCHEMES, initialise
from core.models.networks import mlp
from core.training.batched import fit_many
from core.training.objective import CLASSIFICATION, Objective, reconstruction
from core.training.replicas import Replicas

N = 48_000  # training images of Fashion-MNIST and MNIST, less the fifth for validation
STEADY = ("uniform-rule", "normal-rule", "xavier-uniform", "kaiming-normal")
"""schemes whose training does not magnify a rounding error"""


def images(n: int, channels: int = 1, side: int = 28) -> InMemory:
    """Return n images of noise of ten classes."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, channels, side, side), generator=random, dtype=torch.uint8)
    return InMemory(pixels, labels=torch.randint(0, 10, (n,), generator=random))


def fit(
    device: Device,
    models: Sequence[Sequence[nn.Module]],
    images: InMemory,
    config: TrainConfig,
    objective: Objective = CLASSIFICATION,
) -> np.ndarray:
    """Train; return the losses of all steps, (steps, seeds, arms)."""
    replicas = Replicas(models, range(len(models)), device)
    epochs = fit_many(replicas, images, None, config, None, objective)
    return np.concatenate([epoch.step_losses for epoch in epochs])


def sweep(device: Device, seeds: int) -> Callable[[], np.ndarray]:
    """Return the training of 13 networks a seed, the images being on the device."""
    models = [[mlp((1, 28, 28), 10) for _ in SCHEMES] for _ in range(seeds)]
    held = images(N).to(device.torch)
    return lambda: fit(device, models, held, TrainConfig(epochs=2, batch_size=100))


def steady(device: Device) -> np.ndarray:
    """Train without dropout, whose masks a GPU draws otherwise than a CPU."""
    models = [
        [initialise(mlp((1, 28, 28), 10, dropout=0.0), scheme, seed) for scheme in STEADY]
        for seed in range(2)
    ]
    held = images(6_000).to(device.torch)
    return fit(device, models, held, TrainConfig(epochs=2, batch_size=100))


def autoencoder(
    device: Device, arm: str, n: int = N, noise: float = 0.0
) -> Callable[[], np.ndarray]:
    """Return the training of an autoencoder, 10 seeds, for an epoch."""
    models = [[initialise(NETWORKS[arm]((1, 28, 28)), "default", seed)] for seed in range(10)]
    held, config = images(n).to(device.torch), TrainConfig(epochs=1, batch_size=20)
    return lambda: fit(device, models, held, config, reconstruction(noise))


class _Course(Dataset[tuple[Tensor, int]]):
    """Noise as the course's loop gets its images: PIL through ToTensor."""

    def __init__(self) -> None:
        held = images(N)
        self.pixels, self.labels = held.pixels[:, 0].numpy(), held.labels.tolist()
        self.transform = transforms.ToTensor()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def course() -> None:
    """Train one network by the course's loop."""
    data = _Course()
    course_loop.train(mlp((1, 28, 28), 10), data, list(range(N)))
