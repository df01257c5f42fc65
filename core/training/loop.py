"""What one model and many replicas share: epochs, optimiser, schedule, checkpoints.

Everything random follows from (seed, epoch), so a checkpoint holds no generator state.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.config import TrainConfig
from core.training import checkpoints, parallel

MASKS, NOISE_AT_TEST, CORRUPTION = 1, 2, 3  # purposes of derived seeds; data order has its own
VAL_BATCH = 250  # images; one for all loops, because corruption is drawn batch by batch


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data gave; arrays are (seeds, arms), one model is (1, 1)."""

    index: int
    """1 for the first"""
    step: int
    """optimiser steps so far"""
    metrics: dict[str, np.ndarray]
    """train/loss, and with a validation set what the objective measures: val/loss, ..."""
    step_losses: np.ndarray
    """(steps of this epoch, seeds, arms) float32: mean loss of each training batch"""


@dataclass(frozen=True)
class Plan:
    """The length and the learning rate of a training, settled before it begins."""

    config: TrainConfig
    n: int
    epochs: int
    batch_size: int

    @classmethod
    def of(cls, config: TrainConfig, n: int) -> "Plan":
        """Settle what `config` leaves open for n training images."""
        settled = config.resolve(n)
        return cls(settled, n, settled.epochs or 0, settled.batch_size or 0)  # never None by now

    @property
    def steps(self) -> int:
        """Return the steps of one epoch."""
        return len(self.sizes)

    @property
    def sizes(self) -> list[int]:
        """Return the images of each step of an epoch, the weights of its losses in the mean."""
        return batch_sizes(self.n, self.batch_size)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, 0 the first: pure, so resuming needs no state."""
        if self.config.schedule == "constant":
            return self.config.lr
        return (
            self.config.lr
            * 0.5
            * (1 + math.cos(math.pi * step / max(1, self.epochs * self.steps - 1)))
        )


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """Return the images of each batch of an epoch; the last may be a short one.

    A last image alone joins the batch before: batch norm cannot train on one.
    """
    full, rest = divmod(n, batch_size)
    sizes = [batch_size] * full
    if rest == 1 and full:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def run(
    plan: Plan,
    state: "State",
    train_epoch: Callable[[int], np.ndarray],
    validate: Callable[[], dict[str, np.ndarray]],
    checkpoint: Path | None,
) -> Iterator[Epoch]:
    """Drive a training epoch by epoch: validate, remember the best, save, yield.

    train_epoch: index -> batch losses (steps, seeds, arms). validate: () -> the measures of the
    validation set, (seeds, arms) each, or nothing. Epochs recorded in `checkpoint` are yielded
    again and not run again.
    """
    device = state.parameters[0].device
    if checkpoint and (record := parallel.of_first(partial(checkpoints.find, checkpoint, device))):
        state.restore(record)
    checkpoint = checkpoint if parallel.is_first() else None
    yield from state.epochs
    saved = time.monotonic()
    patience = plan.config.patience
    for index in range(len(state.epochs) + 1, plan.epochs + 1):
        stopped = stalled(state.epochs, patience) if patience and state.epochs else np.array(False)
        if stopped.all():
            break
        losses = train_epoch(index)
        metrics = {"train/loss": np.average(losses, axis=0, weights=plan.sizes), **validate()}
        state.epochs.append(Epoch(index, index * plan.steps, metrics, losses))
        if plan.config.keep == "best":
            if "val/loss" not in metrics:
                raise ValueError("keep='best': no validation set, wanted one to choose by")
            state.keep_best(np.where(stopped, np.inf, metrics["val/loss"]))
        if checkpoint and time.monotonic() - saved > checkpoints.SECONDS:
            checkpoints.save(state.record(), checkpoint)
            saved = time.monotonic()
        yield state.epochs[-1]
    state.use_best()
    if checkpoint:
        checkpoint.unlink(missing_ok=True)


def stalled(epochs: Sequence[Epoch], patience: int) -> np.ndarray:
    """Tell which replicas once had `patience` epochs in a row without a lower validation loss.

    Returns (seeds, arms) bool. What a replica that stopped learns beside the others does not
    count, so that its numbers are those of a training of its own.
    """
    losses = np.stack([np.asarray(epoch.metrics["val/loss"]) for epoch in epochs])
    losses = np.where(np.isnan(losses), np.inf, losses)
    best = np.minimum.accumulate(losses)
    fell = np.concatenate([np.ones_like(losses[:1], bool), losses[1:] < best[:-1]])
    since, longest = np.zeros(losses.shape[1:], int), np.zeros(losses.shape[1:], int)
    for improved in fell:
        since = np.where(improved, 0, since + 1)
        longest = np.maximum(longest, since)
    return longest >= patience


def optimiser(config: TrainConfig, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """Build the optimiser; fused kernels, because on stacked replicas memory traffic decides.

    On a GPU nothing it needs lies on the CPU, so that its steps can be captured.
    """
    values = list(parameters)
    on_gpu = bool(values) and values[0].device.type == "cuda"
    lr = torch.tensor(config.lr, device=values[0].device) if on_gpu else config.lr
    if config.optimizer == "adam":
        return torch.optim.Adam(values, lr=lr, fused=True, capturable=on_gpu)
    return torch.optim.SGD(values, lr=lr, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group, in place where it lies on a GPU."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class State:
    """All that a training needs to go on: parameters, optimiser, best so far, past epochs.

    parameters: tensors with the grid as leading dimensions, or of one model with grid ().
    """

    def __init__(
        self, parameters: list[Tensor], optimizer: torch.optim.Optimizer, grid: tuple[int, ...]
    ) -> None:
        self.parameters, self.optimizer = parameters, optimizer
        self.best = [value.detach().clone() for value in parameters]
        self.best_loss = torch.full(grid, math.inf)
        self.epochs: list[Epoch] = []

    def keep_best(self, loss: np.ndarray) -> None:
        """Remember the parameters of every replica whose validation loss fell; NaN never does."""
        loss_ = torch.from_numpy(loss).reshape(self.best_loss.shape)
        better = loss_ < self.best_loss
        self.best_loss = torch.where(better, loss_, self.best_loss)
        for kept, value in zip(self.best, self.parameters, strict=True):
            chosen = better.to(value.device).reshape(
                better.shape + (1,) * (value.dim() - better.dim())
            )
            kept.copy_(torch.where(chosen, value.detach(), kept))

    @torch.no_grad()
    def use_best(self) -> None:
        """Put the remembered parameters back, where any were remembered."""
        for kept, value in zip(self.best, self.parameters, strict=True):
            seen = self.best_loss.isfinite().to(value.device)
            value.copy_(
                torch.where(
                    seen.reshape(seen.shape + (1,) * (value.dim() - seen.dim())), kept, value
                )
            )

    def record(self) -> dict[str, Any]:
        """Return the state as tensors and plain values."""
        return {
            "parameters": [value.detach() for value in self.parameters],
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_loss": self.best_loss,
            "epochs": [_to_record(epoch) for epoch in self.epochs],
        }

    @torch.no_grad()
    def restore(self, record: dict[str, Any]) -> None:
        """Take over a recorded state."""
        for value, kept in zip(self.parameters, record["parameters"], strict=True):
            value.copy_(kept)
        for value, kept in zip(self.best, record["best"], strict=True):
            value.copy_(kept)
        self.optimizer.load_state_dict(record["optimizer"])
        self.best_loss = record["best_loss"].cpu()
        self.epochs = [_from_record(row) for row in record["epochs"]]


def _to_record(epoch: Epoch) -> dict[str, Any]:
    metrics = {name: torch.from_numpy(value) for name, value in epoch.metrics.items()}
    losses = torch.from_numpy(epoch.step_losses)
    return {"index": epoch.index, "step": epoch.step, "metrics": metrics, "step_losses": losses}


def _from_record(row: dict[str, Any]) -> Epoch:
    metrics = {name: value.cpu().numpy() for name, value in row["metrics"].items()}
    return Epoch(row["index"], row["step"], metrics, row["step_losses"].cpu().numpy())
