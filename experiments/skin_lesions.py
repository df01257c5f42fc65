"""Does pretraining help to find melanomas, and what are the numbers worth?

Command:  python experiments/skin_lesions.py [--data isic2017 --size 96 --network mobilenet_v2
              --weights FILE --frozen --seeds 3]
          python experiments/skin_lesions.py score predictions.csv --truth ground_truth.csv
Expected: 2 minutes on 2 CPU cores for 4 arms x 5 seeds on drawn lesions (synthetic). On ISIC 2017
          the pretrained arm's AUC of melanoma is above 0.70. Not a medical device
Source:   the course's lesson on skin cancer (ISIC 2017 part 3); of each measure, core/evaluation
"""

import sys
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

import tyro
from annotated_types import Interval

from core import cli
from core.config import (
    DeviceConfig,
    FilePath,
    FolderPath,
    NameOrFile,
    Positive,
    Seeds,
    Settled,
    Share,
    TrainConfig,
    check,
    check_names,
    check_options,
)
from core.data.config import DataConfig
from core.models.config import ARMS, DIGITS, RANDOM
from core.training.imbalance import Remedy

if TYPE_CHECKING:
    from torch import nn

    from core.data.images import Splits
    from core.device import Device
    from core.measures.skin_probes import Probe
    from core.study import Job
    from core.trials import Record, Shared, Trial
    from reports import studies

NOT_A_DEVICE = (
    "Not a medical device: nothing here may be used to judge anyone's skin. See a doctor."
)
DRAWN = (
    "Drawn lesions, not photographs: results on them tell of the method and nothing of skin; no "
    "doctor and no leaderboard is comparable."
)
JUDGING = ("threshold", "target_sensitivity", "miss_cost", "prevalence", "readers")
"""options that stored logits are judged by, which nothing is trained for"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train classifiers of skin lesions from different initial weights, paired by seed.

    `score predictions.csv --truth ground_truth.csv` scores a submission instead.
    """

    arms: tuple[str, ...] = ARMS
    """weights to begin with: random, pretrained, or the controls statistics and shuffled, which
    keep the scale of the pretrained layers and none of their features"""
    seeds: Seeds = 5
    """paired repetitions: each seed draws its weights and its data order"""
    keep_networks: bool = False
    """keep the trained network of each arm's seed 0 in its run, to be used again"""
    network: str = "cnn"
    """cnn (the course's scratch CNN), or a torchvision classifier: mobilenet_v2, resnet18, ..."""
    weights: NameOrFile = DIGITS
    """of the pretrained arm. digits: the cnn is trained on scikit-learn's digits first; for
    torchvision's networks imagenet (downloaded to TORCH_HOME), or a FILE with a state dict"""
    frozen: bool = False
    """train only a linear head on the arms that start from pretrained weights or their controls;
    random is trained whole in any case"""
    imbalance: Remedy = "none"
    """against classes of unequal size: weights, focal (loss), or sampling"""
    threshold: Literal["sensitivity", "youden", "cost"] = "sensitivity"
    """how the threshold is chosen on validation"""
    target_sensitivity: Share = 0.9
    """what --threshold sensitivity is to reach"""
    miss_cost: Positive = 10.0
    """false alarms that a missed case is worth, for --threshold cost"""
    prevalence: Share = 0.05
    """share of cases where the test would be used, for PPV, NPV and net benefit"""
    readers: Settled[FilePath] = None
    """csv: reader, sensitivity, specificity; or, of our test images, reader, image, call (0, 1)"""
    masks: Settled[FolderPath] = None
    """folder with a black and white outline of every test image's lesion, as ISIC has them; for
    what a network says with all but the lesion hidden (drawn lesions need none)"""
    explained: Annotated[int, Interval(ge=0, le=1_000_000)] = 24
    """test images of melanoma to explain, of the networks of seed 0 (needs captum)"""
    data: DataConfig = field(default_factory=lambda: DataConfig(data="lesions"))
    train: TrainConfig = field(default_factory=lambda: TrainConfig(epochs=15, keep="best"))
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("arms", self.arms, ARMS)
        fits = (self.network == "cnn") == (self.weights == DIGITS) and self.weights != RANDOM
        check("weights", self.weights, fits, "digits for the cnn, imagenet or a file for others")
        several = self.train.batch_size != 1  # heads begin with batch norm
        check("batch_size", self.train.batch_size, several, "2 or more")
        photographs = not self.data.data.startswith("lesions")
        check("masks", self.masks, self.masks is None or photographs, "--data of photographs")

    def keeps(self, trial: "Trial") -> bool:
        """Tell whether a trial is to keep its network."""
        return self.keep_networks and trial.seed == 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """Score a submission to ISIC 2017 part 3."""

    predictions: Annotated[FilePath, tyro.conf.Positional, tyro.conf.arg(metavar="PREDICTIONS")]
    """csv with Id, task_1 (melanoma) and task_2 (keratosis), rows in any order"""
    truth: FilePath
    """csv of the truth, the same columns"""
    threshold: Annotated[float, Interval(ge=0, le=1)] = 0.5
    """for counts and rates; frozen, as the course has it"""
    prevalence: Share = 0.05
    """share of cases where the test would be used, for PPV and NPV"""

    def __post_init__(self) -> None:
        check_options(self)


