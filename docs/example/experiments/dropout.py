"""Does dropout help where there are few images?

Command:  python experiments/dropout.py, once it is there and reports/dropout is among PACKAGES
Expected: half a minute on 2 CPU cores for 3 arms x 5 seeds on the embedded digits
Source:   Srivastava et al., JMLR 15 (2014) 1929-1958
"""

import sys
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core import cli
from core.config import DeviceConfig, Seeds, TrainConfig, check_options
from core.data.config import DataConfig

if TYPE_CHECKING:
    from core.data.images import Splits
    from core.device import Device
    from core.study import Job
    from core.trials import Record

SHARES = {"none": 0.0, "a fifth": 0.2, "half": 0.5}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train the course's perceptron with and without dropout, paired by seed."""

    seeds: Seeds = 5
    """paired repetitions"""
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)


SMOKE = Config(seeds=2, train=TrainConfig(epochs=1), device=DeviceConfig(device="cpu"))


def main(config: Config) -> None:
    """Train what is missing, keep it, publish what is known."""
    from core.data.shared import shared
    from core.data.sources import load
    from core.device import pick
    from core.study import Study
    from core.trials import Trial
    from reports.publish import publish

    device, splits = pick(config.device), load(config.data)
    config = replace(config, train=config.train.resolve(len(splits.train)))
    print(f"device: {device}\ndata: {splits.card}")
    with Study(
        "dropout",
        asdict(config),
        splits.card,
        script=__file__,
        device=device.kind,
        arm="dropout",
        selection=("seeds",),
        shared=shared(splits, {"arm": tuple(SHARES)}),
    ) as study:
        trials = [Trial(arm, seed) for arm in SHARES for seed in range(config.seeds)]
        study.run(trials, partial(train, config, splits, device))
    publish(study.store, study.key)


def train(config: Config, splits: "Splits", device: "Device", job: "Job") -> "list[Record]":
    """Train one network; keep which test images it gets right."""
    import numpy as np

    from core.evaluation.metrics import correct
    from core.models.initialisation import initialise
    from core.models.networks import mlp
    from core.training.single import fit, predict
    from core.trials import Record

    records = []
    for trial in job.trials:
        shape, n_classes = splits.train.shape, len(splits.card.classes)
        model = initialise(mlp(shape, n_classes, dropout=SHARES[trial.arm]), "default", trial.seed)
        for epoch in fit(model, splits.train, splits.val, config.train, trial.seed, device):
            job.epoch(epoch)
        hits = correct(predict(model, splits.test, device), splits.test.labels).numpy()
        metrics = {"test/accuracy": float(hits.mean())}
        records.append(Record(metrics, {"correct": (("image",), hits.astype(np.uint8))}))
    return records


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
