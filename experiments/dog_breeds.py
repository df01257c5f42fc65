"""Which breed? A CNN from scratch against linear heads on frozen pretrained networks.

Command:  python experiments/dog_breeds.py --data folder:PATH --backbones NAME --weights FILE
          (without options: Oxford-IIIT Pet, VGG16 and ResNet-18 with torchvision's weights)
Expected: 20 breeds x 100 images, MobileNetV2 and 3 seeds on 2 CPU cores: 2 minutes for the
          features, seconds for the heads, 10 minutes for the scratch CNN; 88 to 95 % against
          10 to 25 %
Source:   the course's dog project: a scratch CNN, and ResNet-18 frozen with a new linear layer
"""

import sys
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, Seeds, TrainConfig, check, check_options
from core.data.config import DataConfig
from core.models.config import DRIFTING, FROZEN, RANDOM, SCRATCH, TRAINED, BackboneConfig

if TYPE_CHECKING:
    from core.data.images import Splits
    from core.device import Device
    from core.models.backbones import Backbone
    from core.models.preparation import Preparation
    from core.study import Job
    from core.trials import Record, Trial
    from reports import studies

ONE_SET = (
    "All seeds share the training images, the test images and the pretrained weights: intervals do "
    "not say what others would give."
)


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
    keep_networks: bool = False
    """keep the trained network of each arm's seed 0 in its run, to be used again"""
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
        several = not self.drift or self.train.batch_size != 1  # for batch norm
        check("batch_size", self.train.batch_size, several, "2 or more with --drift")

    def keeps(self, trial: "Trial") -> bool:
        """Tell whether a trial is to keep its network."""
        return self.keep_networks and trial.seed == 0


