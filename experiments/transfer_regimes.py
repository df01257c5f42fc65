"""Small or large, similar or different: which strategy of transfer is best, and why?

Command:  python experiments/transfer_regimes.py
          python experiments/transfer_regimes.py --network NAME --weights FILE --similar folder:PATH
          --different folder:PATH --seeds 2 --steps 40      (a real trunk on real data)
Expected: under 2 minutes on 2 CPU cores, embedded data, nothing to download: a small CNN learns
          one half of the digits' classes, then meets the other half (similar) and faces (different)
Source:   the course's table of four transfer regimes; controls from Raghu et al., NeurIPS 2019,
          arXiv 1902.07208
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import (
    DeviceConfig,
    FolderPath,
    Positive,
    Seed,
    Seeds,
    Settled,
    Steps,
    TrainConfig,
    check,
    check_options,
)
from core.data.config import DataConfig, default_root
from core.models.config import IMAGENET, RANDOM

if TYPE_CHECKING:
    from torch import Tensor

    from core.data.tasks import Task, Tasks
    from core.device import Device
    from core.models.advisor import Advice
    from core.results import Result, Trial
    from core.study import Study
    from core.training.transfer import Bench

BATCH = 16  # images a step, in every training
LR = 3e-3


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train every strategy of transfer in all four cells, paired by seed."""

    seeds: Seeds = 5
    """paired repetitions: each seed pretrains its own network, and draws heads and data order"""
    per_class: Annotated[int, Interval(ge=5, le=1_000_000)] = 10
    """training images a class where the task is small; large takes all there are"""
    network: str = "cnn"
    """cnn (small, pretrained here on half of the digits), or a torchvision classifier"""
    weights: str = IMAGENET
    """of a torchvision classifier: imagenet, random, or a FILE that holds a state dict"""
    similar: str = ""
    """folder:PATH (or oxford-pets, isic2017, ...) of the similar task, with a classifier"""
    different: str = ""
    """the same of the different task"""
    side: Settled[Annotated[int, Interval(ge=8, le=512)]] = None
    """pixels to which all images are scaled (default: 16 for the cnn, else 96)"""
    steps: Steps = 300
    """steps of every training in a cell, whatever its size"""
    pretraining: Steps = 15
    """epochs on the first half of the digits' classes"""
    lr: Settled[Positive] = None
    """learning rate of every training, Adam (default: 3e-3, but where a torchvision network is
    trained whole the better of 1e-3 and 1e-4, by a held-out fifth of the training images)"""
    split_seed: Seed = 0
    """seed of the data split and of the small tasks"""
    data_root: FolderPath = field(default_factory=default_root)
    """where real data sets lie; the default is the environment's DATA_ROOT, else ./data"""
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("similar", "different"):
            given = getattr(self, name)
            fits = bool(given) == (self.network != "cnn")
            check(name, given or "(none)", fits, "a data set with --network NAME, and only then,")


SMOKE = Config(seeds=2, steps=4, pretraining=1, device=DeviceConfig(device="cpu"))


def main(config: Config) -> None:
    """Run the study: pretrain, train what is missing, judge the claims, log it all."""
    from core.device import pick
    from core.study import Study
    from reports.transfer.exhibits import exhibits
    from reports.transfer.findings import findings, summary
    from reports.verdicts import judge

    device = pick(config.device)
    bench, data = prepare(config, device)
    print(f"device: {device}\ndata: {data.card.source}")
    for line in data.card.warnings:
        print(f"note: {line}")
    groups = list(grid(config, data))
    with Study(
        "transfer_regimes", asdict(config), data.card, str(device), Path(__file__), "strategy"
    ) as study:
        for group in study.missing(groups):
            cell(study, group, bench(), data, config)
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


def prepare(config: Config, device: "Device") -> "tuple[Callable[[], Bench], Tasks]":
    """Load the data; return how to get the pretrained network, which a finished study needs not."""
    import functools

    from core.data.overlap import overlap_warnings
    from core.data.tasks import folder_tasks, tasks
    from core.training.transfer import RATES, Large, Small

    if config.network == "cnn":
        data = tasks(config.side or 16, config.per_class, config.split_seed)
        settings = TrainConfig(epochs=config.pretraining, batch_size=BATCH, lr=config.lr or LR)
        source = data.source
        assert source is not None
        return functools.cache(lambda: Small(source, config.seeds, settings, device)), data
    rates = (config.lr,) if config.lr else RATES
    large = Large(config.network, config.weights, config.side or 96, device, rates)
    similar, different = (
        DataConfig(data=name, data_root=config.data_root, split_seed=config.split_seed)
        for name in (config.similar, config.different)
    )
    data = folder_tasks(similar, different, large.preparation, config.per_class)
    if config.weights != RANDOM:
        data.card.warnings.extend(overlap_warnings(data.card.classes, large.backbone.classes))
    return (lambda: large), data


def cell(
    study: "Study", group: "Sequence[Trial]", bench: "Bench", data: "Tasks", config: Config
) -> None:
    """Train a group's strategies in one cell and score them on its test images."""
    task = data.find(dict(group[0].params))
    batch = min(BATCH, len(task.train))
    epochs = math.ceil(config.steps / math.ceil(len(task.train) / batch))
    settings = TrainConfig(epochs=epochs, batch_size=batch, lr=config.lr or LR)
    found = bench.train(group, task, settings, study.checkpoint(group))
    study.finish(
        group,
        [
            measure(
                found.logits[index],
                {
                    "train/loss": found.losses[index],
                    "trained/parameters": float(found.parameters[index]),
                    "trained/lr": found.rates[index],
                },
                task,
                bench.advise(task, trial.seed) if trial.arm == "head" else None,
            )
            for index, trial in enumerate(group)
        ],
    )


def measure(
    logits: "Tensor", trained: dict[str, float], task: "Task", advice: "Advice | None"
) -> "Result":
    """Return a trial's numbers: hits on the test images, and what the advisor saw before."""
    import numpy as np
    import torch

    from core.evaluation.metrics import correct, cross_entropy
    from core.models.regimes import STRATEGIES
    from core.results import Result

    hits, codes = correct(logits, task.test.labels), list(STRATEGIES)
    metrics = {
        "test/accuracy": float(hits.float().mean()),
        "test/loss": float(cross_entropy(logits, task.test.labels)),
        **trained,
    }
    arrays = {"correct": hits.to(torch.uint8).numpy()}
    if advice is not None:
        arrays["probes"] = np.array(advice.probes)
        code = codes.index(advice.strategy)
        arrays["advice"] = np.array([code, advice.distance, advice.per_class])
    return Result(metrics, arrays)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
