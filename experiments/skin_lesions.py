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
    from core.results import Result, Trial
    from core.study import Study


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
    network: str = "cnn"
    """cnn (the course's scratch CNN), or a torchvision classifier: mobilenet_v2, resnet18, ..."""
    weights: str = DIGITS
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
    explained: Annotated[int, Interval(ge=0, le=1_000_000)] = 24
    """test images of melanoma to explain, a trial (needs captum)"""
    data: DataConfig = field(default_factory=lambda: DataConfig(data="lesions"))
    train: TrainConfig = field(default_factory=lambda: TrainConfig(epochs=15, keep="best"))
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("arms", self.arms, ARMS)
        fits = (self.network == "cnn") == (self.weights == DIGITS) and self.weights != RANDOM
        check("weights", self.weights, fits, "digits for the cnn, imagenet or a file for others")


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


def main(config: Config) -> None:
    """Run the study: train what is missing, judge the claims, log tables and figures."""
    from core.data.sources import load
    from core.device import pick
    from core.models.trunks import pretrained
    from core.results import Trial
    from core.study import Study
    from core.training.loop import Plan
    from reports.skin import exhibits, findings, readers, tasks
    from reports.verdicts import judge

    device, splits = pick(config.device), load(config.data)
    own = readers.own(config.readers, splits, "melanoma") if config.readers else ()
    base = pretrained(config.network, config.weights, splits.train.shape, device)  # fails early
    print(f"device: {device}\ndata: {splits.card}\n{findings.NOT_A_DEVICE}")
    options = asdict(replace(config, weights=Path(config.weights).name))
    with Study("skin_lesions", options, splits.card, str(device), Path(__file__), "arm") as study:
        trials = [Trial(arm, seed) for seed in range(config.seeds) for arm in config.arms]
        for group in study.missing([[trial] for trial in trials]):
            study.finish(group, [run(config, group[0], base, splits, device, study)])
        results = {trial: study.results[trial] for trial in trials}
        rule = tasks.Operation(
            rule=config.threshold,
            target=config.target_sensitivity,
            miss_cost=config.miss_cost,
            prevalence=config.prevalence,
        )
        found = tasks.read(results, splits, rule)
        scored = config.data.data_root / "isic2017" / "scoring"
        study.conclude(
            exhibits.exhibits(results, found, splits, rule, [*readers.published(), *own]),
            judge(findings.findings(results, found, splits, scored), splits.card.name),
            findings.summary(results, splits.card, Plan.of(config.train, len(splits.train))),
            columns=("test/auc_melanoma", "test/auc_keratosis", "test/accuracy", "test/loss"),
        )


def run(
    config: Config,
    trial: "Trial",
    base: "nn.Module",
    splits: "Splits",
    device: "Device",
    study: "Study",
) -> "Result":
    """Train one arm and ask it all that the report wants to know."""
    from core.data.augment import mirror
    from core.models.arms import begin
    from core.models.trunks import trunk, with_head
    from core.training.imbalance import balanced, objective
    from core.training.single import fit
    from reports.skin.evaluation import Network, evaluate

    shape, n_classes = splits.train.shape, len(splits.card.classes)
    fresh = partial(trunk, config.network, RANDOM, shape, trial.seed)
    whole = with_head(begin(trial.arm, base, fresh, trial.seed), shape, n_classes, trial.seed)
    network = Network(whole, device, frozen=config.frozen and trial.arm != RANDOM)
    train = network.inputs(splits.train)
    train = balanced(train, trial.seed) if config.imbalance == "sampling" else train
    cost = objective(config.imbalance, splits.card.counts["train"])
    for epoch in fit(
        network.trained,
        train.to(device.torch),
        network.inputs(splits.val).to(device.torch),
        config.train,
        trial.seed,
        device,
        augment=None if network.frozen else mirror,
        checkpoint=study.checkpoint([trial]),
        objective=cost,
    ):
        study.epoch([trial], epoch)
    return evaluate(network, splits, trial.seed, config.explained)


def score(config: Score) -> None:
    """Print the challenge's areas, with intervals, counts and ranks."""
    from reports.skin import scoring

    truth, rows = scoring.read(config.truth, truth=True), scoring.read(config.predictions)
    found = scoring.score(rows, truth, config.threshold, config.prevalence)
    print("\n".join(scoring.lines(found, config.threshold, config.prevalence)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["score"]:
        sys.argv = [f"{sys.argv[0]} score", *sys.argv[2:]]
        cli.run(score, Score, "Score a submission to ISIC 2017 part 3, rows in any order.")
    else:
        cli.run(main, Config, __doc__)
