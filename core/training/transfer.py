"""Two kinds of pretrained networks, and how the strategies of transfer train on them.

`Small` is pretrained here, one network a seed, and all seeds train as one program. `Large` is
torchvision's: frozen parts give cached features, and what is trained whole is trained alone, each
strategy at the learning rate that suits it: one that serves random weights undoes what pretrained
ones have learnt (MobileNetV2 at 1e-3 falls to chance).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from core.config import TrainConfig
from core.data.images import Images, InMemory
from core.data.tasks import Task
from core.device import Device, seeded
from core.models import backbones
from core.models.advisor import Advice, advise, measure
from core.models.arms import begin
from core.models.backbones import Trunk, trainable
from core.models.config import RANDOM
from core.models.features import features, passing
from core.models.networks import mlp, staged_cnn
from core.models.regimes import DEPTH, STRATEGIES, Strategy, build
from core.results import Trial
from core.training.replicas import Replicas, fit_many, predict_many
from core.training.seeds import fit_apart
from core.training.single import predict

RATES = (1e-3, 1e-4)
"""learning rates (Adam) to choose from where a torchvision network is trained whole"""
HELD_OUT = 0.2


@dataclass(frozen=True)
class Trained:
    """What the trials of a group gave."""

    logits: Tensor
    """(trials, n, classes) float32, on the test images"""
    losses: list[float]
    """mean training loss of the last epoch"""
    parameters: list[int]
    """how many values were trained"""
    rates: list[float]
    """learning rates"""


class Bench(Protocol):
    """A kind of pretrained network."""

    def advise(self, task: Task, seed: int) -> Advice:
        """Look at the training images of a task."""
        ...

    def train(
        self, group: Sequence[Trial], task: Task, config: TrainConfig, checkpoint: Path
    ) -> Trained:
        """Train a group's trials, which train the same parameters, and score them."""
        ...


class Small:
    """The staged CNN, pretrained on a source once a seed, each from its own weights."""

    def __init__(self, source: Images, seeds: int, config: TrainConfig, device: Device) -> None:
        """Pretrain all seeds as one program."""
        self.source, self.device, self.networks = source, device, list[nn.Sequential]()
        for seed in range(seeds):
            with seeded(seed):
                self.networks.append(staged_cnn(source.shape, int(source.labels.max()) + 1))
        replicas = Replicas([[each] for each in self.networks], range(seeds), device)
        for _ in fit_many(replicas, source.to(device.torch), None, config):
            pass
        for index, network in enumerate(self.networks):
            network.cpu().load_state_dict(replicas.weights(index))

    def advise(self, task: Task, seed: int) -> Advice:
        """Look at the training images of a task with the network of a seed."""
        return advise(self.networks[seed], self.source, task.train)

    def train(
        self, group: Sequence[Trial], task: Task, config: TrainConfig, checkpoint: Path
    ) -> Trained:
        """Train all trials as one program."""
        models = [
            build(
                STRATEGIES[t.arm], self.networks[t.seed], task.train.shape, task.n_classes, t.seed
            )
            for t in group
        ]
        return _together(group, models, task.train, task.test, config, self.device, checkpoint)


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

    def advise(self, task: Task, seed: int) -> Advice:
        """Look at the training images of a task; the source's are not to be had."""
        made = [features(self._frozen(k), task.train, self.device) for k in range(1, DEPTH + 1)]
        values = [each.pixels.flatten(1).numpy() for each in made]
        return measure(values, task.train.labels.numpy(), None)

    def train(
        self, group: Sequence[Trial], task: Task, config: TrainConfig, checkpoint: Path
    ) -> Trained:
        """Train heads on cached features, all seeds as one program; whole networks alone."""
        strategy = STRATEGIES[group[0].arm]
        if strategy.frozen:
            trunk = self._frozen(strategy.stages)
            train, test = _standardised(
                *(features(trunk, part, self.device) for part in (task.train, task.test))
            )
            heads = [self._head(trunk.width, task, trial.seed) for trial in group]
            return _together(group, heads, train, test, config, self.device, checkpoint)
        chosen = self._rates(group, task, config)
        models, rates = [self._whole(t, task) for t in group], [chosen[t.arm] for t in group]
        configs = [replace(config, lr=rate) for rate in rates]
        *_, last = fit_apart(
            models, [t.seed for t in group], task.train, None, configs, self.device, checkpoint
        )
        logits = [predict(m, task.test, self.device, passing(self.device)) for m in models]
        losses = last.metrics["train/loss"][:, 0].tolist()
        return Trained(torch.stack(logits), losses, [_size(m) for m in models], rates)

    def _rates(self, group: Sequence[Trial], task: Task, config: TrainConfig) -> dict[str, float]:
        """Choose the rate of every strategy, by its first seed.

        It is the one with the lowest loss on a fifth of the training images, held out; test images
        are not looked at. One at which a training diverges is out.
        """
        first: dict[str, Trial] = {}
        for trial in group:
            first.setdefault(trial.arm, trial)
        if len(self.rates) == 1:
            return dict.fromkeys(first, self.rates[0])
        trials, labels = list(first.values()), task.train.labels.cpu().numpy()
        parts = train_test_split(
            np.arange(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=0
        )
        train, held = (task.train.take(torch.as_tensor(part)) for part in parts)
        losses = np.full((len(self.rates), len(trials)), np.inf)
        for row, rate in zip(losses, self.rates, strict=True):
            models, configs = [self._whole(t, task) for t in trials], [replace(config, lr=rate)]
            with contextlib.suppress(FloatingPointError):
                *_, last = fit_apart(
                    models,
                    [t.seed for t in trials],
                    train,
                    held,
                    configs * len(models),
                    self.device,
                )
                row[:] = last.metrics["val/loss"][:, 0]
        return {t.arm: self.rates[i] for t, i in zip(trials, losses.argmin(0), strict=True)}

    def _frozen(self, stages: int) -> Trunk:
        """Keep all stages, or as large a part of them as of the small network's."""
        if stages == DEPTH:
            return self.backbone.trunk().freeze()
        return self.backbone.cut(max(1, self.backbone.n_stages * stages // DEPTH)).freeze()

    def _head(self, width: int, task: Task, seed: int) -> nn.Sequential:
        with seeded(seed):
            return mlp((width, 1, 1), task.n_classes, hidden=())

    def _whole(self, trial: Trial, task: Task) -> nn.Sequential:
        trunk = self._begin(STRATEGIES[trial.arm], trial.seed)
        return nn.Sequential(trunk, *self._head(trunk.width, task, trial.seed))

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
    group: Sequence[Trial],
    models: Sequence[nn.Module],
    train: Images,
    test: Images,
    config: TrainConfig,
    device: Device,
    checkpoint: Path,
) -> Trained:
    """Train models of one architecture as one program; seeds outside, arms inside."""
    arms = len({trial.arm for trial in group})
    rows = [models[start : start + arms] for start in range(0, len(models), arms)]
    sizes = [_size(model) for model in models]
    replicas = Replicas(rows, [trial.seed for trial in group][::arms], device)
    losses: list[float] = []
    for epoch in fit_many(replicas, train.to(device.torch), None, config, checkpoint):
        losses = epoch.metrics["train/loss"].flatten().tolist()
    logits = predict_many(replicas, test.to(device.torch)).flatten(0, 1)
    return Trained(logits, losses, sizes, [config.lr] * len(models))
