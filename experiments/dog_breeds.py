"""Which breed? A CNN from scratch against linear heads on frozen pretrained networks.

Command:  python experiments/dog_breeds.py --data folder:PATH --backbones NAME --weights FILE
          (without options: Oxford-IIIT Pet, VGG16 and ResNet-18 with torchvision's weights)
Expected: 20 breeds x 100 images, MobileNetV2 and 3 seeds on 2 CPU cores: 2 minutes for the
          features, seconds for the heads, 10 minutes for the scratch CNN; 88 to 95 % against
          10 to 25 %
Source:   the course's dog project: a scratch CNN, and ResNet-18 frozen with a new linear layer
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, Seeds, TrainConfig, check, check_options
from core.data.config import DataConfig
from core.models.config import RANDOM, BackboneConfig
from reports.dogs import SCRATCH, drifting

if TYPE_CHECKING:
    from core.results import Trial
    from torch import nn

    from core.data.images import Splits
    from core.device import Device
    from core.models.backbones import Trunk
    from core.study import Study


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train a scratch CNN and linear heads on frozen backbones, paired by seed."""

    scratch: bool = True
    """train the course's scratch CNN too, with mirrored and shifted training images"""
    drift: bool = False
    """train each head also as the course does: full forward every epoch, batch norm drifting"""
    mirror: bool = True
    """give the heads the mirrored training images too"""
    seeds: Seeds = 5
    """paired repetitions: each seed draws its first weights, its data order and its dropout"""
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    data: DataConfig = field(default_factory=lambda: DataConfig(data="oxford-pets"))
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(epochs=20, keep="best", patience=5)
    )
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        sized = self.data.size is None
        check("size", self.data.size, sized, "no size (it belongs to the backbone)")
        check("keep", self.train.keep, self.train.keep == "best", "best (early stopping)")


SMOKE = Config(
    seeds=2,
    backbone=BackboneConfig(weights=(RANDOM,)),
    train=TrainConfig(epochs=2, keep="best"),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> None:
    """Run the study: train what is missing, judge the claims, log tables and figures."""
    from reports.verdicts import judge

    from core.data.overlap import overlap_warnings
    from core.data.sources import load
    from core.device import pick
    from core.models import backbones
    from core.study import Study
    from reports.dogs.breeds import exhibits
    from reports.dogs.transfer import findings, summary

    device, sources = pick(config.device), config.backbone.named
    loaded = {name: backbones.load(name, w) for name, w in config.backbone.pairs.items()}
    trunks = {name: backbone.trunk().freeze() for name, backbone in loaded.items()}
    wanted = dict.fromkeys(trunk.preparation for trunk in trunks.values())
    # Backbones that want their images alike share them, and the split is the same for all.
    prepared = {preparation: load(config.data, preparation) for preparation in wanted}
    first, splits = next(iter(prepared.items()))
    print(f"device: {device}\ndata: {splits.card}")
    if set(sources.values()) != {RANDOM}:
        known = next(iter(loaded.values())).classes
        splits.card.warnings.extend(overlap_warnings(splits.card.classes, known))
    for line in splits.card.warnings:
        print(f"note: {line}")
    groups, drifts = list(grid(config)), {drifting(name): name for name in trunks}
    with Study(
        "dog_breeds", asdict(config), splits.card, str(device), Path(__file__), "network"
    ) as study:
        for group in study.missing(groups):
            arm = group[0].arm
            backbone = {SCRATCH: None, **drifts}.get(arm, arm)
            preparation = trunks[backbone].preparation if backbone else first
            if arm in trunks:
                heads(study, group, trunks[arm], prepared[preparation], config, device)
            else:
                network(study, group[0], backbone, prepared[preparation], config, device)
        results = {t: study.results[t] for group in groups for t in group}
        study.conclude(
            exhibits(results, splits),
            judge(findings(results, splits.card, sources), splits.card.name),
            summary(results, sources, splits.card),
            columns=("test/accuracy", "test/top5", "test/loss", "trained/parameters"),
        )


def grid(config: Config) -> Iterator[list["Trial"]]:
    """Yield the groups: all seeds of a head train as one program, other networks alone."""
    from core.results import Trial

    for name in config.backbone.backbones:
        yield [Trial(name, seed) for seed in range(config.seeds)]
    alone = [SCRATCH] if config.scratch else []
    alone += [drifting(name) for name in config.backbone.backbones] if config.drift else []
    for arm in alone:
        yield from ([Trial(arm, seed)] for seed in range(config.seeds))


def new_head(width: int, n_classes: int, seed: int) -> "nn.Sequential":
    """Build a linear head on features (width, 1, 1) with the first weights of a seed."""
    from core.device import seeded
    from core.models.networks import mlp

    with seeded(seed):
        return mlp((width, 1, 1), n_classes, hidden=())


def heads(
    study: "Study",
    group: "Sequence[Trial]",
    trunk: "Trunk",
    splits: "Splits",
    config: Config,
    device: "Device",
) -> None:
    """Train the heads of all seeds, as one program, on the features of a frozen trunk."""
    from core.data.images import concatenated
    from core.models.backbones import trainable, unchanged
    from core.models.features import features
    from core.training.replicas import Replicas, fit_many, predict_many
    from reports.dogs.transfer import measure

    wanted = [splits.train, splits.val, splits.test]
    wanted += [splits.train.mirrored()] if config.mirror else []
    with unchanged(trunk):
        train, val, test, *more = (features(trunk, part, device) for part in wanted)
    train = concatenated([train, *more]).to(device.torch)
    val, test = val.to(device.torch), test.to(device.torch)
    models = [[new_head(trunk.width, len(splits.card.classes), t.seed)] for t in group]
    sizes, patience = trainable(models[0][0]), config.train.patience
    print(f"{trunk.name}: frozen, hash unchanged; parameters trained on top of it: {sizes}")
    replicas, epochs = Replicas(models, [t.seed for t in group], device), []
    place = study.checkpoint(group)
    for epoch in fit_many(replicas, train, val, config.train, place):
        study.epoch(group, epoch)
        epochs.append(epoch)
    logits, n = predict_many(replicas, test)[:, 0], sum(sizes.values())
    study.finish(
        group,
        [measure(row, test.labels, epochs, i, n, patience) for i, row in enumerate(logits)],
    )


def network(
    study: "Study",
    trial: "Trial",
    backbone: str | None,
    splits: "Splits",
    config: Config,
    device: "Device",
) -> None:
    """Train one network on the images: the scratch CNN, or a head on a backbone that drifts."""
    from torch import nn

    from core.data.augment import mirror_and_shift
    from core.device import seeded
    from core.models.backbones import load, trainable
    from core.models.features import passing
    from core.models.networks import scratch_cnn
    from core.training.single import fit, predict
    from reports.dogs.transfer import measure

    n_classes = len(splits.card.classes)
    if backbone is None:
        with seeded(trial.seed):
            model = scratch_cnn(splits.train.shape, n_classes)
    else:
        trunk = load(backbone, config.backbone.pairs[backbone]).trunk().requires_grad_(False)
        model = nn.Sequential(trunk, *new_head(trunk.width, n_classes, trial.seed))
    place, epochs = study.checkpoint([trial]), []
    for epoch in fit(
        model, splits.train, splits.val, config.train, trial.seed, device, mirror_and_shift, place
    ):
        study.epoch([trial], epoch)
        epochs.append(epoch)
    logits = predict(model, splits.test, device, passing(device))
    n = sum(trainable(model).values())
    study.finish([trial], [measure(logits, splits.test.labels, epochs, 0, n)])


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
