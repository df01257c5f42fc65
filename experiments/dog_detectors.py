"""How well do ImageNet networks tell dogs from people, other things, wolves and cats?

Command:  python experiments/dog_detectors.py --backbones mobilenet_v2 --weights FILE
          (without options: VGG16 against ResNet-18, torchvision's weights, data from DATA_ROOT)
Expected: 2 minutes on 2 CPU cores for 1,600 images and MobileNetV2; 97 % of dogs and more found,
          2 % of other images and less taken for dogs
Source:   the course's dog project: a dog is an image whose most probable class is 151 to 268
"""

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, FolderPath, Seed, check, check_options
from core.data.config import default_root
from core.models.config import RANDOM, BackboneConfig

if TYPE_CHECKING:
    from core.data.strata import Strata
    from core.device import Device
    from core.models.backbones import Backbone
    from core.results import Result


@dataclass(frozen=True, kw_only=True)
class Config:
    """Measure dog detectors on folders of images: the course's rule and a threshold."""

    dogs: tuple[FolderPath, ...] = (Path("imagenet-sample/dog"), Path("cats-dogs/dog"))
    """folders of dogs, absolute or below DATA_ROOT"""
    people: tuple[FolderPath, ...] = (Path("lfw-sample"),)
    """folders of people"""
    others: tuple[FolderPath, ...] = (Path("imagenet-sample/not_dog"),)
    """folders of anything else; wolves, foxes and cats by the name of the file count as hard"""
    hard: tuple[FolderPath, ...] = (Path("cats-dogs/cat"),)
    """folders of what is nearly a dog"""
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
        for name, folders in self.folders.items():
            check(name, "(none)", len(folders) > 0, "one folder or more")

    @property
    def folders(self) -> dict[str, tuple[Path, ...]]:
        """Return kind of image -> folders."""
        return {"dogs": self.dogs, "people": self.people, "others": self.others, "hard": self.hard}


SMOKE = Config(
    limit=8,
    backbone=BackboneConfig(weights=(RANDOM,)),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> None:
    """Run the study: show every image to every network once, judge the claims, log it all."""
    from core.detection.dogs import check_classes
    from core.device import pick
    from core.models.backbones import load
    from core.results import Trial
    from core.study import Study
    from reports.dogs.detectors import exhibits, findings, summary
    from reports.verdicts import judge

    device, strata = pick(config.device), read(config)
    print(f"device: {device}\ndata: {strata.card}")
    for line in strata.card.warnings:
        print(f"note: {line}")
    backbones = {name: load(name, weights) for name, weights in config.backbone.pairs.items()}
    for name, backbone in backbones.items():
        check_classes(backbone.classes, name)
    with Study(
        "dog_detectors", asdict(config), strata.card, str(device), Path(__file__), "backbone"
    ) as study:
        trials = [Trial(name, 0) for name in backbones]
        for group in study.missing([[trial] for trial in trials]):
            study.finish(group, [detect(backbones[group[0].arm], strata, device)])
        results = {trial: study.results[trial] for trial in trials}
        # Not among a trial's numbers: those must come out alike when it is run again.
        speeds = {name: speed(backbone, device) for name, backbone in backbones.items()}
        study.conclude(
            exhibits(results, strata, speeds),
            judge(findings(results, strata, config.backbone.named), strata.card.name),
            summary(config.backbone.named, strata),
            columns=("test/sensitivity", "test/false_alarms", "test/auc"),
        )


def read(config: Config) -> "Strata":
    """Read the folders; what is named after a wolf, a fox or a cat counts as hard."""
    from core.data import strata
    from core.detection.dogs import is_nearly_dog

    def kind(stratum: str, path: Path) -> str:
        return "hard" if stratum == "others" and is_nearly_dog(path.stem) else stratum

    name = "dog-folders"
    return strata.read(config.folders, config.data_root, config.limit, config.data_seed, name, kind)


def detect(backbone: "Backbone", strata: "Strata", device: "Device") -> "Result":
    """Show every image to a network; return what it takes for a dog, by rule and by probability."""
    import torch

    from core.detection.dogs import dog_mass, is_dog
    from core.evaluation.metrics import predict_classes
    from core.evaluation.roc import auc
    from core.models.features import passing
    from core.results import Result
    from core.training.single import predict

    images = strata.images(backbone.preparation)
    backbone.to(device.torch).to(memory_format=torch.channels_last)
    logits = predict(backbone, images, device, passing(device))
    mass = dog_mass(logits).numpy()
    called, dogs = is_dog(logits), torch.from_numpy(strata.of == 0)
    metrics = {
        "test/sensitivity": float(called[dogs].float().mean()),
        "test/false_alarms": float(called[~dogs].float().mean()),
        "test/auc": auc(mass, strata.of == 0).value,
    }
    arrays = {
        "called": called.to(torch.uint8).numpy(),
        "mass": mass,
        "top": predict_classes(logits).numpy(),
    }
    return Result(metrics, arrays)


def speed(backbone: "Backbone", device: "Device") -> float:
    """Return images a second of the network alone, the median of 5 batches of 4."""
    import statistics
    import time

    import torch

    batch, seconds = torch.rand(4, *backbone.preparation.shape, device=device.torch), []
    with torch.no_grad():
        for _ in range(5):
            start = time.perf_counter()
            with device.autocast():
                backbone(batch).sum().item()  # waits for the device
            seconds.append(time.perf_counter() - start)
    return 4 / statistics.median(seconds)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
