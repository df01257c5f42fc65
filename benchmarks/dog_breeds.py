"""Dog breeds: heads on cached features against the course's loop; decoding against a DataLoader.

The images are `stanford-dogs-20` of DATA_ROOT, or noise; the network is MobileNetV2, with ImageNet
weights where torchvision has them in its cache, else random (which changes no time).
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

from benchmarks import course_loop
from benchmarks.results import Row
from benchmarks.timing import side_by_side, timed
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig, default_root
from core.data.folders import Loader
from core.data.images import InMemory, concatenated
from core.data.sources import load
from core.data.threads import in_threads
from core.device import Device, pick, seeded
from core.errors import UserError
from core.models import backbones
from core.models.features import features
from core.models.networks import mlp
from core.training.single import fit, predict

NETWORK, EPOCHS = "mobilenet_v2", 20
MANY = 1000  # files


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure heads on cached features, the features alone, and decoding."""
    n, theirs = (2000, EPOCHS) if full else (200, 1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        folder_of(place / "set", n)
        weights, device = _weights(), pick(DeviceConfig())
        shares: dict[str, float] = {}
        ours, course = side_by_side(
            lambda: shares.update(ours=_cached(place, weights, device, EPOCHS)),
            lambda: shares.update(course=_course(place / "set", weights, theirs)),
            repeats,
        )
        right = (f"{who} {share:.1%} right" for who, share in shares.items())
        note = ", ".join((f"{weights} weights", *(right if theirs == EPOCHS else ())))
        yield Row(
            f"{EPOCHS} epochs of a head on frozen {NETWORK}, {n:,} files", ours,
            "the course's loop" if full else f"the course's loop, one epoch of {EPOCHS}, scaled",
            course.times(EPOCHS / theirs), note=note, goal="10 x",
        )  # fmt: skip
        folder_of(place / "many" / "set", MANY)  # so that building the network counts little
        times = timed(lambda: _features(place / "many", weights, device), repeats)
        work = f"{NETWORK}'s features of {MANY:,} files, decoded, checked and looked at"
        yield Row(work, times, per=MANY, unit="files", goal="100")
        ours, plain = side_by_side(*_decoders(place / "set"), repeats)
        yield Row(f"decoding {n:,} files", ours, "DataLoader, 2 workers", plain, n, "files")


def _weights() -> str:
    try:
        backbones.load(NETWORK)
    except UserError:
        return "random"
    return "imagenet"


def folder_of(target: Path, n: int) -> None:
    """Make a folder of n images, as many of each class: links to real ones, or noise."""
    source = default_root() / "stanford-dogs-20"
    if source.is_dir():
        classes = sorted(path for path in source.iterdir() if path.is_dir())
        for folder in classes:
            (target / folder.name).mkdir(parents=True)
            for path in sorted(folder.iterdir())[: n // len(classes)]:
                (target / folder.name / path.name).symlink_to(path.resolve())
        return
    random = np.random.default_rng(0)
    for index in range(n):
        folder = target / str(index % 20)
        folder.mkdir(parents=True, exist_ok=True)
        noise = Image.fromarray(random.integers(0, 256, (28, 28, 3), np.uint8))
        noise.resize((224, 224)).save(folder / f"{index}.jpg")


def _features(place: Path, weights: str, device: Device) -> tuple[InMemory, int]:
    """Decode and compute the features; return them and the number of classes."""
    trunk = backbones.load(NETWORK, weights).trunk().freeze()
    splits = load(DataConfig(data=f"folder:{place / 'set'}"), trunk.preparation)
    images = concatenated([splits.train, splits.val, splits.test])
    with tempfile.TemporaryDirectory(dir=place) as cache:
        return features(trunk, images, device, Path(cache)), len(splits.card.classes)


def _cached(place: Path, weights: str, device: Device, epochs: int) -> float:
    """Compute the features once, train the head on them; return the accuracy on all images."""
    inputs, n_classes = _features(place, weights, device)
    with seeded(0):
        head = mlp(inputs.shape, n_classes, hidden=())
    list(fit(head, inputs, None, TrainConfig(epochs=epochs, batch_size=100), 0, device))
    return float((predict(head, inputs, device).argmax(1) == inputs.labels).float().mean())


def _course(folder: Path, weights: str, epochs: int) -> float:
    """Train as the course does: every epoch decodes every image and runs the whole network."""
    pretrained = "IMAGENET1K_V1" if weights == "imagenet" else None
    model = models.get_model(NETWORK, weights=pretrained)
    for value in model.parameters():
        value.requires_grad = False
    data = _folder(folder)
    model.classifier[1] = nn.Linear(model.last_channel, len(data.classes))
    indices = list(range(len(data)))
    course_loop.train(model, data, indices, epochs)
    return course_loop.validate(model, data, indices) if epochs == EPOCHS else float("nan")


def _folder(folder: Path) -> datasets.ImageFolder:
    steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    steps.append(transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return datasets.ImageFolder(folder, transforms.Compose(steps))


def _decoders(folder: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return two ways to decode, scale and crop all images: ours and a plain DataLoader's."""
    preparation = backbones.load(NETWORK, "random").preparation
    loader = Loader((preparation.crop, preparation.crop), preparation)
    paths = sorted(folder.rglob("*.jpg"))
    plain = DataLoader(_folder(folder), batch_size=32, num_workers=2)
    return (
        lambda: torch.stack(in_threads(loader, paths, "decoding")),
        lambda: [batch for batch, _ in plain],
    )
