"""Dog or human, and which breed is it or does it look like? The course's final algorithm.

Command:  python experiments/dog_app.py IMAGE... --data folder:PATH --backbone NAME --weights FILE
          python experiments/dog_app.py --evaluate ...     (the whole algorithm, four ways)
Expected: the first call trains a head on the breeds and keeps it (2 minutes for 2,000 images on 2
          CPU cores); then under a second a picture. Evaluated, about 9 in 10 pictures are right
Source:   the course's dog project
"""

import sys
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import (
    ANYTHING,
    DeviceConfig,
    FolderPath,
    Share,
    TrainConfig,
    check,
    check_options,
)
from core.data.config import DataConfig
from core.models.config import IMAGENET

if TYPE_CHECKING:
    from core.data.cases import Cases
    from core.data.images import Splits
    from core.detection.resemblance import Resemblance
    from core.device import Device
    from core.models.backbones import Backbone
    from core.models.bundle import Bundle
    from core.study import Job
    from core.trials import Record


@dataclass(frozen=True, kw_only=True)
class Config:
    """Look at pictures, or measure how often the answer is right."""

    images: Annotated[tuple[str, ...], tyro.conf.Positional, ANYTHING] = ()
    """pictures to look at"""
    output: FolderPath = Path("dog_app")
    """folder for a drawing of each"""
    evaluate: bool = False
    """measure the whole algorithm on dogs, people, both and neither"""
    people: tuple[FolderPath, ...] = (Path("lfw-sample"),)
    """folders of people to evaluate on, absolute or below DATA_ROOT"""
    neither: tuple[FolderPath, ...] = (Path("cats-dogs/cat"),)
    """folders without dogs and people"""
    limit: Annotated[int, Interval(ge=4, le=10**9)] = 150
    """pictures of each kind to evaluate on, at most"""
    detector: Literal["mtcnn", "haar-alt"] = "mtcnn"
    """face detector"""
    backbone: str = "resnet18"
    """torchvision classifier"""
    weights: str = IMAGENET
    """imagenet (torchvision's), random, or a FILE that holds a state dict"""
    threshold: Share = 0.5
    """probability of all breeds together from which a picture shows a dog"""
    data: DataConfig = field(default_factory=lambda: DataConfig(data="oxford-pets"))
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(epochs=20, keep="best", patience=5)
    )
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        given = bool(self.images) or self.evaluate
        check("evaluate", "(off) and no IMAGE", given, "one picture or more, or --evaluate,")


def main(config: Config) -> None:
    """Answer for every picture, or evaluate."""
    from core.data.decode import decode
    from core.detection.dogs import check_classes
    from core.detection.registry import open_detector
    from core.detection.resemblance import Resemblance
    from core.device import pick
    from core.models.backbones import load
    from reports.app.drawing import answer, drawings, readable_pictures, refuse

    pictures, bad = readable_pictures(config.images)
    if not pictures:
        refuse(bad)
    device = pick(config.device)
    backbone = load(config.backbone, config.weights)
    check_classes(backbone.classes, config.backbone)
    detector = open_detector(config.detector, device.torch)
    splits = breeds(config, backbone) if config.evaluate else None
    bundle = head(config, backbone, splits, device)
    eyes = Resemblance(backbone, bundle, detector, device, config.threshold)
    places = drawings(list(pictures), config.output)
    for name, file in pictures.items():
        answer(name, decode(file), eyes, places[name])
    if splits is not None:
        evaluate(config, eyes, splits, device)
    refuse(bad)


def breeds(config: Config, backbone: "Backbone") -> "Splits":
    """Load the pictures of the breeds as the backbone wants them."""
    from core.data.overlap import overlap_warnings
    from core.data.sources import load

    splits = load(config.data, backbone.preparation)
    splits.card.warnings.extend(overlap_warnings(splits.card.classes, backbone.classes))
    print(f"breeds: {splits.card}")
    return splits


