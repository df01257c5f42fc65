"""What a network is trained for: what a batch costs, and what validation measures.

A measure maps (outputs, pixels, labels) to one number an image: outputs (..., batch, *shape) of
the network, pixels float32 (..., batch, C, H, W) before any corruption, labels int64 (..., batch),
where ... are replica dimensions that broadcast. It returns (..., batch).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from core.evaluation.metrics import correct, losses

Measure = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The cost that training lowers, and the measures that an epoch reports."""

    cost: Measure
    """differentiable; training follows its mean over the images of a batch"""
    measures: Mapping[str, Measure]
    """name -> measure, averaged over the validation images as `val/name`; `loss` picks the best"""
    corrupt: Callable[[Tensor, Generator], Tensor] | None = None
    """maps pixels (batch, C, H, W) to what the network sees of them; also in validation"""

    def inputs(self, pixels: Tensor, noise: Generator) -> Tensor:
        """Return what the network sees of the pixels (batch, C, H, W) of one seed."""
        return self.corrupt(pixels, noise) if self.corrupt else pixels


def classify(outputs: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of logits (..., batch, classes), in nats."""
    truth = labels.expand(outputs.shape[:-1])
    nats = F.cross_entropy(outputs.flatten(0, -2), truth.flatten(), reduction="none")
    return nats.view(truth.shape)


CLASSIFICATION = Objective(
    cost=classify,
    measures={
        "loss": lambda outputs, _, labels: losses(outputs, labels),
        "accuracy": lambda outputs, _, labels: correct(outputs, labels).float(),
    },
)
"""cross-entropy; what `fit` and `fit_many` do unless told otherwise"""


def squared_error(outputs: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
    """Return the mean squared error a pixel of reconstructions (..., batch, C, H, W)."""
    return (outputs - pixels).square().flatten(-3).mean(-1)


def add_noise(pixels: Tensor, noise: Generator, level: float) -> Tensor:
    """Add normal noise of standard deviation `level` and clip to [0, 1], as the course does."""
    drawn = torch.randn(pixels.shape, generator=noise, device=pixels.device)
    return (pixels + level * drawn).clamp_(0, 1)


def reconstruction(noise: float = 0.0) -> Objective:
    """Build the objective of an autoencoder: the clean image, from one with noise of this level."""
    corrupt = partial(add_noise, level=noise) if noise else None
    return Objective(cost=squared_error, measures={"loss": squared_error}, corrupt=corrupt)


@dataclass
class Validation:
    """Collect an objective's measures batch by batch: outputs may be too large to keep."""

    objective: Objective
    parts: dict[str, list[Tensor]] = field(default_factory=dict)

    def add(self, outputs: Tensor, pixels: Tensor, labels: Tensor) -> None:
        """Measure a batch."""
        for name, measure in self.objective.measures.items():
            self.parts.setdefault(name, []).append(measure(outputs, pixels, labels))

    def means(self, total: Callable[[Tensor], Tensor] = torch.clone) -> dict[str, np.ndarray]:
        """Return `val/name` -> mean over all images, (...).

        total: adds up what several processes measured, each on its device.
        """
        measured = {f"val/{name}": torch.cat(rows, -1) for name, rows in self.parts.items()}
        return {
            name: (total(x.sum(-1)) / total(torch.full((), x.shape[-1], device=x.device)))
            .cpu()
            .numpy()
            for name, x in measured.items()
        }
