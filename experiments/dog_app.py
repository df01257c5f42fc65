"""Dog or human, and which breed is it or does it look like? The course's final algorithm.

Command:  python experiments/dog_app.py IMAGE|FOLDER... --data folder:PATH --backbone NAME ...
          python experiments/dog_app.py --evaluate ...     (the whole algorithm, for claim D7)
Expected: the first call trains a head on the breeds and keeps it (2 minutes for 2,000 images on 2
          CPU cores); then under a second a picture. Evaluated, about 9 in 10 pictures are right
Source:   the course's dog project
"""

import functools
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import (
    ANYTHING,
    DeviceConfig,
    FolderPath,
    NameOrFile,
    Settled,
    Share,
    TrainConfig,
    check,
    check_names,
    check_options,
)
from core.data.config import DataConfig
from core.detection.config import THRESHOLD
from core.detection.registry import DETECTORS
from core.errors import one_line
from core.models.config import IMAGENET

if TYPE_CHECKING:
    from core.data.cases import Cases
    from core.data.images import Splits
    from core.data.named import NamedPictures
    from core.detection.resemblance import Resemblance
    from core.device import Device
    from core.models.backbones import Backbone
    from core.study import Job
    from core.trials import Record

NAMES = f"face detector: {', '.join(DETECTORS)}"
PICTURES = ("images", "out", "threshold")
"""options that the pictures of a user are drawn with"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Look at pictures, or measure how often the answer is right."""

    images: Annotated[tuple[str, ...], tyro.conf.Positional, ANYTHING] = ()
    """pictures to look at, or folders of them"""
    out: Settled[FolderPath] = None
    """folder for a drawing of each (default: mlruns/pictures)"""
    evaluate: bool = False
    """measure the whole algorithm on dogs, people, both and neither"""
    people: tuple[FolderPath, ...] = (Path("lfw-sample"),)
    """folders of people to evaluate on, absolute or below DATA_ROOT"""
    neither: tuple[FolderPath, ...] = (Path("cats-dogs/cat"),)
    """folders without dogs and people"""
    limit: Annotated[int, Interval(ge=4, le=10**9)] = 150
    """pictures of each kind to evaluate on, at most"""
    detector: Annotated[str, tyro.conf.arg(help=NAMES)] = "mtcnn"
    backbone: str = "resnet18"
    """torchvision classifier"""
    weights: NameOrFile = IMAGENET
    """imagenet (torchvision's), random, or a FILE that holds a state dict"""
    threshold: Share = THRESHOLD
    """probability of all breeds together from which a picture shows a dog; evaluated at all"""
    data: DataConfig = field(default_factory=lambda: DataConfig(data="oxford-pets"))
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(epochs=20, keep="best", patience=5)
    )
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("detector", (self.detector,), tuple(DETECTORS))
        given = bool(self.images) or self.evaluate
        check("evaluate", "(off) and no IMAGE", given, "one picture or more, or --evaluate,")


def main(config: Config) -> None:
    """Answer for every picture, or evaluate."""
    from core.data.named import NamedPictures
    from core.detection.dogs import check_classes
    from core.detection.registry import open_detector
    from core.detection.resemblance import Resemblance
    from core.device import pick
    from core.models.backbones import load
    from core.training import heads

    pictures = NamedPictures(config.images, "IMAGE")
    if not pictures.files:
        pictures.check()
    device = pick(config.device)
    backbone = load(config.backbone, config.weights)
    check_classes(backbone.classes, config.backbone)
    detector = open_detector(config.detector, device.torch)
    splits = functools.cache(functools.partial(breeds, config, backbone))
    head = heads.kept(backbone.trunk().freeze(), config.data, splits, config.train, device)
    eyes = Resemblance(backbone, head, detector, device, config.threshold)
    answer(pictures, eyes, config.out)
    if config.evaluate:
        evaluate(config, eyes, splits(), device)
    pictures.check()


def answer(pictures: "NamedPictures", eyes: "Resemblance", out: Path | None) -> None:
    """Print what each picture shows, and draw it."""
    from reports import drawings
    from reports.app.drawing import draw, plain

    places = drawings.places(pictures.files, out, "breed")
    for name, image in pictures:
        resemblance = eyes.look(image)
        print(f"{one_line(name)}: {plain(resemblance)}")
        drawings.save(draw(image, resemblance, eyes.bundle.thumbnails.numpy()), places[name])


def breeds(config: Config, backbone: "Backbone") -> "Splits":
    """Load the pictures of the breeds as the backbone wants them."""
    from core.data.overlap import overlap_warnings
    from core.data.sources import load

    splits = load(config.data, backbone.preparation)
    splits.card.warnings.extend(overlap_warnings(splits.card.classes, backbone.classes))
    print(f"breeds: {splits.card}")
    return splits


def evaluate(config: Config, eyes: "Resemblance", splits: "Splits", device: "Device") -> None:
    """Show every kind of picture to the algorithm, keep what it finds, publish what is known."""
    from core.data.cases import cases
    from core.detection.config import KINDS
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
        arm="detector",
        selection=(*PICTURES, "evaluate", "people", "neither", "limit", "detector"),
        shared=Shared(
            {"image": shown.names, "kind": KINDS, "class": splits.card.classes},
            {"of": (("image",), shown.kinds), "label": (("image",), shown.breeds)},
            {"arm": tuple(DETECTORS)},
        ),
        weights={config.backbone: weights.fingerprint(config.weights, config.backbone)},
    ) as study:
        study.run([Trial(config.detector, 0)], functools.partial(look, shown, eyes))
    publish(study.store, study.key)


def look(shown: "Cases", eyes: "Resemblance", job: "Job") -> "list[Record]":
    """Look at every picture, and keep the trained head beside what was found."""
    from core.measures import algorithm

    head = {"head.safetensors": eyes.bundle.pack()}
    return [replace(algorithm.look(shown, eyes), files=head) for _ in job.trials]


if __name__ == "__main__":
    from reports import running

    cli.run(*running.anywhere(main, Config), __doc__)
