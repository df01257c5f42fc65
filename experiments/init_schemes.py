"""Which initialisation keeps a network trainable?

Command:  python experiments/init_schemes.py [--data fashion-mnist --seeds 5]
Expected: under a minute on 2 CPU cores for 13 schemes x 10 seeds on the embedded digits; on
          Fashion-MNIST rule-based schemes reach 82 to 88 %, constants stay at 10 %
Source:   the course's weight-initialization lesson; of each scheme, core/models/initialisation.py
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, Seeds, TrainConfig, check_names, check_options
from core.data.config import DataConfig
from core.models.initialisation import SCHEMES, initialise

if TYPE_CHECKING:
    from torch import nn

    from core.data.images import Splits
    from core.models.doctor import Diagnosis
    from core.results import Result, Trial
    from core.training.loop import Epoch
    from core.training.replicas import Replicas

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
    """also train the rule and U[-0.5, 0.5) on a 5-layer mlp, for claim W6"""
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("schemes", self.schemes, SCHEMES)


SMOKE = Config(
    schemes=("zeros", "uniform-rule", "uniform-centred"),
    seeds=2,
    width=16,
    train=TrainConfig(epochs=1),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> None:
    """Run the study: train what is missing, judge the claims, log tables and figures."""
    from core.data.sources import load
    from core.device import pick
    from core.study import Study
    from core.training.replicas import Replicas, fit_many
    from reports.initialisation.exhibits import exhibits
    from reports.initialisation.findings import findings, summary
    from reports.initialisation.prognosis import diagnose
    from reports.verdicts import judge

    device = pick(config.device)
    splits = load(config.data)
    build(config, splits, "zeros", 0)  # fails before it trains
    print(f"device: {device}\ndata: {splits.card}")
    held = splits.to(device.torch)
    groups = list(grid(config, 16 if device.torch.type == "cpu" else 128))
    with Study(
        "init_schemes", asdict(config), splits.card, str(device), Path(__file__), "scheme"
    ) as study:
        for group in study.missing(groups):
            models = {t: build(config, splits, t.arm, t.seed, size_of(t)) for t in group}
            diagnoses = diagnose(models, splits.train)
            seeds = list(dict.fromkeys(t.seed for t in group))
            rows = [[models[t] for t in group if t.seed == seed] for seed in seeds]
            replicas = Replicas(rows, seeds, device)
            place, epochs = study.checkpoint(group), []
            for epoch in fit_many(replicas, held.train, held.val, config.train, place):
                study.epoch(group, epoch)
                epochs.append(epoch)
            study.finish(group, evaluate(group, replicas, held, epochs, diagnoses))
        # In the order of the grid, whatever was resumed: arms are paired by position.
        trials = [trial for group in groups for trial in group]
        base = {t: study.results[t] for t in trials if not t.params}
        larger = {t: study.results[t] for t in trials if t.params}
        initial = {name: build(config, splits, name, 0) for name in config.schemes}
        study.conclude(
            exhibits(base, splits, initial),
            judge(findings(base, larger, splits.card, initial), splits.card.name),
            summary(base, larger, splits.card),
            columns=("test/accuracy", "test/accuracy_dropout", "test/loss", "doctor/loss"),
        )


def size_of(trial: "Trial") -> tuple[int, int] | None:
    """Return depth and width of a trial on the larger network, None for the others."""
    own = dict(trial.params)
    return (int(own["depth"]), int(own["width"])) if own else None


def build(
    config: Config, splits: "Splits", scheme: str, seed: int, size: tuple[int, int] | None = None
) -> "nn.Sequential":
    """Build the network of a trial with its initial weights."""
    from core.models.networks import mlp, scratch_cnn

    shape, n_classes = splits.train.shape, len(splits.card.classes)
    if config.network == "cnn" and size is None:
        model = scratch_cnn(shape, n_classes, config.dropout)
    else:
        depth, width = size or (config.depth, config.width)
        model = mlp(shape, n_classes, (width, *[width // 2] * (depth - 1)), config.dropout)
    return initialise(model, scheme, seed)


def grid(config: Config, replicas: int) -> Iterator[list["Trial"]]:
    """Yield the groups that train as one program: all arms of as many seeds as fit."""
    from core.results import Trial

    contrast = CONTRAST if config.larger else ()
    size = (("depth", LARGER[0]), ("width", LARGER[1]))
    for arms, params in ((config.schemes, ()), (contrast, size)):
        chunk = max(1, replicas // max(1, len(arms)))
        for start in range(0, config.seeds if arms else 0, chunk):
            seeds = range(start, min(start + chunk, config.seeds))
            yield [Trial(arm, seed, params) for seed in seeds for arm in arms]


def evaluate(
    group: "Sequence[Trial]",
    replicas: "Replicas",
    held: "Splits",
    epochs: "Sequence[Epoch]",
    diagnoses: "Sequence[Diagnosis]",
) -> "list[Result]":
    """Read the test images once, with dropout off and on; return a result for every trial."""
    import numpy as np
    import torch

    from core.evaluation.metrics import confusion, correct, cross_entropy
    from core.results import Result
    from core.training.replicas import predict_many
    from reports.initialisation import prognosis
    from reports.tables import confusion_table

    labels, classes = held.test.labels.cpu(), held.card.classes
    logits = predict_many(replicas, held.test).flatten(0, 1)
    noisy = predict_many(replicas, held.test, dropout=True).flatten(0, 1)
    hits, noisy_hits = correct(logits, labels), correct(noisy, labels)
    counts = confusion(logits, labels, len(classes))
    loss = cross_entropy(logits, labels)
    steps = np.concatenate([epoch.step_losses for epoch in epochs]).reshape(-1, len(group))
    results = []
    for index, diagnosis in enumerate(diagnoses):
        bad = np.flatnonzero(~np.isfinite(steps[:, index]))
        weights = replicas.weights(index)
        metrics = {
            "test/accuracy": float(hits[index].float().mean()),
            "test/accuracy_dropout": float(noisy_hits[index].float().mean()),
            "test/loss": float(loss[index]),
            "train/loss_last_batch": float(steps[-1, index]),
            **({"diverged_at": float(bad[0] + 1)} if len(bad) else {}),
            **prognosis.metrics(diagnosis, weights),
        }
        arrays = {
            "correct": hits[index].to(torch.uint8).numpy(),
            "correct_dropout": noisy_hits[index].to(torch.uint8).numpy(),
            "confusion": counts[index].numpy(),
            "step_losses": steps[:, index].copy(),
            **prognosis.arrays(diagnosis),
        }
        table = confusion_table(counts[index].numpy(), classes)
        results.append(Result(metrics, arrays, {"confusion": table}))
    return results


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
