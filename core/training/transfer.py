"""Two kinds of pretrained networks, and how the strategies of transfer train on them.

`Small` is pretrained here, one network a seed. `Large` is torchvision's, the same for all seeds:
what is trained whole is trained alone, each strategy and seed at the learning rate that suits it:
one that serves random weights undoes what pretrained ones have learnt (MobileNetV2 at 1e-3 falls to
chance). Heads on what is frozen train on cached features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from core.config import TrainConfig
from core.data.images import Images, InMemory
from core.data.tasks import Task
from core.device import Device, seeded
from core.measures.transfer import Look, look, stage_features
from core.models import backbones
from core.models.arms import begin
from core.models.backbones import Trunk, trainable
from core.models.config import RANDOM
from core.models.features import features, passing
from core.models.networks import linear_head, staged_cnn, transferred
from core.models.strategies import DEPTH, STRATEGIES, Strategy
from core.training.batched import fit_many, predict_many
from core.training.replicas import Replicas
from core.training.seeds import fit_apart
from core.training.single import fit, predict

if TYPE_CHECKING:
    from core.study import Job
    from core.trials import Trial

RATES = (1e-3, 1e-4)
"""learning rates (Adam) to choose from where a torchvision network is trained whole"""
HELD_OUT = 0.2


@dataclass(frozen=True)
class Trained:
    """What the trials of a program gave."""

    logits: Tensor
    """(trials, n, classes) float32, on the test images"""
    parameters: list[int]
    """how many values were trained"""
    rates: list[float]
    """learning rates"""


class Bench(Protocol):
    """A kind of pretrained network."""

    def look(self, images: Images, seed: int) -> Look:
        """Look at the training images of a task."""
        ...

    def train(self, job: "Job", images: Images, task: Task, config: TrainConfig) -> Trained:
        """Train the arms of a seed that train the same parameters, and score them.

        images: the seed's training images of the task.
        """
        ...


class Small:
    """The staged CNN, pretrained on a source once a seed, each from its own weights."""

    def __init__(self, source: Images, config: TrainConfig, device: Device) -> None:
        """Pretrain nothing yet. config: of the pretraining."""
        self.source, self.config, self.device = source, config, device
        self._networks: dict[int, nn.Sequential] = {}

    def network(self, seed: int) -> nn.Sequential:
        """Return the network of a seed, pretrained when first asked for; it is on the CPU."""
        if seed not in self._networks:
            with seeded(seed):
                network = staged_cnn(self.source.shape, int(self.source.labels.max()) + 1)
            source = self.source.to(self.device.torch)
            for _ in fit(network, source, None, self.config, seed, self.device):
                pass
            self._networks[seed] = network.cpu()
        return self._networks[seed]

    def look(self, images: Images, seed: int) -> Look:
        """Look at the training images of a task with the network of a seed."""
        old, new = (stage_features(self.network(seed), part) for part in (self.source, images))
        return look(new, images.labels.numpy(), old[-1])

    def train(self, job: "Job", images: Images, task: Task, config: TrainConfig) -> Trained:
        """Train heads on the features of what is frozen, or whole networks, as one program."""
        network, test = self.network(job.trials[0].seed), task.test
        strategy = STRATEGIES[job.trials[0].arm]
        models = [
            transferred(STRATEGIES[trial.arm], network, images.shape, task.n_classes, trial.seed)
            for trial in job.trials
        ]
        if strategy.frozen:
            images, test = (_pooled(network, strategy, part) for part in (images, test))
            heads = (list(model.get_submodule("head").children())[1:] for model in models)
            models = [nn.Sequential(*layers) for layers in heads]  # less the pooling
        return _together(job, models, images, test, config, self.device)


def _pooled(network: nn.Sequential, strategy: Strategy, images: Images) -> InMemory:
    """Return the images with what a head sees of them in place of pixels, (n, width, 1, 1)."""
    rows = torch.from_numpy(stage_features(network, images)[strategy.stages - 1])
    return InMemory(rows[:, :, None, None], labels=images.labels, names=images.names)


class Large:
    """A torchvision classifier, the same for all seeds, on images of `side` pixels."""

    def __init__(
        self, name: str, weights: str, side: int, device: Device, rates: Sequence[float] = RATES
    ) -> None:
        """Load it. rates: to choose from where it is trained whole. Errors as `backbones.load`."""
        self.name, self.device, self.rates = name, device, rates
        self.backbone = backbones.load(name, weights)
        whole = self.backbone.preparation
        resize = round(side * whole.resize / whole.crop)
        self.preparation = replace(whole, resize=resize, crop=side)
        self.backbone.preparation = self.preparation

    def look(self, images: Images, seed: int) -> Look:
        """Look at the training images of a task; the source's are not to be had."""
        stages = [features(self._frozen(k), images, self.device) for k in range(1, DEPTH + 1)]
        return look([stage.pixels.flatten(1).numpy() for stage in stages], images.labels.numpy())

    def train(self, job: "Job", images: Images, task: Task, config: TrainConfig) -> Trained:
        """Train heads on cached features as one program; whole networks alone."""
        strategy, trials = STRATEGIES[job.trials[0].arm], job.trials
        if strategy.frozen:
            trunk = self._frozen(strategy.stages)
            train, test = _standardised(
                *(features(trunk, part, self.device) for part in (images, task.test))
            )
            heads = [linear_head(trunk.width, task.n_classes, trial.seed) for trial in trials]
            return _together(job, heads, train, test, config, self.device)
        rates = self._rates(trials, images, task, config)
        models, configs = self._whole(trials, task), [replace(config, lr=rate) for rate in rates]
        seeds = [trial.seed for trial in trials]
        for epoch in fit_apart(models, seeds, images, None, configs, self.device, job.checkpoint):
            job.epoch(epoch)
        logits = [predict(m, task.test, self.device, passing(self.device)) for m in models]
        return Trained(torch.stack(logits), [_size(m) for m in models], rates)

    def _rates(
        self, trials: "Sequence[Trial]", images: Images, task: Task, config: TrainConfig
    ) -> list[float]:
        """Choose the rate of every trial.

        It is the one with the lowest loss on a fifth of the training images, held out by the seed;
        test images are not looked at. One at which the training diverges is out.
        """
        if len(self.rates) == 1:
            return list(self.rates) * len(trials)
        labels = images.labels.cpu().numpy()
        parts = train_test_split(
            range(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=trials[0].seed
        )
        split = (images.take(torch.as_tensor(parts[0])), images.take(torch.as_tensor(parts[1])))
        losses = [
            self._losses(trials, split, task, replace(config, lr=rate)) for rate in self.rates
        ]
        return [self.rates[index] for index in np.argmin(losses, axis=0)]

    def _losses(
        self,
        trials: "Sequence[Trial]",
        split: tuple[Images, Images],
        task: Task,
        config: TrainConfig,
    ) -> list[float]:
        """Return the loss of every trial on the images held out, infinite where it diverges."""
        models, seeds = self._whole(trials, task), [trial.seed for trial in trials]
        try:
            *_, last = fit_apart(models, seeds, *split, [config] * len(trials), self.device)
        except FloatingPointError:  # of one of them, which must not count against the others
            if len(trials) == 1:
                return [np.inf]
            return [self._losses([trial], split, task, config)[0] for trial in trials]
        return last.metrics["val/loss"][:, 0].tolist()

    def _frozen(self, stages: int) -> Trunk:
        """Keep all stages, or as large a part of them as of the small network's."""
        if stages == DEPTH:
            return self.backbone.trunk().freeze()
        return self.backbone.cut(max(1, self.backbone.n_stages * stages // DEPTH)).freeze()

    def _whole(self, trials: "Sequence[Trial]", task: Task) -> list[nn.Module]:
        trunks = [self._begin(STRATEGIES[trial.arm], trial.seed) for trial in trials]
        return [
            nn.Sequential(trunk, *linear_head(trunk.width, task.n_classes, trial.seed))
            for trunk, trial in zip(trunks, trials, strict=True)
        ]

    def _begin(self, strategy: Strategy, seed: int) -> Trunk:
        """Return the trunk that a strategy trains.

        Batch norm keeps the pretrained network's statistics, in the controls too, so that they
        differ in nothing but the weights; from random weights there are none to keep.
        """

        def fresh() -> Trunk:
            backbone = backbones.load(self.name, RANDOM, seed)
            backbone.preparation = self.preparation
            return backbone.trunk()

        trunk = begin(strategy.begin, self.backbone.trunk(), fresh, seed).requires_grad_(True)
        trunk.keeps_statistics = strategy.begin != RANDOM
        return trunk


def _size(model: nn.Module) -> int:
    return sum(trainable(model).values())


def _standardised(train: InMemory, test: InMemory) -> tuple[InMemory, InMemory]:
    """Give features mean 0 and deviation 1 over the training images: stages differ in scale."""
    middle, spread = train.pixels.mean(0), train.pixels.std(0).clamp(min=1e-6)
    return (
        replace(train, pixels=(train.pixels - middle) / spread),
        replace(test, pixels=(test.pixels - middle) / spread),
    )


def _together(
    job: "Job",
    models: Sequence[nn.Module],
    train: Images,
    test: Images,
    config: TrainConfig,
    device: Device,
) -> Trained:
    """Train the models of a seed, which have one architecture, as one program."""
    sizes = [_size(model) for model in models]
    replicas = Replicas([models], [job.trials[0].seed], device)
    for epoch in fit_many(replicas, train.to(device.torch), None, config, job.checkpoint):
        job.epoch(epoch)
    logits = predict_many(replicas, test.to(device.torch)).flatten(0, 1)
    return Trained(logits, sizes, [config.lr] * len(models))
