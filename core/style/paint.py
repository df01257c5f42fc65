"""Paint: change the pixels of a picture step by step until its losses are low."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.style.losses import Losses, TransferLoss
from core.training import checkpoints

RETREAT = 1.5
"""L-BFGS runs without a line search, which would double its cost; a step after which the loss is
more than this times the one before is taken back, and the optimiser begins anew from there, at
half the rate, or it might go astray again in the same way"""


class _OvershotError(Exception):
    """Ends a step whose loss is far above that of the step before."""


@dataclass(frozen=True)
class Step:
    """A batch of pictures after some updates, and their losses."""

    index: int
    """updates so far; 0 is the start"""
    losses: dict[str, NDArray[np.float64]]
    """total, content, tv and style_1, style_2, ...: (pictures,) float64, before their weights"""
    pictures: Tensor | None
    """(pictures, 3, H, W) float32 on the CPU, standardised; at every `config.every`-th step and
    the last, else None"""

    @property
    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Return the losses as what a study notes of an epoch."""
        return {f"loss/{name}": values for name, values in self.losses.items()}


def paint(
    objective: TransferLoss,
    start: Tensor,
    limits: tuple[Tensor, Tensor],
    checkpoint: Path | None = None,
) -> Iterator[Step]:
    """Lower the losses of each picture from `start`, yield every step, and log nothing.

    start: (pictures, 3, H, W) float32, standardised. limits: the standardised values of black and
    white, (3, 1, 1) each, to which every update is clipped; the published mode does not. With
    lbfgs every picture has an optimiser of its own, so a picture does not depend on its batch.
    checkpoint: saved about every 30 s; a call that finds the file yields the recorded steps again
    and goes on to bit-equal results. Raises FloatingPointError, naming the step, when a loss
    stops being finite.
    """
    config = objective.config
    canvas = _Canvas(objective, start if config.is_published else start.clamp(*limits))
    steps: list[Step] = []
    if checkpoint and checkpoint.exists():
        steps = canvas.restore(checkpoints.load(checkpoint, start.device))
        yield from steps
    saved = time.monotonic()
    for index in range(len(steps), config.steps or 0):
        losses = _check(canvas.update(), index)
        shown = canvas.picture() if index % (config.every or 1) == 0 else None
        steps.append(Step(index, losses, shown))
        if not config.is_published:
            canvas.clip(limits)
        if checkpoint and time.monotonic() - saved > checkpoints.SECONDS:
            checkpoints.save(canvas.record(steps), checkpoint)
            saved = time.monotonic()
        yield steps[-1]
    last = _check(canvas.end(), config.steps or 0)
    yield Step(config.steps or 0, last, canvas.picture())
    if checkpoint:
        checkpoint.unlink(missing_ok=True)


