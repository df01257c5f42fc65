"""How well do ImageNet networks tell dogs from people, other things, wolves and cats?

Command:  python experiments/dog_detectors.py --backbones mobilenet_v2 --weights FILE
          (without options: VGG16 against ResNet-18, torchvision's weights, data from DATA_ROOT)
          python experiments/dog_detectors.py --dogs dogImages --people lfw --others --hard
          (the course's data; for claims D3 and D4)
Expected: 2 minutes on 2 CPU cores for 1,600 images and MobileNetV2; 97 % of dogs and more found,
          2 % of other images and less taken for dogs
Source:   the course's dog project: a dog is an image whose most probable class is 151 to 268
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, FolderPath, Seed, check, check_options
from core.data.config import default_root
from core.models.config import IMAGENET, RANDOM, BackboneConfig

if TYPE_CHECKING:
    from core.data.strata import Strata
    from core.device import Device
    from core.models.backbones import Backbone
    from core.study import Job
    from core.trials import Array, Record, Trial


@dataclass(frozen=True, kw_only=True)
class Config:
    """Measure dog detectors on folders of images: the course's rule and a threshold."""

    dogs: tuple[FolderPath, ...] = (Path("imagenet-sample/dog"), Path("cats-dogs/dog"))
    """folders of dogs, absolute or below DATA_ROOT"""
    people: tuple[FolderPath, ...] = (Path("lfw-sample"),)
    """folders of people"""
    others: tuple[FolderPath, ...] = (Path("imagenet-sample/not_dog"),)
    """folders of anything else, none if need be; wolves, foxes and cats, by the name of the file,
    count as hard"""
    hard: tuple[FolderPath, ...] = (Path("cats-dogs/cat"),)
    """folders of what is nearly a dog, none if need be"""
    limit: Annotated[int, Interval(ge=4, le=10**9)] = 1000
    """images to draw from each kind at most"""
    data_seed: Seed = 0
    """seed of that draw and of the halves"""
    data_root: FolderPath = field(default_factory=default_root)
    """where real data sets lie; the default is the environment's DATA_ROOT, else ./data"""
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("dogs", "people"):
            check(name, "(none)", name in self.folders, "one folder or more")

    @property
    def folders(self) -> dict[str, tuple[Path, ...]]:
        """Return kind of image -> folders, of the kinds that have any."""
        kinds = {"dogs": self.dogs, "people": self.people, "others": self.others, "hard": self.hard}
        return {kind: folders for kind, folders in kinds.items() if folders}


SMOKE = Config(
    limit=8,
    backbone=BackboneConfig(weights=(RANDOM,)),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> None:
    """Show every image to every network once, keep what it sees, publish what is known."""
    from core.detection.dogs import check_classes
    from core.device import pick
    from core.models.backbones import load
    from core.study import Study
    from core.trials import Shared
    from reports.publish import publish

    device, strata = pick(config.device), read(config)
    print(f"device: {device}\ndata: {strata.card}")
    for line in strata.card.warnings:
        print(f"note: {line}")
    pairs = config.backbone.pairs
    backbones = {name: load(name, source) for name, source in pairs.items()}
    for name, backbone in backbones.items():
        check_classes(backbone.classes, name)
    shared = Shared(
        {
            "image": tuple(item.name for item in strata.items),
            "kind": strata.names,
            "folder": tuple(dict.fromkeys(item.folder for item in strata.items)),
            "class": next(iter(backbones.values())).classes,
        },
        facts_of(strata),
        {"arm": tuple(pairs), "weights": (IMAGENET,)},
    )
    with Study(
        "dog_detectors",
        asdict(config),
        strata.card,
        script=__file__,
        device=device.kind,
        arm="backbone",
        selection=("backbone",),
        shared=shared,
    ) as study:
        study.run(grid(config), partial(train, backbones, strata, device))
    publish(study.store, study.key)


def grid(config: Config) -> "Iterator[Trial]":
    """Yield the trials: every network with its weights, a file's by the hash of its content.

    Weights are a level, and not part of the study's key: one more network adds a trial.
    """
    from core.models.weights import fingerprint
    from core.trials import Trial

    for name, source in config.backbone.pairs.items():
        level = source if source in (IMAGENET, RANDOM) else fingerprint(source, name)[:12]
        yield Trial(name, 0, (("weights", level),))


def facts_of(strata: "Strata") -> "dict[str, Array]":
    """Return the kind, the half and the folder of every image."""
    import numpy as np

    folders = list(dict.fromkeys(item.folder for item in strata.items))
    place = np.array([folders.index(item.folder) for item in strata.items])
    return {
        "of": (("image",), strata.of),
        "half": (("image",), strata.half),
        "in": (("image",), place),
    }


def train(
    backbones: "dict[str, Backbone]", strata: "Strata", device: "Device", job: "Job"
) -> "list[Record]":
    """Show every image to one network; nothing is trained."""
    from core.measures.dogs import detect

    return [detect(backbones[trial.arm], strata, device) for trial in job.trials]


def read(config: Config) -> "Strata":
    """Read the folders; what is named after a wolf, a fox or a cat counts as hard."""
    from core.data import strata
    from core.detection.dogs import is_nearly_dog

    def kind(stratum: str, path: Path) -> str:
        return "hard" if stratum == "others" and is_nearly_dog(path.stem) else stratum

    places = (p.name if p.is_absolute() else str(p) for p in (*config.dogs, *config.people))
    name = " + ".join(dict.fromkeys(places))
    return strata.read(config.folders, config.data_root, config.limit, config.data_seed, name, kind)


if __name__ == "__main__":
    from reports import running

    cli.run(*running.anywhere(main, Config), __doc__)
