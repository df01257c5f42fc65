"""Paint: change the pixels of a picture step by step until its losses are low."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.style.objective import Losses, Objective
from core.training.loop import CHECKPOINT_SECONDS, load, save


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


def paint(
    objective: Objective,
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
    canvas = _Canvas(objective, start)
    steps: list[Step] = []
    if checkpoint and checkpoint.exists():
        steps = canvas.restore(load(checkpoint, start.device))
        yield from steps
    saved = time.monotonic()
    for index in range(len(steps), config.steps or 0):
        before = canvas.picture() if index % (config.every or 1) == 0 else None
        steps.append(Step(index, _check(canvas.update(), index), before))
        if not config.is_published:
            canvas.clip(limits)
        if checkpoint and time.monotonic() - saved > CHECKPOINT_SECONDS:
            save(canvas.record(steps), checkpoint)
            saved = time.monotonic()
        yield steps[-1]
    yield Step(config.steps or 0, _check(canvas.losses(), config.steps or 0), canvas.picture())
    if checkpoint:
        checkpoint.unlink(missing_ok=True)


class _Canvas:
    """The pixels, and the optimisers that change them."""

    def __init__(self, objective: Objective, start: Tensor) -> None:
        self.objective = objective
        self.rows = [each.detach().clone().contiguous().requires_grad_() for each in start.split(1)]
        config = objective.config
        if config.optimizer == "adam":
            self.parts = [slice(0, len(self.rows))]
            self.optimizers: list[torch.optim.Optimizer] = [
                torch.optim.Adam(self.rows, lr=config.lr or 0.0)
            ]
        else:
            self.parts = [slice(i, i + 1) for i in range(len(self.rows))]
            self.optimizers = [
                # One evaluation a step; tolerances of zero, or it stops at losses this small.
                torch.optim.LBFGS(
                    [row], lr=config.lr or 0.0, max_iter=1, history_size=20,
                    tolerance_grad=0, tolerance_change=0,
                )
                for row in self.rows
            ]  # fmt: skip

    def update(self) -> list[Losses]:
        """Take one step with every optimiser; return the losses before it."""
        seen: list[Losses] = []
        for optimizer, part in zip(self.optimizers, self.parts, strict=True):

            def closure(optimizer: torch.optim.Optimizer = optimizer, part: slice = part) -> Tensor:
                optimizer.zero_grad()
                losses = self.objective(torch.cat(self.rows[part]), part)
                total = losses.total.sum()
                total.backward()
                seen.append(losses)
                return total.detach()

            optimizer.step(closure)  # type: ignore[arg-type]  # annotated as returning float
        return seen

    @torch.no_grad()
    def losses(self) -> list[Losses]:
        """Return the losses of the picture as it stands."""
        return [self.objective(torch.cat(self.rows))]

    @torch.no_grad()
    def clip(self, limits: tuple[Tensor, Tensor]) -> None:
        """Bring the pixels back between black and white."""
        for row in self.rows:
            row.clamp_(*limits)

    def picture(self) -> Tensor:
        """Return a copy of the pictures on the CPU."""
        return torch.cat(self.rows).detach().cpu()

    def record(self, steps: list[Step]) -> dict[str, Any]:
        """Return all that painting needs to go on, as tensors and plain values."""
        names = list(steps[0].losses)
        kept = {step.index: step.pictures for step in steps if step.pictures is not None}
        return {
            "rows": [row.detach() for row in self.rows],
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "names": names,
            "losses": torch.from_numpy(np.array([[s.losses[n] for n in names] for s in steps])),
            "pictures": kept,
        }

    @torch.no_grad()
    def restore(self, record: dict[str, Any]) -> list[Step]:
        """Take over a recorded state; return the steps it holds."""
        for row, kept in zip(self.rows, record["rows"], strict=True):
            row.copy_(kept)
        for optimizer, state in zip(self.optimizers, record["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        pictures = {index: each.cpu() for index, each in record["pictures"].items()}
        return [
            Step(index, dict(zip(record["names"], values, strict=True)), pictures.get(index))
            for index, values in enumerate(record["losses"].cpu().numpy())
        ]


def _check(found: list[Losses], index: int) -> dict[str, NDArray[np.float64]]:
    """Join the losses of a batch's parts by name; raise if one is not finite."""

    def join(name: str) -> NDArray[np.float64]:
        return torch.cat([getattr(each, name).detach() for each in found]).double().cpu().numpy()

    losses = {name: join(name) for name in ("total", "content", "tv")}
    style = join("style")
    losses |= {f"style_{k + 1}": style[:, k] for k in range(style.shape[1])}
    for name, values in losses.items():
        if not np.isfinite(values).all():
            raise FloatingPointError(f"loss {name} {values.tolist()} at step {index}")
    return losses
