"""Which face detector finds more faces, and which sees more where none is?

Command:  python experiments/face_detectors.py [--people folder:lfw --others folder:dogImages]
          python experiments/face_detectors.py --images a.jpg b.jpg   (draws what is found on them)
Expected: about a minute on 2 CPU cores for 220 embedded pictures, of which 53 are made harder in
          31 steps; as they are, both find 98 of 100 patches, and MTCNN also the one profile
Source:   the course's dog project; of each detector, core/detection
"""

import sys
from dataclasses import asdict, dataclass, field
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

if TYPE_CHECKING:
    from core.data.pictures import Gallery
    from core.detection.faces import Detector
    from core.device import Device
    from core.results import Result, Trial
    from core.study import Study

DETECTORS = ("haar-alt", "mtcnn", "haar-default", "haar-alt2", "haar-profile")
STEPS = ("size", "blur", "noise", "rotation", "brightness", "occlusion")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Run face detectors over the same pictures."""

    detectors: tuple[str, ...] = ("haar-alt", "mtcnn")
    """haar-alt (the course's), mtcnn, haar-default, haar-alt2, haar-profile"""
    people: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """folder:PATH with a person on every picture; may be given again"""
    others: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """folder:PATH without a person on any picture; may be given again"""
    boxes: Annotated[tuple[FilePath, ...], tyro.conf.UseAppendAction] = ()
    """CSV of marked faces (file, left, top, width, height and perhaps ignore) on pictures beside it
    or in the folders given; one of `others` that has a face is left out; may be given again"""
    images: Settled[Annotated[tuple[str, ...], ANYTHING]] = None
    """your own pictures: no study, only a drawing of what each detector finds"""
    output: FilePath = Path("faces.png")
    """where that drawing goes"""
    data_root: FolderPath = field(default_factory=default_root)
    """where folders and tables are looked for too; the default is DATA_ROOT, else ./data"""
    limit: Settled[Annotated[int, Interval(ge=1, le=10**9)]] = None
    """pictures of a set to use, as many with a face and without: a seeded sample (default: all)"""
    steps: tuple[str, ...] = STEPS
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
            check_names("steps", self.steps, STEPS)
        for name, specs in (("people", self.people), ("others", self.others)):
            for spec in specs:
                check(name, spec, spec.startswith("folder:") and len(spec) > 7, "folder:PATH")
        check("images", "(none)", self.images != (), "one picture or more")
        for table in self.boxes:
            check_path("boxes", self.data_root / table, FILE)


SMOKE = Config(limit=2, degrade=1, steps=("blur",), device=DeviceConfig(device="cpu"))


def main(config: Config) -> None:
    """Run the study: detect, judge the claims, log tables and figures; or draw own pictures."""
    from core.data.pictures import describe
    from core.device import pick
    from core.results import Trial
    from core.study import Study
    from reports.faces.exhibits import exhibits, summary
    from reports.faces.findings import findings
    from reports.faces.outcomes import CLEAN, outcomes
    from reports.faces.own import own_pictures
    from reports.verdicts import judge

    device = pick(config.device)
    galleries, others = ([], []) if config.images else gather(config)  # fails before models load
    detectors = {name: open_detector(name, config, device) for name in config.detectors}
    if config.images:
        own_pictures(config.images, detectors, config.output)
        return
    card = describe(galleries)
    print(f"device: {device}\ndata: {card}")
    steps = (CLEAN, *(config.steps if config.degrade else ()))
    trials = [
        Trial(name, config.seed, (("set", gallery.name), ("step", step)))
        for gallery in galleries
        for step in steps
        for name in config.detectors
        if step == CLEAN or any(picture.face for picture in gallery.pictures)
    ]
    by_name = {gallery.name: gallery for gallery in galleries}
    with Study(
        "face_detectors", asdict(config), card, str(device), Path(__file__), "detector"
    ) as study:
        for (trial,) in study.missing([[trial] for trial in trials]):
            params = dict(trial.params)
            gallery, step = by_name[str(params["set"])], str(params["step"])
            if step == CLEAN:
                result = as_they_are(detectors[trial.arm], gallery)
            else:
                result = made_harder(detectors[trial.arm], gallery, step, config, study, trial)
            study.finish([trial], [result])
        results = {trial: study.results[trial] for trial in trials}
        found = outcomes(results, galleries)
        study.conclude(
            exhibits(results, found, galleries),
            judge(findings(found, others), card.name),
            summary(galleries),
            columns=("faces/detected", "others/fired", "faces/recall", "faces/harder", "seconds"),
        )


def open_detector(name: str, config: Config, device: "Device") -> "Detector":
    """Load a detector by its name."""
    from core.detection.haar import Haar
    from core.detection.mtcnn import MTCNN

    return MTCNN(device.torch, config.min_face) if name == "mtcnn" else Haar(name)


def gather(config: Config) -> tuple[list["Gallery"], list[str]]:
    """List the pictures of the study, and the names of the sets given as others."""
    from core.data import galleries, photos

    found, others = galleries.gather(config.people, config.others, config.boxes, config.data_root)
    found = found or photos.embedded()
    if config.limit is not None:
        found = [gallery.sample(config.limit, config.seed) for gallery in found]
    return found, others


def as_they_are(detector: "Detector", gallery: "Gallery") -> "Result":
    """Detect on pictures one at a time, which is how they are timed."""
    from core.results import Result
    from reports.faces.outcomes import metrics, pack

    detector.detect([gallery.pictures[0].load()])  # the first call pays for what is lazy
    found = [detector.detect([picture.load()])[0] for picture in gallery.pictures]
    return Result(metrics(found, gallery), pack(found))


def made_harder(
    detector: "Detector",
    gallery: "Gallery",
    step: str,
    config: Config,
    study: "Study",
    trial: "Trial",
) -> "Result":
    """Detect on a sample of the pictures with a face, and log the rate level by level."""
    import numpy as np

    from core.detection.degrade import detected
    from core.results import Result
    from core.training.loop import Epoch

    sample = gallery.sample(config.degrade, config.seed).pictures
    faces = [picture for picture in sample if picture.face]
    rows = []
    for level, hits in enumerate(detected(detector, faces, step, config.seed)):
        rate = {"faces/detected_by_level": np.array([hits.mean()])}
        study.epoch([trial], Epoch(level, level, rate, np.empty((0, 1, 1))))
        rows.append(hits)
    hits = np.stack(rows)
    return Result({"faces/harder": float(hits.mean())}, {"hits": hits.astype(np.uint8)})


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
