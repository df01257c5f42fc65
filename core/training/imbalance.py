"""Remedies for classes of unequal size: weights, focal loss, sampling."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.images import Images
    from core.training.objective import Objective

Remedy = Literal["none", "weights", "focal", "sampling"]
GAMMA = 2.0


def objective(remedy: Remedy, counts: "Sequence[int]") -> "Objective":
    """Return what to train for.

    counts: training images of each class. "weights": cross-entropy times n / (classes * count);
    "focal": cross-entropy times (1 - p)^2, p the probability of the true class; the others:
    cross-entropy. Validation measures cross-entropy and accuracy in any case.

    Source: focal loss, Lin et al., ICCV 2017, arXiv 1708.02002, eq. 4.
    """
    from dataclasses import replace

    import torch
    from torch import Tensor

    from core.training.objective import CLASSIFICATION, classify

    share = torch.tensor(counts, dtype=torch.float32)
    weights = share.sum() / (len(counts) * share)

    def weighted(outputs: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
        return weights.to(labels.device)[labels] * classify(outputs, pixels, labels)

    def focal(outputs: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
        loss = classify(outputs, pixels, labels)
        return (1 - (-loss).exp()) ** GAMMA * loss

    costs = {"weights": weighted, "focal": focal}
    return replace(CLASSIFICATION, cost=costs.get(remedy, CLASSIFICATION.cost))


def balanced(images: "Images", seed: int) -> "Images":
    """Draw as many images with replacement, every class as likely; a function of the seed."""
    import torch

    from core.device import generator

    labels = images.labels.cpu()
    chance = 1 / labels.bincount().float()[labels]
    source = generator(torch.device("cpu"), seed, len(labels))
    return images.take(chance.multinomial(len(labels), replacement=True, generator=source))
