"""Weight initialisation: the study from shell to report, and against the course's loop."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks import course_loop
from benchmarks.results import Row
from benchmarks.timing import Times, python, side_by_side, timed
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.images import Splits
from core.data.sources import load
from core.device import Device, pick
from core.errors import UserError
from core.models.initialisation import initialise
from core.models.networks import mlp
from core.training.batched import fit_many, predict_many
from core.training.replicas import Replicas

SCRIPT = "experiments/init_schemes.py"
SCHEMES = ("uniform-rule", "normal-rule", "xavier-uniform", "kaiming-normal", "default")


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure the study from the shell, and its training."""
    times = timed(lambda: python(SCRIPT, "--help"), repeats)
    yield Row("`init_schemes --help`", times, goal="0.2 s")
    yield Row("`init_schemes`, no option, and its report", embedded(repeats), goal="25 s")
    try:
        splits = load(DataConfig(data="fashion-mnist"))
    except UserError as error:
        print(f"  Fashion-MNIST left out: {error}")
        return
    yield trainings(splits, repeats, full)
    yield precisions(splits, repeats)
    yield tracking()


def embedded(repeats: int) -> Times:
    """Time the study and its report on an empty store."""

    def both() -> None:
        with tempfile.TemporaryDirectory() as folder:
            python(SCRIPT, store=folder)
            python("-m", "reports", "--out", f"{folder}/index.html", store=folder)

    return timed(both, repeats)


def trainings(splits: Splits, repeats: int, full: bool) -> Row:
    """Time 25 trainings as one program against the course's loop: same images and networks."""
    device, n = pick(DeviceConfig()), 25
    runs = n if full else 1
    ours, course = side_by_side(
        lambda: _batched(splits, device),
        lambda: [_plain(splits, seed) for seed in range(runs)],
        repeats,
    )
    other = "the course's loop" if full else f"the course's loop, one of {n}, scaled"
    return Row(
        "25 Fashion-MNIST trainings of two epochs", ours, other, course.times(n / runs), 25,
        "networks", str(device), "8 x",
    )  # fmt: skip


def precisions(splits: Splits, repeats: int) -> Row:
    """Time the same trainings in bfloat16, against float32."""
    half, single = (pick(DeviceConfig(precision=name)) for name in ("bfloat16", "float32"))
    accuracies: dict[str, float] = {}
    ours, theirs = side_by_side(
        lambda: accuracies.update(bfloat16=_batched(splits, half)),
        lambda: accuracies.update(float32=_batched(splits, single)),
        repeats,
    )
    note = ", ".join(f"{name} {share:.2%} of validation" for name, share in accuracies.items())
    return Row("the same, `--precision bfloat16`", ours, "float32", theirs, 25, "networks", note)


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


def tracking() -> Row:
    """Time a Fashion-MNIST study, and say which share of it is not training."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--data", "fashion-mnist", "--seeds", "5", "--schemes", *SCHEMES)
        whole = timed(lambda: python(SCRIPT, *options, store=folder))
        page = f"{folder}/report.json"
        python("-m", "reports", "--format", "json", "--out", page, store=folder)
        provenance = json.loads(Path(page).read_text())["studies"][0]["provenance"]
    share = 1 - float(provenance["seconds"]) / whole.median
    work = f"`init_schemes {' '.join(options)}`"
    return Row(work, whole, note=f"{share:.1%} of it are not training")
