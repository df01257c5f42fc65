"""Autoencoders: the lesson's convolutional network against the course's loop."""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset

from benchmarks.timing import python, ratio, side_by_side, timed
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.images import Images, InMemory
from core.device import Device, pick
from core.errors import UserError
from core.models.autoencoders import transposed
from core.models.initialisation import initialise
from core.training.objective import reconstruction
from core.training.seeds import fit_seeds

HELP = ("experiments/autoencoders.py", "--help")
SHAPE = (1, 28, 28)
SEEDS = 2  # as many as the cores of the machine that the target names


def main(full: bool) -> None:
    """Print each measurement as a line."""
    print(f"  --help: {timed(lambda: python(*HELP), 5)}; wanted under 0.7 s")
    try:
        against_the_course(60_000 if full else 6_000)
    except (RuntimeError, UserError) as error:
        print(f"  MNIST left out: {error}")


def against_the_course(n: int) -> None:
    """Time an epoch over n MNIST images, 2 seeds: wall time, and this process's own CPU time.

    Both sides train the same networks from the same weights, batches of 20, Adam at 1e-3. The
    course's loop goes in file order, ours in the order of its seed.
    """
    from torchvision import datasets, transforms

    root, device = DataConfig().data_root, pick(DeviceConfig(device="cpu"))
    data = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
    images = InMemory(data.data[:n].unsqueeze(1), labels=data.targets[:n])
    losses: dict[str, list[float]] = {"ours": [], "course": []}
    _ours(images, device)  # a study starts its processes once
    mine, theirs, gain = side_by_side(
        lambda: losses.__setitem__("ours", _ours(images, device)),
        lambda: losses.__setitem__("course", [_course(data, n, seed) for seed in range(SEEDS)]),
    )
    print(f"  {SEEDS} networks, an epoch of {n:,} images: ours {mine}, the course's loop {theirs}")
    print(f"  ratio: {ratio(gain)}; wanted 2.5 or more")
    one, other = (_cpu(lambda: _ours(images, device, 1)), _cpu(lambda: _course(data, n, 0)))
    print(f"  one network, CPU seconds: ours {one:.1f}, the course's {other:.1f}")
    shown = {name: ", ".join(f"{loss:.4f}" for loss in each) for name, each in losses.items()}
    print(f"  training loss a pixel, by seed: ours {shown['ours']}; course {shown['course']}")


def _model(seed: int) -> nn.Module:
    return initialise(transposed(SHAPE), "default", seed)


def _ours(images: Images, device: Device, seeds: int = SEEDS) -> list[float]:
    models = [_model(seed) for seed in range(seeds)]
    settings = TrainConfig(epochs=1, batch_size=20)
    (epoch,) = fit_seeds(
        models, range(seeds), images, None, settings, device, None, reconstruction()
    )
    return [float(loss) for loss in epoch.metrics["train/loss"].flat]


class Lesson(nn.Module):
    """The network as the notebook writes it, on the weights of ours."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        ours = initialise(transposed(SHAPE), "default", seed).to(
            memory_format=torch.contiguous_format
        )
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


def _cpu(run: Callable[[], object]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.process_time()
    run()
    torch.set_num_threads(threads)
    return time.process_time() - start