SMOKE = Config(
    seeds=2,
    backbone=BackboneConfig(weights=(RANDOM,)),
    train=TrainConfig(epochs=2, keep="best"),
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> "studies.Study | None":
    """Train what is missing, keep it, publish what is known."""
    from core.data.overlap import overlap_warnings
    from core.data.shared import pictures, shared
    from core.data.sources import load
    from core.device import pick
    from core.models import backbones
    from core.models.weights import fingerprint
    from core.study import Study
    from reports.publish import publish

    device, pairs = pick(config.device), config.backbone.pairs
    loaded = {name: backbones.load(name, weights) for name, weights in pairs.items()}
    wanted = dict.fromkeys(backbone.preparation for backbone in loaded.values())
    # Backbones that want their images alike share them, and the split is the same for all.
    prepared = {preparation: load(config.data, preparation) for preparation in wanted}
    first = next(iter(prepared.values()))
    config = replace(config, train=config.train.resolve(len(first.train)))
    print(f"device: {device}\ndata: {first.card}")
    if set(pairs.values()) != {RANDOM}:
        known = next(iter(loaded.values())).classes
        first.card.warnings.extend(overlap_warnings(first.card.classes, known))
    first.card.warnings.append(ONE_SET)
    for line in first.card.warnings:
        print(f"note: {line}")
    order = {"arm": (*pairs, SCRATCH), "trunk": (FROZEN, DRIFTING, TRAINED)}
    with Study(
        "dog_breeds",
        asdict(config),
        first.card,
        script=__file__,
        device=device.kind,
        arm="network",
        selection=("seeds", "scratch", "drift", "backbone", "keep_networks"),
        shared=shared(first, order, *pictures(first.test)),
        weights={name: fingerprint(weights, name) for name, weights in pairs.items()},
    ) as study:
        job = partial(train, config, loaded, prepared, device)
        study.run(grid(config), job, alike, config.seeds, config.keeps)
    return publish(study.store, study.key)


def grid(config: Config) -> "Iterator[Trial]":
    """Yield the trials: heads on frozen backbones, the scratch CNN, heads on drifting ones."""
    from core.trials import Trial

    arms = [(name, FROZEN) for name in config.backbone.backbones]
    arms += [(SCRATCH, TRAINED)] if config.scratch else []
    arms += [(name, DRIFTING) for name in config.backbone.backbones] if config.drift else []
    for arm, trunk in arms:
        yield from (Trial(arm, seed, (("trunk", trunk),)) for seed in range(config.seeds))


def alike(trial: "Trial") -> Hashable:
    """Return what trials of a program share: heads on frozen features all do, others are alone."""
    frozen = trial.levels["trunk"] == FROZEN
    return trial.arm, trial.factors, None if frozen else trial.seed


def train(
    config: Config,
    loaded: "Mapping[str, Backbone]",
    prepared: "Mapping[Preparation, Splits]",
    device: "Device",
    job: "Job",
) -> "list[Record]":
    """Train the heads of a backbone, or one network, and score them on the test images."""
    trial = job.trials[0]
    preparation = loaded[trial.arm].preparation if trial.arm in loaded else next(iter(prepared))
    if trial.levels["trunk"] == FROZEN:
        return heads(config, loaded[trial.arm], prepared[preparation], device, job)
    return [network(config, prepared[preparation], device, job, preparation)]


def heads(
    config: Config, backbone: "Backbone", splits: "Splits", device: "Device", job: "Job"
) -> "list[Record]":
    """Train the heads of all seeds, as one program, on the features of a frozen trunk."""
    from torch import nn

    from core.data.images import concatenated
    from core.measures.breeds import record
    from core.models import kept
    from core.models.backbones import trainable, unchanged
    from core.models.features import features
    from core.models.networks import linear_head
    from core.training.batched import fit_many, predict_many
    from core.training.replicas import Replicas

    trunk, seeds = backbone.trunk().freeze(), [trial.seed for trial in job.trials]
    wanted = [splits.train, splits.val, splits.test]
    wanted += [splits.train.mirrored()] if config.mirror else []
    with unchanged(trunk):
        train_, val, test, *more = (features(trunk, part, device) for part in wanted)
    train_ = concatenated([train_, *more]).to(device.torch)
    val, test = val.to(device.torch), test.to(device.torch)
    models = [[linear_head(trunk.width, len(splits.card.classes), seed)] for seed in seeds]
    sizes, epochs = trainable(models[0][0]), []
    print(f"{trunk.name}: frozen, hash unchanged; parameters trained on top of it: {sizes}")
    replicas = Replicas(models, seeds, device)
    for epoch in fit_many(replicas, train_, val, config.train, job.checkpoint):
        job.epoch(epoch)
        epochs.append(epoch)
    logits, n = predict_many(replicas, test)[:, 0], sum(sizes.values())
    patience = config.train.patience
    records = [record(row, test.labels, epochs, i, n, patience) for i, row in enumerate(logits)]
    if config.keeps(job.trials[0]):
        models[0][0].load_state_dict(replicas.weights(0))
        whole = nn.Sequential(trunk, *models[0][0])
        files = kept.files(whole, "linear", trunk.name, splits.card, backbone.preparation)
        records[0] = replace(records[0], files=files)
    return records


def network(
    config: Config,
    splits: "Splits",
    device: "Device",
    job: "Job",
    preparation: "Preparation | None" = None,
) -> "Record":
    """Train one network on the images: the scratch CNN, or a head on a backbone that drifts."""
    from torch import nn

    from core.data.augment import mirror_and_shift
    from core.device import seeded
    from core.measures.breeds import record
    from core.models import kept
    from core.models.backbones import load, trainable
    from core.models.features import passing
    from core.models.networks import linear_head, scratch_cnn
    from core.training.single import fit, predict

    (trial,), n_classes, epochs = job.trials, len(splits.card.classes), []
    if trial.arm == SCRATCH:
        with seeded(trial.seed):
            model = scratch_cnn(splits.train.shape, n_classes)
    else:
        weights = config.backbone.pairs[trial.arm]
        trunk = load(trial.arm, weights).trunk().requires_grad_(False)
        model = nn.Sequential(trunk, *linear_head(trunk.width, n_classes, trial.seed))
    place = job.checkpoint
    for epoch in fit(
        model, splits.train, splits.val, config.train, trial.seed, device, mirror_and_shift, place
    ):
        job.epoch(epoch)
        epochs.append(epoch)
    logits = predict(model, splits.test, device, passing(device))
    result = record(logits, splits.test.labels, epochs, 0, sum(trainable(model).values()))
    if not config.keeps(trial):
        return result
    kind = "scratch" if trial.arm == SCRATCH else "linear"
    return replace(result, files=kept.files(model, kind, trial.arm, splits.card, preparation))


if __name__ == "__main__":
    from reports import running

    cli.run(*running.by_looks(main, Config), __doc__)
