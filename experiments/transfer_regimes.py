"""Small or large, similar or different: which strategy of transfer is best, and why?

Command:  python experiments/transfer_regimes.py
Expected: under 2 minutes on 2 CPU cores, embedded data, nothing to download: a small CNN learns
          one half of the digits' classes, then meets the other half (similar) and faces (different)
Source:   the course's table of four transfer regimes; controls from Raghu et al., NeurIPS 2019,
          arXiv 1902.07208
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, TrainConfig, check

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.data.tasks import Task, Tasks
    from core.device import Device
    from core.models.advisor import Advice
    from core.results import Result, Trial
    from core.study import Study

BATCH = 16  # images a step, in every training


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train every strategy of transfer in all four cells, paired by seed."""

    seeds: int = 5
    """paired repetitions: each seed pretrains its own network, and draws heads and data order"""
    per_class: int = 10
    """training images a class where the task is small; large takes all there are"""
    side: int = 16
    """pixels to which all images are scaled"""
    steps: int = 300
    """steps of every training in a cell, whatever its size"""
    pretraining: int = 15
    """epochs on the first half of the digits' classes"""
    lr: float = 3e-3
    """learning rate of every training (Adam)"""
    split_seed: int = 0
    """seed of the data split and of the small tasks"""
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check("seeds", self.seeds, self.seeds >= 2, "2 or more (single runs do not compare)")
        check("per_class", self.per_class, self.per_class >= 5, "5 or more (the probes' folds)")
        check("side", self.side, 8 <= self.side <= 64, "8 to 64")
        check("steps", self.steps, self.steps >= 1, "1 or more")
        check("pretraining", self.pretraining, self.pretraining >= 1, "1 or more")
        check("lr", self.lr, 0 < self.lr < float("inf"), "a number above 0")
        check("split_seed", self.split_seed, self.split_seed >= 0, "0 or more")


SMOKE = Config(seeds=2, steps=4, pretraining=1, device=DeviceConfig(device="cpu"))


def main(config: Config) -> None:
    """Run the study: pretrain, train what is missing, judge the claims, log it all."""
    from core.data.tasks import tasks
    from core.device import pick
    from core.study import Study
    from reports.transfer.exhibits import exhibits
    from reports.transfer.findings import findings, summary
    from reports.verdicts import judge

    device = pick(config.device)
    data = tasks(config.side, config.per_class, config.split_seed)
    print(f"device: {device}\ndata: {data.card.source}")
    groups = list(grid(config, data))
    with Study(
        "transfer_regimes", asdict(config), data.card, str(device), Path(__file__), "strategy"
    ) as study:
        networks: list[nn.Sequential] = []
        advice: dict[tuple[str, int], Advice] = {}
        for group in study.missing(groups):
            if not networks:  # a resumed study that lacks nothing needs none
                networks = pretrain(config, data, device)
                advice = consult(networks, data)
            cell(study, group, networks, data, config, device, advice)
        results = {trial: study.results[trial] for group in groups for trial in group}
        study.conclude(
            exhibits(results, data),
            judge(findings(results), data.card.name),
            summary(results),
            columns=("test/accuracy", "test/loss", "trained/parameters"),
        )


def grid(config: Config, data: "Tasks") -> Iterator[list["Trial"]]:
    """Yield the groups that train as one program: strategies that train the same parameters."""
    from core.models.regimes import STRATEGIES
    from core.results import Trial

    alike: dict[tuple[int, bool], list[str]] = {}
    for name, strategy in STRATEGIES.items():
        alike.setdefault((strategy.stages, strategy.frozen), []).append(name)
    for task in data.cells:
        params = (("size", task.size), ("task", task.similarity))
        for arms in alike.values():
            yield [Trial(arm, seed, params) for seed in range(config.seeds) for arm in arms]


def pretrain(config: Config, data: "Tasks", device: "Device") -> "list[nn.Sequential]":
    """Train one network a seed, from its own weights, on the source's classes."""
    from core.device import seeded
    from core.models.networks import staged_cnn
    from core.training.replicas import Replicas, fit_many

    n_classes, models = int(data.source.labels.max()) + 1, []
    for seed in range(config.seeds):
        with seeded(seed):
            models.append(staged_cnn(data.source.shape, n_classes))
    replicas = Replicas([[model] for model in models], range(config.seeds), device)
    settings = TrainConfig(epochs=config.pretraining, batch_size=BATCH, lr=config.lr)
    for _ in fit_many(replicas, data.source.to(device.torch), None, settings):
        pass
    for index, model in enumerate(models):
        model.cpu().load_state_dict(replicas.weights(index))
    return models


def consult(networks: "Sequence[nn.Sequential]", data: "Tasks") -> "dict[tuple[str, int], Advice]":
    """Ask the advisor about every cell, with the network of every seed; it sees no test image."""
    from core.models.advisor import advise

    return {
        (task.name, seed): advise(network, data.source, task.train)
        for task in data.cells
        for seed, network in enumerate(networks)
    }


def cell(
    study: "Study",
    group: "Sequence[Trial]",
    networks: "Sequence[nn.Sequential]",
    data: "Tasks",
    config: Config,
    device: "Device",
    advice: "dict[tuple[str, int], Advice]",
) -> None:
    """Train a group's strategies in one cell and score them on its test images."""
    from core.models.regimes import STRATEGIES, build
    from core.training.replicas import Replicas, fit_many, predict_many

    task = data.find(dict(group[0].params))
    models = [
        build(STRATEGIES[t.arm], networks[t.seed], task.train.shape, task.n_classes, t.seed)
        for t in group
    ]
    n_arms = len({t.arm for t in group})
    rows = [models[start : start + n_arms] for start in range(0, len(models), n_arms)]
    replicas = Replicas(rows, range(config.seeds), device)
    batch = min(BATCH, len(task.train))
    epochs = -(-config.steps // -(-len(task.train) // batch))
    settings = TrainConfig(epochs=epochs, batch_size=batch, lr=config.lr)
    train, test = task.train.to(device.torch), task.test.to(device.torch)
    for epoch in fit_many(replicas, train, None, settings, study.checkpoint(group)):
        if epoch.index == epochs:  # hundreds of tiny epochs would only fill the store
            study.epoch(group, epoch)
    logits = predict_many(replicas, test).flatten(0, 1)
    results = [
        measure(each, task, model, advice[task.name, trial.seed])
        for trial, model, each in zip(group, models, logits, strict=True)
    ]
    study.finish(group, results)


def measure(logits: "Tensor", task: "Task", model: "nn.Module", advice: "Advice") -> "Result":
    """Return a trial's numbers: hits on the test images, and what the advisor saw before."""
    import numpy as np
    import torch

    from core.evaluation.metrics import correct, cross_entropy
    from core.models.backbones import trainable
    from core.models.regimes import STRATEGIES
    from core.results import Result

    hits, codes = correct(logits, task.test.labels), list(STRATEGIES)
    metrics = {
        "test/accuracy": float(hits.float().mean()),
        "test/loss": float(cross_entropy(logits, task.test.labels)),
        "trained/parameters": float(sum(trainable(model).values())),
    }
    arrays = {
        "correct": hits.to(torch.uint8).numpy(),
        "probes": np.array(advice.probes),
        "advice": np.array([codes.index(advice.strategy), advice.distance, advice.per_class]),
    }
    return Result(metrics, arrays)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
