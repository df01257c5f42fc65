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
from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import (
    DeviceConfig,
    FolderPath,
    NameOrFile,
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
    from core.data.tasks import Tasks
    from core.device import Device
    from core.study import Job
    from core.training.transfer import Bench
    from core.trials import Record, Trial
    from reports import studies

BATCH = 16  # images a step, in every training
LR = 3e-3
SHARED = (
    "All seeds share one pretrained {} and the large training sets: intervals do not say what "
    "others would give."
)
SIZES, TASKS = ("small", "large"), ("similar", "different")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train every strategy of transfer in all four cells, paired by seed."""

    seeds: Seeds = 5
    """paired repetitions: each seed pretrains its own network and draws its small training set,
    heads and data order"""
    per_class: Annotated[int, Interval(ge=5, le=1_000_000)] = 10
    """training images a class where the task is small; large takes all there are"""
    network: str = "cnn"
    """cnn (small, pretrained here on half of the digits), or a torchvision classifier"""
    weights: NameOrFile = IMAGENET
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
    trained whole the better of 1e-3 and 1e-4, by a held-out fifth of its training images)"""
    split_seed: Seed = 0
    """seed of the data split"""
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


def main(config: Config) -> "studies.Study | None":
    """Train what is missing, keep it, publish what is known."""
    from core.device import pick
    from core.models.strategies import STRATEGIES
    from core.models.weights import fingerprint
    from core.study import Study
    from reports.publish import publish

    device, embedded = pick(config.device), config.network == "cnn"
    lr = config.lr or (LR if embedded else None)  # None: each training has its own
    config = replace(config, side=config.side or (16 if embedded else 96), lr=lr)
    bench, data = prepare(config, device)
    print(f"device: {device}\ndata: {data.card.source}")
    for line in data.card.warnings:
        print(f"note: {line}")
    named = {} if embedded else {config.network: fingerprint(config.weights, config.network)}
    order = {"arm": tuple(STRATEGIES), "size": SIZES, "task": TASKS}
    with Study(
        "transfer_regimes",
        asdict(config),
        data.card,
        script=__file__,
        device=device.kind,
        arm="strategy",
        selection=("seeds", "similar", "different"),  # the card's fingerprint knows the data
        shared=data.shared(order),
        weights=named,
    ) as study:
        study.run(grid(config), partial(train, config, bench, data), alike)
    return publish(study.store, study.key)


def grid(config: Config) -> "Iterator[Trial]":
    """Yield the trials: every strategy in every cell, seed by seed."""
    from core.models.strategies import STRATEGIES
    from core.trials import Trial

    for seed, size, task in product(range(config.seeds), SIZES, TASKS):
        yield from (Trial(arm, seed, (("size", size), ("task", task))) for arm in STRATEGIES)


def alike(trial: "Trial") -> Hashable:
    """Return what trials of a program share: seed, cell, and which parameters are trained."""
    from core.models.strategies import STRATEGIES

    strategy = STRATEGIES[trial.arm]
    return trial.seed, trial.factors, strategy.stages, strategy.frozen


def prepare(config: Config, device: "Device") -> "tuple[Bench, Tasks]":
    """Load the pretrained network, or what it is to be pretrained on, and the data."""
    from core.data.overlap import overlap_warnings
    from core.data.tasks import folder_tasks, tasks
    from core.training.transfer import RATES, Large, Small

    if config.network == "cnn":
        data = tasks(config.side or 16, config.per_class, config.split_seed)
        settings = TrainConfig(epochs=config.pretraining, batch_size=BATCH, lr=config.lr or LR)
        assert data.source is not None
        return Small(data.source, settings, device), data
    rates = (config.lr,) if config.lr else RATES
    large = Large(config.network, config.weights, config.side or 96, device, rates)
    similar, different = (
        DataConfig(data=name, data_root=config.data_root, split_seed=config.split_seed)
        for name in (config.similar, config.different)
    )
    data = folder_tasks(similar, different, large.preparation, config.per_class)
    data.card.warnings.append(SHARED.format(config.network))
    if config.weights != RANDOM:
        data.card.warnings.extend(overlap_warnings(data.card.classes, large.backbone.classes))
    return large, data


def train(config: Config, bench: "Bench", data: "Tasks", job: "Job") -> "list[Record]":
    """Train strategies of one seed in one cell and score them on its test images."""
    from core.measures.transfer import record
    from core.training.loop import batch_sizes

    first = job.trials[0]
    task, images = data.find(first.levels), data.find(first.levels).train(first.seed)
    batch = min(BATCH, len(images))
    epochs = math.ceil(config.steps / len(batch_sizes(len(images), batch)))
    settings = TrainConfig(epochs=epochs, batch_size=batch, lr=config.lr or LR)
    trained = bench.train(job, images, task, settings)
    seen = bench.look(images, first.seed) if first.arm == "head" else None
    labels, name = task.test.labels, task.similarity
    return [
        record(logits, labels, name, {"trained/parameters": float(n), "trained/lr": rate}, seen)
        for logits, n, rate in zip(trained.logits, trained.parameters, trained.rates, strict=True)
    ]


if __name__ == "__main__":
    from reports import running

    cli.run(*running.by_looks(main, Config), __doc__)
