"""Train K networks of one architecture as one batched program.

Adam and SGD work element by element, so one optimiser over stacked parameters is K optimisers;
the loss is summed over replicas, so each gets the gradient of its own loss and a replica that
diverges cannot reach its neighbours.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.config import TrainConfig
from core.data.images import Images, order, sequential
from core.training import graphs, loop
from core.training.objective import CLASSIFICATION, Objective, Validation
from core.training.replicas import Replicas


def fit_many(
    replicas: Replicas,
    train: Images,
    val: Images | None,
    config: TrainConfig,
    checkpoint: Path | None = None,
    objective: Objective = CLASSIFICATION,
) -> Iterator[loop.Epoch]:
    """Train all replicas in place and yield each epoch; log nothing.

    The numbers are those of one `fit` call per replica with its seed, within float tolerance.
    A replica whose loss stops being finite goes on as NaN beside its neighbours; `Epoch` shows it.
    With `checkpoint`, state is saved about every 30 s, and a call that finds the file yields the
    recorded epochs again and goes on from there to bit-equal results.
    """
    plan = loop.Plan.of(config, len(train))
    values = list(replicas.parameters.values())
    trained = [value for value in values if value.requires_grad]
    state = loop.State(values, loop.optimiser(config, trained), replicas.grid)

    step = _step(replicas, state.optimizer, objective)

    def train_epoch(index: int) -> np.ndarray:
        return _train_epoch(replicas, train, step, state.optimizer, plan, index, objective)

    def validate() -> dict[str, np.ndarray]:
        return _validate(replicas, val, objective) if val is not None else {}

    yield from loop.run(plan, state, train_epoch, validate, checkpoint)


def _step(
    replicas: Replicas, optimizer: torch.optim.Optimizer, objective: Objective
) -> graphs.Step:
    """Return a function that takes one step on a batch and returns its losses, (seeds, arms)."""

    def step(batch: graphs.Batch) -> Tensor:
        masks = {name: batch[name] for name in replicas.dropouts}
        pixels = batch["pixels"]
        outputs = replicas(batch.get("inputs", pixels), masks)
        losses = objective.cost(outputs, pixels[:, None], batch["labels"][:, None]).mean(-1)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        return losses.detach()

    return graphs.graphed(step, replicas.device.torch)


def _train_epoch(
    replicas: Replicas,
    train: Images,
    step: graphs.Step,
    optimizer: torch.optim.Optimizer,
    plan: loop.Plan,
    index: int,
    objective: Objective,
) -> np.ndarray:
    """Run one pass over the data; return the batch losses, (steps, seeds, arms)."""
    orders = torch.stack([order(len(train), seed, index) for seed in replicas.seeds])
    masks = replicas.masks(index, plan.sizes, train.shape)
    noise = replicas.generators(index, loop.CORRUPTION)
    losses = torch.empty(plan.steps, *replicas.grid, device=replicas.device.torch)
    first = (index - 1) * plan.steps
    for k, (pixels, labels) in enumerate(
        train.stream(
            orders.to(train.labels.device).split(plan.sizes, dim=1),
            replicas.device.torch,
        )
    ):
        loop.set_rate(optimizer, plan.rate(first + k))
        batch = {"pixels": pixels, "labels": labels, **next(masks)}
        if objective.corrupt is not None:
            batch["inputs"] = _inputs(objective, pixels, noise)
        losses[k] = step(batch)  # stays on the device: reading it each step would stall
    return losses.cpu().numpy()


def _inputs(objective: Objective, pixels: Tensor, noise: Sequence[torch.Generator]) -> Tensor:
    """Corrupt pixels (seeds, batch, C, H, W), or (batch, C, H, W) for every seed in its own way."""
    if objective.corrupt is None:
        return pixels
    per_seed = pixels if pixels.dim() == 5 else [pixels] * len(noise)
    return torch.stack([objective.inputs(*pair) for pair in zip(per_seed, noise, strict=True)])


@torch.no_grad()
def _validate(replicas: Replicas, val: Images, objective: Objective) -> dict[str, np.ndarray]:
    """Return the objective's measures, (seeds, arms); the corruption is the same in every epoch."""
    noise, seen = replicas.generators(0, loop.CORRUPTION), Validation(objective)
    for pixels, labels in val.stream(sequential(len(val), loop.VAL_BATCH), replicas.device.torch):
        seen.add(replicas(_inputs(objective, pixels, noise)), pixels, labels)
    return seen.means()


@torch.no_grad()
def predict_many(replicas: Replicas, images: Images, dropout: bool = False) -> Tensor:
    """Return outputs (seeds, arms, n, ...), of classifiers their logits, float32 on the CPU.

    dropout: leave it on, as the course did by mistake until 2022; a function of the seed.
    """
    noise = replicas.generators(0, loop.NOISE_AT_TEST)
    parts = []
    for pixels, _ in images.stream(sequential(len(images), 1000), replicas.device.torch):
        masks = replicas.draw_masks(noise, len(pixels), images.shape) if dropout else None
        parts.append(replicas(pixels, masks).cpu())
    return torch.cat(parts, dim=2)