SMOKE = Config(
    arms=("random", "pretrained"),
    seeds=2,
    explained=4,
    data=DataConfig(data="lesions", size=16),
    train=TrainConfig(epochs=1),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> "studies.Study | None":
    """Train what is missing, keep it, publish what is known."""
    from core.data import masks
    from core.data.sources import load
    from core.device import pick
    from core.measures.skin_probes import Probe
    from core.models.trunks import pretrained
    from core.models.weights import fingerprint
    from core.study import Study
    from core.trials import Trial
    from reports.publish import publish

    device, splits = pick(config.device), load(config.data)
    outlines = None
    if config.masks:
        outlines = masks.read(config.masks, splits.test.names, splits.test.shape[1:])
    notes = [NOT_A_DEVICE, *([DRAWN] if splits.card.synthetic else []), *splits.card.warnings]
    splits = replace(splits, card=replace(splits.card, warnings=notes))
    config = replace(config, train=config.train.resolve(len(splits.train)))
    base = pretrained(config.network, config.weights, splits.train.shape, device)  # fails early
    probe = Probe.of(splits, outlines)
    contents = {"pretrained": fingerprint(config.weights, config.network)}
    contents |= {} if outlines is None else {"masks": masks.fingerprint(outlines)}
    print(f"device: {device}\ndata: {splits.card}\n{NOT_A_DEVICE}")
    with Study(
        "skin_lesions",
        asdict(config),
        splits.card,
        script=__file__,
        device=device.kind,
        arm="arm",
        selection=("arms", "seeds", "masks", "keep_networks", *JUDGING),
        shared=common(config, splits, probe),
        weights=contents,
    ) as study:
        trials = (Trial(arm, seed) for seed in range(config.seeds) for arm in config.arms)
        job = partial(train, config, base, splits, probe, device)
        study.run(trials, job, keeps=config.keeps)
    return publish(study.store, study.key)


def common(config: Config, splits: "Splits", probe: "Probe") -> "Shared":
    """Return what all trials share, the course's submission and the user's readers included."""
    from core.data.shared import shared
    from core.measures import skin
    from reports.skin import readers, scoring

    coords, arrays = skin.common(splits, probe, config.explained)
    if config.data.data == "isic2017":
        arrays |= scoring.course(config.data.data_root / "isic2017" / "scoring")
    if config.readers:
        doctors = readers.read(config.readers, splits, skin.TARGET)
        names, calls = readers.packed(doctors, len(splits.test))
        coords, arrays = coords | names, arrays | calls
    return shared(splits, {"arm": ARMS}, coords | scoring.COORDS, arrays)


def train(
    config: Config,
    base: "nn.Module",
    splits: "Splits",
    probe: "Probe",
    device: "Device",
    job: "Job",
) -> "list[Record]":
    """Train one arm and ask it all that judging may want to know."""
    from core.data.augment import mirror
    from core.measures.skin import Network, measure
    from core.models import kept
    from core.models.arms import begin
    from core.models.trunks import trunk, with_head
    from core.training.imbalance import balanced, objective
    from core.training.single import fit

    (trial,), shape, n_classes = job.trials, splits.train.shape, len(splits.card.classes)
    fresh = partial(trunk, config.network, RANDOM, shape, trial.seed)
    whole = with_head(begin(trial.arm, base, fresh, trial.seed), shape, n_classes, trial.seed)
    network = Network(whole, device, frozen=config.frozen and trial.arm != RANDOM)
    images = network.inputs(splits.train)
    images = balanced(images, trial.seed) if config.imbalance == "sampling" else images
    for epoch in fit(
        network.trained,
        images.to(device.torch),
        network.inputs(splits.val).to(device.torch),
        config.train,
        trial.seed,
        device,
        augment=None if network.frozen else mirror,
        checkpoint=job.checkpoint,
        objective=objective(config.imbalance, splits.card.counts["train"]),
    ):
        job.epoch(epoch)
    record = measure(network, splits, probe, trial.seed, config.explained)
    if config.keeps(trial):
        files = kept.files(network.whole, "standardised", config.network, splits.card)
        record = replace(record, files=files)
    return [record]


def score(config: Score) -> None:
    """Print the challenge's areas, with intervals, counts and ranks."""
    from reports.skin import scoring

    truth, rows = scoring.read(config.truth, truth=True), scoring.read(config.predictions)
    scores = scoring.score(rows, truth, config.threshold, config.prevalence)
    print("\n".join(scoring.lines(scores, config.threshold, config.prevalence)))


if __name__ == "__main__":
    from reports import running

    if sys.argv[1:2] == ["score"]:
        sys.argv = [f"{sys.argv[0]} score", *sys.argv[2:]]
        cli.run(score, Score, "Score a submission to ISIC 2017 part 3, rows in any order.")
    else:
        cli.run(*running.by_looks(main, Config), __doc__)