class _Canvas:
    """The pixels, and the optimisers that change them."""

    def __init__(self, objective: TransferLoss, start: Tensor) -> None:
        self.objective = objective
        self.rows = [row.detach().clone().contiguous().requires_grad_() for row in start.split(1)]
        self.seen = [row.detach().clone() for row in self.rows]
        """the pixels whose losses are known"""
        one_each = objective.config.optimizer == "lbfgs"
        size = 1 if one_each else len(self.rows)
        self.parts = [slice(i, i + size) for i in range(0, len(self.rows), size)]
        self.totals = [math.inf] * len(self.parts)
        """the loss of each part in the step before, which L-BFGS must not lose"""
        lr = objective.config.lr or 0.0
        self.optimizers = [self._optimizer(part, lr) for part in self.parts]

    def _optimizer(self, part: slice, lr: float) -> torch.optim.Optimizer:
        if self.objective.config.optimizer == "adam":
            return torch.optim.Adam(self.rows[part], lr=lr)
        # One evaluation a step; tolerances of zero, or it stops at losses this small.
        return torch.optim.LBFGS(
            self.rows[part],
            lr=lr,
            max_iter=1,
            history_size=20,
            tolerance_grad=0,
            tolerance_change=0,
        )

    def update(self) -> list[Losses]:
        """Take one step with every optimiser; return the losses before it."""
        losses = []
        for k, part in enumerate(self.parts):
            try:
                losses.append(self._step(k, part))
            except _OvershotError:
                self._retreat(part)
                rate = self.optimizers[k].param_groups[0]["lr"]
                self.optimizers[k] = self._optimizer(part, rate / 2)
                losses.append(self._step(k, part))
        return losses

    def _step(self, k: int, part: slice) -> Losses:
        seen: list[Losses] = []

        def closure() -> Tensor:
            self.optimizers[k].zero_grad()
            losses = self.objective(torch.cat(self.rows[part]), part)
            self._keep(k, losses)
            total = losses.total.sum()
            total.backward()
            seen.append(losses)
            return total.detach()

        self.optimizers[k].step(closure)  # type: ignore[arg-type]  # annotated as returning float
        return seen[0]

    @torch.no_grad()
    def _keep(self, k: int, losses: Losses) -> None:
        """Remember the pixels that have these losses; raise if L-BFGS went astray."""
        total = float(losses.total.detach().sum())
        guarded = self.objective.config.optimizer == "lbfgs" and math.isfinite(self.totals[k])
        if guarded and not total <= RETREAT * self.totals[k]:  # NaN too
            raise _OvershotError
        self.totals[k] = total
        for kept, row in zip(self.seen[self.parts[k]], self.rows[self.parts[k]], strict=True):
            kept.copy_(row)

    @torch.no_grad()
    def _retreat(self, part: slice) -> None:
        for kept, row in zip(self.seen[part], self.rows[part], strict=True):
            row.copy_(kept)

    @torch.no_grad()
    def end(self) -> list[Losses]:
        """Return the losses of the last pictures, with a last step that went astray taken back."""
        all_losses = []
        for k, part in enumerate(self.parts):
            losses = self.objective(torch.cat(self.rows[part]), part)
            try:
                self._keep(k, losses)
            except _OvershotError:
                self._retreat(part)
                losses = self.objective(torch.cat(self.rows[part]), part)
            all_losses.append(losses)
        return all_losses

    @torch.no_grad()
    def clip(self, limits: tuple[Tensor, Tensor]) -> None:
        """Bring the pixels back between black and white."""
        for row in self.rows:
            row.clamp_(*limits)

    def picture(self) -> Tensor:
        """Return a copy, on the CPU, of the pictures whose losses are known."""
        return torch.cat(self.seen).cpu()

    def record(self, steps: list[Step]) -> dict[str, Any]:
        """Return all that painting needs to go on, as tensors and plain values."""
        names = list(steps[0].losses)
        kept = {step.index: step.pictures for step in steps if step.pictures is not None}
        return {
            "rows": [row.detach() for row in self.rows],
            "seen": self.seen,
            "totals": self.totals,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "names": names,
            "losses": torch.from_numpy(np.array([[s.losses[n] for n in names] for s in steps])),
            "pictures": kept,
        }

    @torch.no_grad()
    def restore(self, record: dict[str, Any]) -> list[Step]:
        """Take over a recorded state; return the steps it holds."""
        for name in ("rows", "seen"):
            for row, kept in zip(getattr(self, name), record[name], strict=True):
                row.copy_(kept)
        self.totals = record["totals"]
        for optimizer, state in zip(self.optimizers, record["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        pictures = {index: pixels.cpu() for index, pixels in record["pictures"].items()}
        return [
            Step(index, dict(zip(record["names"], values, strict=True)), pictures.get(index))
            for index, values in enumerate(record["losses"].cpu().numpy())
        ]


def _check(parts: list[Losses], index: int) -> dict[str, NDArray[np.float64]]:
    """Join the losses of a batch's parts by name; raise if one is not finite."""

    def join(name: str) -> NDArray[np.float64]:
        return torch.cat([getattr(part, name).detach() for part in parts]).double().cpu().numpy()

    losses = {name: join(name) for name in ("total", "content", "tv")}
    style = join("style")
    losses |= {f"style_{k + 1}": style[:, k] for k in range(style.shape[1])}
    for name, values in losses.items():
        if not np.isfinite(values).all():
            raise FloatingPointError(f"loss {name} {values.tolist()} at step {index}")
    return losses
