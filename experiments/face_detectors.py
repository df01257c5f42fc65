"""Which face detector finds more faces, and which sees more where none is?

Command:  python experiments/face_detectors.py [--people folder:lfw --others folder:dogImages]
          python experiments/face_detectors.py --images a.jpg FOLDER   (draws what is found on them)
Expected: about a minute on 2 CPU cores for 220 embedded pictures, of which 53 are made harder in
          31 steps; as they are, both find 98 of 100 patches, and MTCNN also the one profile
Source:   the course's dog project; of each detector, core/detection
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import (
    ANYTHING,
    FILE,
    DeviceConfig,
    FilePath,
    FolderPath,
    Seed,
    Settled,
    check,
    check_names,
    check_options,
    check_path,
)
from core.data.config import default_root
from core.detection.config import CLEAN, UNITS
from core.detection.registry import DETECTORS
from core.errors import one_line

if TYPE_CHECKING:
    from core.data.pictures import Gallery
    from core.detection.faces import Detector
    from core.study import Job
    from core.trials import Record, Trial

NAMES = f"face detectors: {', '.join(DETECTORS)}; haar-alt is the course's"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Run face detectors over the same pictures."""

    detectors: Annotated[tuple[str, ...], tyro.conf.arg(help=NAMES)] = ("haar-alt", "mtcnn")
    people: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """folder:PATH with a person on every picture; may be given again"""
    others: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """folder:PATH without a person on any picture; may be given again"""
    boxes: Annotated[tuple[FilePath, ...], tyro.conf.UseAppendAction] = ()
    """CSV of marked faces (file, left, top, width, height and perhaps ignore) on pictures beside it
    or in the folders given; one of `others` that has a face is left out; may be given again"""
    images: Settled[Annotated[tuple[str, ...], ANYTHING]] = None
    """your own pictures, or folders of them: no study, only drawings of what each detector finds"""
    out: Settled[FolderPath] = None
    """folder for these drawings (default: mlruns/pictures)"""
    data_root: FolderPath = field(default_factory=default_root)
    """where folders and tables are looked for too; the default is DATA_ROOT, else ./data"""
    limit: Settled[Annotated[int, Interval(ge=1, le=10**9)]] = None
    """pictures of a set to use, as many with a face and without: a seeded sample (default: all)"""
    steps: tuple[str, ...] = tuple(UNITS)
    """how to make pictures harder: size, blur, noise, rotation, brightness, occlusion"""
    degrade: Annotated[int, Interval(ge=0, le=10**9)] = 50
    """pictures of a set, all with a face, to make harder: a seeded sample; 0 for none"""
    seed: Seed = 0
    """draws the samples and what is random in the steps"""
    min_face: Annotated[int, Interval(ge=12, le=10_000)] = 20
    """side in pixels of the smallest face that mtcnn looks for"""
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("detectors", self.detectors, DETECTORS)
        if self.steps:
            check_names("steps", self.steps, tuple(UNITS))
        for name, specs in (("people", self.people), ("others", self.others)):
            for spec in specs:
                check(name, spec, spec.startswith("folder:") and len(spec) > 7, "folder:PATH")
        check("images", "(none)", self.images != (), "one picture or more")
        for table in self.boxes:
            check_path("boxes", self.data_root / table, FILE)


SMOKE = Config(limit=2, degrade=1, steps=("blur",), device=DeviceConfig(device="cpu"))


def main(config: Config) -> None:
    """Run the study: detect, keep what is found, publish what is known; or draw pictures."""
    from core.data.pictures import describe
    from core.detection.registry import open_detector
    from core.device import pick
    from core.measures.faces import shared
    from core.study import Study
    from reports.publish import publish

    device = pick(config.device)
    galleries, others = ([], []) if config.images else gather(config)  # fails before models load
    detectors = {
        name: open_detector(name, device.torch, config.min_face) for name in config.detectors
    }
    if config.images:
        draw(config.images, detectors, config.out)
        return
    card = describe(galleries)
    print(f"device: {device}\ndata: {card}")
    with Study(
        "face_detectors",
        asdict(config),
        card,
        script=__file__,
        device=device.kind,
        arm="detector",
        selection=("detectors", "people", "others", "boxes", "images", "out", "steps"),
        shared=shared(galleries, others, config.degrade, config.seed),
    ) as study:
        study.run(grid(config, galleries), partial(train, config, galleries, detectors))
    publish(study.store, study.key)


def draw(images: Sequence[str], detectors: "dict[str, Detector]", out: Path | None) -> None:
    """Print and draw what every detector finds on a user's pictures."""
    import numpy as np

    from core.data.named import NamedPictures
    from reports import drawings
    from reports.faces.sheets import side_by_side

    pictures = NamedPictures(images, "--images")
    places = drawings.places(pictures.files, out, "faces")
    for name, image in pictures:
        pixels = np.asarray(image)
        by_detector = {key: detector.detect([pixels])[0] for key, detector in detectors.items()}
        for key, faces in by_detector.items():
            print(f"{one_line(name)}: {key} finds {len(faces)} in {1000 * faces.seconds:.0f} ms")
            for box, score in zip(faces.boxes, faces.scores, strict=True):
                print(f"  {' '.join(f'{value:.0f}' for value in box)}  score {score:.3g}")
        drawings.save(side_by_side(name, pixels, by_detector), places[name])
    pictures.check()


def grid(config: Config, galleries: "list[Gallery]") -> "Iterator[Trial]":
    """Yield the trials: every detector on every set, as it is and made harder in each way."""
    from core.trials import Trial

    steps = (CLEAN, *(config.steps if config.degrade else ()))
    for gallery in galleries:
        for step in steps:
            if step == CLEAN or any(picture.face for picture in gallery.pictures):
                for name in config.detectors:
                    yield Trial(name, config.seed, (("set", gallery.name), ("step", step)))


def gather(config: Config) -> tuple[list["Gallery"], list[str]]:
    """List the pictures of the study, and the names of the sets given as others."""
    from core.data import galleries, photos

    sets, others = galleries.gather(config.people, config.others, config.boxes, config.data_root)
    sets = sets or photos.embedded()
    if config.limit is not None:
        sets = [gallery.sample(config.limit, config.seed) for gallery in sets]
    return sets, others


def train(
    config: Config, galleries: "list[Gallery]", detectors: "dict[str, Detector]", job: "Job"
) -> "list[Record]":
    """Let a detector look at a set; nothing is trained."""
    from core.measures.faces import as_they_are, made_harder

    by_name = {gallery.name: gallery for gallery in galleries}
    records = []
    for trial in job.trials:
        gallery, step = by_name[str(trial.levels["set"])], str(trial.levels["step"])
        records.append(
            as_they_are(detectors[trial.arm], gallery)
            if step == CLEAN
            else made_harder(detectors[trial.arm], gallery, step, config.degrade, config.seed)
        )
    return records


if __name__ == "__main__":
    from reports import running

    cli.run(*running.anywhere(main, Config), __doc__)
