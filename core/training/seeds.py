"""Train the seeds of one network in the way that is faster, each as if it were alone.

Measured on one core of a CPU, batches of 20, milliseconds a step and network, alone, 4 and 10
together: dense 784-32-784 0.75, 0.57 and 0.39; dense 784-196-784 1.4, 1.4 and 1.6; convolutional
(28x28), alone and 10 together, 3.6 and 5.3, for a grouped convolution of few channels is slow. With
two cores, networks in processes of one thread are thus at least as fast, once the processes have
started. On a CPU dense networks therefore train as one program only where there are few steps. On
an accelerator, which small batches leave idle, all train as one program (not measured).
"""

import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import joblib
import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor
from torch import nn

from core.config import TrainConfig
from core.data.images import Images
from core.device import Device, threads
from core.training import loop
from core.training.batched import fit_many
from core.training.objective import CLASSIFICATION, Objective
from core.training.replicas import Replicas
from core.training.single import fit

FEW_STEPS = 500  # of all networks; below, starting processes takes longer than training
MANY_STEPS = 10_000  # above, processes pay even for dense networks, which can do without


def fit_seeds(
    models: Sequence[nn.Module],
    seeds: Sequence[int],
    train: Images,
    val: Images | None,
    config: TrainConfig,
    device: Device,
    checkpoint: Path | None = None,
    objective: Objective = CLASSIFICATION,
) -> Iterator[loop.Epoch]:
    """Train one model a seed in place and yield each epoch, arrays (seeds, 1); log nothing.

    The numbers are those of one `fit` per seed, within float tolerance. A killed call goes on
    from `checkpoint`. Raises FloatingPointError when a loss stops being finite. Epochs of
    networks in processes of their own come when all are trained.
    """
    if are_batched(models[0], device, _steps(config, train, len(models))):
        replicas = Replicas([[model] for model in models], seeds, device)
        for epoch in fit_many(replicas, train, val, config, checkpoint, objective):
            if not np.isfinite(epoch.step_losses).all():
                raise FloatingPointError(f"loss not finite in epoch {epoch.index}")
            yield epoch
        for index, model in enumerate(models):
            model.load_state_dict(replicas.weights(index))
        return
    configs = [config] * len(models)
    yield from fit_apart(models, seeds, train, val, configs, device, checkpoint, objective)


def fit_apart(
    models: Sequence[nn.Module],
    seeds: Sequence[int],
    train: Images,
    val: Images | None,
    configs: Sequence[TrainConfig],
    device: Device,
    checkpoint: Path | None = None,
    objective: Objective = CLASSIFICATION,
) -> list[loop.Epoch]:
    """Train networks of any architectures in place, each as if it were alone.

    On a CPU each has a process with one thread, elsewhere they follow one another. configs: one a
    network, equal in all that settles the number of epochs. Returns the epochs, arrays (networks,
    1). A killed call goes on from `checkpoint`. Raises FloatingPointError as `fit`.
    """
    few = _steps(configs[0], train, len(models)) < FEW_STEPS
    jobs = 1 if few or device.torch.type != "cpu" else min(len(models), os.cpu_count() or 1)
    places = _places(checkpoint, len(models))
    tasks = (
        joblib.delayed(_alone)(model, train, val, config, seed, device, place, objective)
        for model, config, seed, place in zip(models, configs, seeds, places, strict=True)
    )
    interrupted = None
    try:
        done = joblib.Parallel(n_jobs=jobs, max_nbytes=None)(tasks)
    except KeyboardInterrupt as interrupt:
        interrupted = interrupt.args
    if interrupted is not None:  # without joblib's frames, which hold what it shares
        if jobs > 1:
            get_reusable_executor().shutdown(kill_workers=True)
        gc.collect()
        raise KeyboardInterrupt(*interrupted)
    for model, (_, weights) in zip(models, done, strict=True):
        model.load_state_dict(weights)
    for place in places:
        if place:
            place.unlink(missing_ok=True)
    return [_side_by_side(row) for row in zip(*(epochs for epochs, _ in done), strict=True)]


def are_batched(model: nn.Module, device: Device, steps: int) -> bool:
    """Tell whether the seeds of a network train as one program here. steps: of all together."""
    convolutional = any(isinstance(m, nn.modules.conv._ConvNd) for m in model.modules())
    return device.torch.type != "cpu" or not (convolutional or steps > MANY_STEPS)


def _steps(config: TrainConfig, train: Images, networks: int) -> int:
    plan = loop.Plan.of(config, len(train))
    return plan.steps * plan.epochs * networks


def _places(checkpoint: Path | None, n: int) -> list[Path | None]:
    if checkpoint is None:
        return [None] * n
    return [checkpoint.with_name(f"{checkpoint.stem}-{index}.pt") for index in range(n)]


def _alone(
    model: nn.Module,
    train: Images,
    val: Images | None,
    config: TrainConfig,
    seed: int,
    device: Device,
    place: Path | None,
    objective: Objective,
) -> tuple[list[loop.Epoch], dict[str, torch.Tensor]]:
    """Train one network on one thread: the same numbers in a process of its own or in this one."""
    with threads(1):
        epochs = list(fit(model, train, val, config, seed, device, None, place, objective))
    return epochs, {name: value.cpu() for name, value in model.state_dict().items()}


def _side_by_side(epochs: Sequence[loop.Epoch]) -> loop.Epoch:
    """Join one epoch of every network, (1, 1) each, to (networks, 1)."""
    first = epochs[0]
    metrics = {name: np.concatenate([e.metrics[name] for e in epochs]) for name in first.metrics}
    losses = np.concatenate([epoch.step_losses for epoch in epochs], axis=1)
    return loop.Epoch(first.index, first.step, metrics, losses)
