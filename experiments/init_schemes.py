"""Which initialisation keeps a network trainable?

Command:  python experiments/init_schemes.py [--data fashion-mnist --seeds 5]
Expected: a minute on 2 CPU cores for 13 schemes x 10 seeds on drawn digits; on Fashion-MNIST
          rule-based schemes reach 82 to 88 %, constants stay at 10 %
Source:   the course's weight-initialization lesson; of each scheme, core/models/initialisation.py
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, Seeds, TrainConfig, check_names, check_options
from core.data.config import DataConfig
from core.models.initialisation import SCHEMES

if TYPE_CHECKING:
    from torch import nn

    from core.data.images import Splits
    from core.device import Device
    from core.study import Job
    from core.trials import Record, Trial
    from reports import studies

LARGER = (5, 256)  # depth and width of the second network, for the claim on size
CONTRAST = ("uniform-rule", "uniform-centred")  # the good and the bad weights of that claim


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train the course's network from different initial weights, paired by seed."""

    schemes: tuple[str, ...] = tuple(SCHEMES)
    """weight initialisations to compare"""
    seeds: Seeds = 10
    """paired repetitions: each seed draws its weights, its data order and its dropout"""
    network: Literal["mlp", "cnn"] = "mlp"
    """the course's multi-layer perceptron, or its scratch CNN"""
    depth: Annotated[int, Interval(ge=1, le=100)] = 2
    """hidden layers of the mlp"""
    width: Annotated[int, Interval(ge=2, le=65_536)] = 256
    """units of its first hidden layer; the others have half"""
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.2
    """share of units dropped in training"""
    larger: bool = True
    """also train the rule and U[-0.5, 0.5), where both are asked for, on a 5-layer mlp: claim W6"""
    data: DataConfig = field(default_factory=lambda: DataConfig(data="drawn-digits"))
    train: TrainConfig = field(default_factory=TrainConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("schemes", self.schemes, SCHEMES)


SMOKE = Config(
    schemes=("zeros", "uniform-rule", "uniform-centred"),
    seeds=2,
    width=16,
    data=DataConfig(data="digits"),
    train=TrainConfig(epochs=1),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> "studies.Study | None":
    """Train what is missing, keep it, publish what is known."""
    from core.data.shared import shared
    from core.data.sources import load
    from core.device import pick
    from core.measures.initialisation import PARTS, QUANTITIES
    from core.study import Study
    from core.training.replicas import networks_at_once
    from reports.publish import publish

    device = pick(config.device)
    splits = load(config.data)
    config = replace(config, train=config.train.resolve(len(splits.train)))
    build(config, splits, next(grid(config)))  # fails before it trains
    print(f"device: {device}\ndata: {splits.card}")
    order = {"arm": tuple(SCHEMES), "scale": ("course", "larger")}
    with Study(
        "init_schemes",
        asdict(config),
        splits.card,
        script=__file__,
        device=device.kind,
        arm="scheme",
        selection=("schemes", "seeds", "larger"),
        shared=shared(splits, order, {"quantity": QUANTITIES, "part": PARTS}),
    ) as study:
        together = networks_at_once(build(config, splits, next(grid(config))), device)
        job = partial(train, config, splits, device)
        study.run(grid(config), job, lambda trial: trial.factors, together)
    return publish(study.store, study.key)


def grid(config: Config) -> "Iterator[Trial]":
    """Yield the trials: every scheme on the course's network, two of them on a larger one."""
    from core.trials import Trial

    larger = CONTRAST if config.larger and set(CONTRAST) <= set(config.schemes) else ()
    for scale, arms in (("course", config.schemes), ("larger", larger)):
        for seed in range(config.seeds):
            yield from (Trial(arm, seed, (("scale", scale),)) for arm in arms)


def build(config: Config, splits: "Splits", trial: "Trial") -> "nn.Sequential":
    """Build the network of a trial with its initial weights."""
    from core.models.initialisation import initialise
    from core.models.networks import mlp, scratch_cnn

    shape, n_classes = splits.train.shape, len(splits.card.classes)
    larger = trial.levels["scale"] == "larger"
    if config.network == "cnn" and not larger:
        model = scratch_cnn(shape, n_classes, config.dropout)
    else:
        depth, width = LARGER if larger else (config.depth, config.width)
        model = mlp(shape, n_classes, (width, *[width // 2] * (depth - 1)), config.dropout)
    return initialise(model, trial.arm, trial.seed)


def train(config: Config, splits: "Splits", device: "Device", job: "Job") -> "list[Record]":
    """Train a program, all schemes of some seeds, and measure it before and after."""
    from core.measures.initialisation import after, before
    from core.training.batched import fit_many
    from core.training.replicas import Replicas

    models = {trial: build(config, splits, trial) for trial in job.trials}
    earlier = before(models, splits.train)
    seeds = list(dict.fromkeys(trial.seed for trial in job.trials))
    rows = [[models[t] for t in job.trials if t.seed == seed] for seed in seeds]
    replicas, held, epochs = Replicas(rows, seeds, device), splits.to(device.torch), []
    for epoch in fit_many(replicas, held.train, held.val, config.train, job.checkpoint):
        job.epoch(epoch)
        epochs.append(epoch)
    return after(replicas, held, epochs, earlier)


if __name__ == "__main__":
    from reports import running

    cli.run(*running.by_looks(main, Config), __doc__)