def head(
    config: Config, backbone: "Backbone", splits: "Splits | None", device: "Device"
) -> "Bundle":
    """Return the head for these breeds and this backbone: kept from an earlier call, or trained.

    A kept head that is damaged is trained again.
    """
    from hashlib import sha256

    from core.data.stamp import stamp
    from core.errors import UserError
    from core.models import bundle
    from core.models.backbones import digest

    trunk = backbone.trunk().freeze()
    files = stamp(config.data)
    if files is None:  # to be downloaded
        splits = splits or breeds(config, backbone)
        files = stamp(config.data)
    facts = (digest(trunk), trunk.preparation, files, config.data.split_seed, config.train)
    key = sha256(repr(facts).encode()).hexdigest()[:16]
    path = bundle.PLACE / f"{key}.safetensors"
    if path.exists():
        try:
            return bundle.load(path)
        except UserError as error:
            print(f"head: {error}; it is trained again", file=sys.stderr)
    made = train(config, backbone, splits or breeds(config, backbone), device)
    made.save(path)
    print(f"head: trained and kept in {path}")
    return made


def train(config: Config, backbone: "Backbone", splits: "Splits", device: "Device") -> "Bundle":
    """Train a linear head on the features of the training pictures."""
    import torch

    from core.device import seeded
    from core.models.backbones import digest
    from core.models.bundle import Bundle, small
    from core.models.features import features
    from core.models.networks import mlp
    from core.training.single import fit

    trunk = backbone.trunk().freeze()
    made, val = (features(trunk, part, device) for part in (splits.train, splits.val))
    with seeded(0):
        model = mlp(made.shape, len(splits.card.classes), hidden=())
    for epoch in fit(model, made, val, config.train, 0, device):
        print(f"epoch {epoch.index}: {epoch.metrics['val/accuracy'].item():.1%} of validation")
    each = torch.arange(len(made)).split(1)  # one at a time: they need not fit into memory
    thumbnails = torch.cat([small(splits.train.take(index).tensor()) for index in each])
    weights = {name: value.detach().cpu() for name, value in model[-1].named_parameters()}
    return Bundle(
        classes=splits.card.classes,
        preparation=trunk.preparation,
        trunk=trunk.name,
        trunk_digest=digest(trunk),
        **weights,
        features=made.pixels.flatten(1),
        labels=made.labels,
        thumbnails=thumbnails,
    )


def evaluate(config: Config, eyes: "Resemblance", splits: "Splits", device: "Device") -> None:
    """Show every kind of picture to the algorithm, keep its answers, publish what is known."""
    from core.data.cases import cases
    from core.detection.config import KINDS, ORDERS
    from core.models import weights
    from core.study import Study
    from core.trials import Shared, Trial
    from reports.publish import publish

    folders = {"people": config.people, "neither": config.neither}
    shown = cases(splits, folders, config.data.data_root, config.limit, config.data.split_seed)
    print(f"device: {device}\ndata: {shown.card}")
    with Study(
        "dog_app",
        asdict(config),
        shown.card,
        script=__file__,
        device=device.kind,
        arm="order",
        selection=("images", "output", "evaluate", "people", "neither", "limit"),
        shared=Shared(
            {"image": shown.names, "kind": KINDS},
            {"of": (("image",), shown.kinds)},
            {"arm": ORDERS},
        ),
        weights={config.backbone: weights.fingerprint(config.weights, config.backbone)},
    ) as study:
        trials = [Trial(order, 0) for order in ORDERS]
        study.run(trials, partial(look, shown, eyes), lambda _: "all orders", len(ORDERS))
    publish(study.store, study.key)


def look(shown: "Cases", eyes: "Resemblance", job: "Job") -> "list[Record]":
    """Look at every picture once, for all orders; keep the trained head with the first."""
    from core.measures import algorithm

    records = algorithm.look(shown, eyes, tuple(trial.arm for trial in job.trials))
    head = {"head.safetensors": eyes.bundle.pack()}
    return [replace(records[0], files=head), *records[1:]]


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
