"""Weight initialisation: the study from shell to report, and against the course's loop."""

import json
import tempfile
from pathlib import Path

import torch

from benchmarks import course_loop
from benchmarks.timing import Times, python, ratio, side_by_side, timed
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.images import Splits
from core.data.sources import load
from core.device import Device, pick
from core.errors import UserError
from core.models.initialisation import initialise
from core.models.networks import mlp
from core.training.replicas import Replicas, fit_many, predict_many

SCRIPT = "experiments/init_schemes.py"
SCHEMES = ("uniform-rule", "normal-rule", "xavier-uniform", "kaiming-normal", "default")


def main(full: bool) -> None:
    """Print each measurement as a line."""
    print(f"  --help: {timed(lambda: python(SCRIPT, '--help'), 5)}; wanted under 0.7 s")
    print(f"  13 schemes x 10 seeds on digits, shell to report: {embedded()}; wanted under 60 s")
    try:
        splits = load(DataConfig(data="fashion-mnist"))
    except UserError as error:
        print(f"  Fashion-MNIST left out: {error}")
        return
    trainings(splits, full)
    print(f"  all but training, of a Fashion-MNIST study's wall time: {tracking():.1%}")


def embedded() -> Times:
    """Time the study and its report on an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        page = f"{folder}/index.html"

        def both() -> None:
            python(SCRIPT, store=folder)
            python("-m", "reports", "--out", page, store=folder)

        return timed(both)


def trainings(splits: Splits, full: bool) -> None:
    """Time 25 trainings as one program against the course's loop: same images and networks."""
    device, n = pick(DeviceConfig()), 25
    runs = n if full else 2
    ours, course, gain = side_by_side(
        lambda: _batched(splits, device),
        lambda: [_plain(splits, seed) for seed in range(runs)],
        1 if full else 3,
    )
    scaled = Times([seconds * n / runs for seconds in gain.seconds])
    how = "all 25" if full else f"{runs} x {n / runs:g}"
    print(f"  25 Fashion-MNIST trainings on {device}: {ours}")
    print(f"  {runs} by the course's loop: {course}")
    wanted = 50 if device.torch.type == "cuda" else 6
    print(f"  ratio ({how}): {ratio(scaled)}; wanted {wanted} or more")


def _batched(splits: Splits, device: Device) -> float:
    """Train 5 schemes x 5 seeds and validate; return the mean validation accuracy."""
    held = splits.to(device.torch)
    models = [
        [initialise(mlp(splits.train.shape, 10), scheme, seed) for scheme in SCHEMES]
        for seed in range(5)
    ]
    replicas = Replicas(models, range(5), device)
    for _ in fit_many(replicas, held.train, None, TrainConfig(epochs=2, batch_size=100)):
        pass
    hits = predict_many(replicas, held.val).argmax(-1) == splits.val.labels
    return float(hits.float().mean())


def _plain(splits: Splits, seed: int) -> float:
    from torchvision import transforms
    from torchvision.datasets import FashionMNIST

    data = FashionMNIST(DataConfig().data_root, train=True, transform=transforms.ToTensor())
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(seed)).tolist()
    model = initialise(mlp(splits.train.shape, 10), "uniform-rule", seed)
    course_loop.train(model, data, order[:48_000])
    return course_loop.validate(model, data, order[48_000:])


def tracking() -> float:
    """Return the share of a Fashion-MNIST study's wall time that is not training."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--data", "fashion-mnist", "--seeds", "5", "--schemes", *SCHEMES)
        whole = timed(lambda: python(SCRIPT, *options, store=folder)).median
        page = f"{folder}/report.json"
        python("-m", "reports", "--format", "json", "--out", page, store=folder)
        made = json.loads(Path(page).read_text())["studies"][0]["provenance"]
    return 1 - float(made["seconds"]) / whole
