"""Train one network: the plain loop, for any torch module."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.config import TrainConfig
from core.data.images import Images, order, sequential
from core.device import Device, generator, seeded
from core.training import loop, parallel
from core.training.objective import CLASSIFICATION, Objective, Validation


def fit(
    model: nn.Module,
    train: Images,
    val: Images | None,
    config: TrainConfig,
    seed: int,
    device: Device,
    augment: Callable[[Tensor], Tensor] | None = None,
    checkpoint: Path | None = None,
    objective: Objective = CLASSIFICATION,
) -> Iterator[loop.Epoch]:
    """Train `model` in place and yield each epoch; log nothing.

    augment: maps float pixels (batch, C, H, W) to the like; applied to training batches only, its
        randomness from torch's global generator, which follows (seed, epoch) during the epoch.
    Processes that torchrun started share a batch's images among them.
    checkpoint: saved about every 30 s; a call that finds the file yields the recorded epochs
        again and goes on to bit-equal results.
    Raises FloatingPointError, naming the step, when the loss stops being finite.
    """
    plan = loop.Plan.of(config, len(train))
    model.to(device.torch)
    trained = [value for value in model.parameters() if value.requires_grad]
    # Buffers such as batch-norm statistics are part of what is saved and of what is best.
    state = loop.State([*model.parameters(), *model.buffers()], loop.optimiser(config, trained), ())
    division = parallel.Division(model)

    def train_epoch(index: int) -> np.ndarray:
        with seeded(seed, index, loop.MASKS):
            losses = _train_epoch(
                division, train, state.optimizer, plan, (seed, index), device, augment, objective
            )
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad):
            step = (index - 1) * plan.steps + int(bad[0]) + 1
            raise FloatingPointError(f"loss {losses[bad[0]]} at step {step}, epoch {index}")
        return losses.reshape(-1, 1, 1)

    def validate() -> dict[str, np.ndarray]:
        return _validate(model, division, val, objective, seed, device) if val is not None else {}

    yield from loop.run(plan, state, train_epoch, validate, checkpoint)


def _train_epoch(
    division: parallel.Division,
    train: Images,
    optimizer: torch.optim.Optimizer,
    plan: loop.Plan,
    key: tuple[int, int],
    device: Device,
    augment: Callable[[Tensor], Tensor] | None,
    objective: Objective,
) -> np.ndarray:
    """Run one pass over the data; return the batch losses, (steps,)."""
    division.network.train()
    batches = order(len(train), *key).to(train.labels.device).split(plan.sizes)
    losses = torch.empty(plan.steps, device=device.torch)
    corrupt = partial(objective.inputs, noise=generator(device.torch, *key, loop.CORRUPTION))
    for step, (pixels, labels) in enumerate(
        train.stream(map(division.rows, batches), device.torch)
    ):
        loop.set_rate(optimizer, plan.rate((key[1] - 1) * plan.steps + step))
        division.n = len(batches[step])
        target = division.drawn(augment, pixels) if augment else pixels
        with device.autocast():
            outputs = division.network(division.drawn(corrupt, target)).float()
        loss = objective.cost(outputs, target, labels).sum() / division.n
        optimizer.zero_grad()
        (loss * division.world).backward()  # DDP takes the mean over processes
        optimizer.step()
        losses[step] = loss.detach()  # stays on the device: reading it each step would stall
    return division.total(losses).cpu().numpy()


def predict(
    model: nn.Module, images: Images, device: Device, batch_size: int = loop.VAL_BATCH
) -> Tensor:
    """Return outputs (n, ...), of a classifier its logits, float32 on the CPU, in their order.

    The model is in evaluation mode meanwhile and back in its own afterwards.
    """
    parts = []
    with evaluating(model):
        for pixels, _ in images.stream(sequential(len(images), batch_size), device.torch):
            with device.autocast():
                parts.append(model(pixels).float().cpu())
    return torch.cat(parts)


def _validate(
    model: nn.Module,
    division: parallel.Division,
    val: Images,
    objective: Objective,
    seed: int,
    device: Device,
) -> dict[str, np.ndarray]:
    """Return the objective's measures, (1, 1) each; the corruption is the same in every epoch."""
    noise, seen = generator(device.torch, seed, 0, loop.CORRUPTION), Validation(objective)
    corrupt, batches = partial(objective.inputs, noise=noise), sequential(len(val), loop.VAL_BATCH)
    with evaluating(model):
        for batch, (pixels, labels) in zip(
            batches, val.stream(map(division.rows, batches), device.torch), strict=True
        ):
            division.n = len(batch)
            with device.autocast():
                outputs = model(division.drawn(corrupt, pixels)).float()
            seen.add(outputs[None, None], pixels, labels)
    return seen.means(division.total)


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, without gradients, and every module back into its own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
