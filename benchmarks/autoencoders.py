"""Autoencoders: the lesson's convolutional network against the course's loop."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset

from benchmarks.results import Row
from benchmarks.timing import side_by_side
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.images import Images, InMemory
from core.device import Device, pick
from core.errors import UserError
from core.models.autoencoders import Autoencoder, transposed
from core.models.initialisation import initialise
from core.training.objective import reconstruction
from core.training.seeds import fit_seeds

SHAPE = (1, 28, 28)
SEEDS = 2  # as many as the cores of the machine that the target names


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure an epoch of the convolutional network on MNIST."""
    n = 60_000 if full else 6_000
    try:
        yield against_the_course(n, repeats)
    except (RuntimeError, UserError) as error:
        print(f"  MNIST left out: {error}")


def against_the_course(n: int, repeats: int) -> Row:
    """Time an epoch over n MNIST images, 2 seeds, against the course's loop.

    Both sides train the same networks from the same weights, batches of 20, Adam at 1e-3. The
    course's loop goes in file order, ours in the order of its seed.
    """
    from torchvision import datasets, transforms

    root, device = DataConfig().data_root, pick(DeviceConfig(device="cpu"))
    data = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
    images = InMemory(data.data[:n].unsqueeze(1), labels=data.targets[:n])
    losses: dict[str, list[float]] = {}
    _ours(images, device)  # a study starts its processes once
    mine, theirs = side_by_side(
        lambda: losses.update({"ours": _ours(images, device)}),
        lambda: losses.update({"the course's": [_course(data, n, s) for s in range(SEEDS)]}),
        repeats,
    )
    shown = {name: " ".join(f"{loss:.4f}" for loss in by_seed) for name, by_seed in losses.items()}
    note = "training loss a pixel by seed: " + ", ".join(f"{k} {v}" for k, v in shown.items())
    work = f"{SEEDS} convolutional autoencoders, an epoch of {n:,} MNIST images"
    return Row(work, mine, "the course's loop", theirs, SEEDS * n, "images", note, "4 s of 60,000")


def _model(seed: int) -> Autoencoder:
    return initialise(transposed(SHAPE), "default", seed)


def _ours(images: Images, device: Device) -> list[float]:
    models = [_model(seed) for seed in range(SEEDS)]
    settings = TrainConfig(epochs=1, batch_size=20)
    (epoch,) = fit_seeds(
        models, range(SEEDS), images, None, settings, device, None, reconstruction()
    )
    return [float(loss) for loss in epoch.metrics["train/loss"].flat]


class Lesson(nn.Module):
    """The network as the notebook writes it, on the weights of ours."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        ours = _model(seed).to(memory_format=torch.contiguous_format)
        self.conv1, self.conv2 = ours.encoder[0], ours.encoder[3]
        self.t_conv1, self.t_conv2 = ours.decoder[0], ours.decoder[2]
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstruct a batch."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return torch.sigmoid(self.t_conv2(F.relu(self.t_conv1(x))))


def _course(data: torch.utils.data.Dataset, n: int, seed: int) -> float:
    """Train an epoch as the notebook does; return the true mean loss a pixel."""
    model, total = Lesson(seed), 0.0
    loader = DataLoader(Subset(data, range(n)), batch_size=20, num_workers=0)
    criterion, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-3)
    for images, _ in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), images)
        loss.backward()
        optimizer.step()
        total += loss.item() * images.size(0)
    return total / n
