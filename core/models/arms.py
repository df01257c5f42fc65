"""What the networks of a transfer study begin with: random or pretrained weights, or a control.

What a network gains from pretraining is features and the scale of its weights. Either control,
statistics (weights drawn with the mean and the deviation of the pretrained layers) or shuffled (the
pretrained weights in random order, layer by layer), keeps the scale of every layer and none of the
features. Vectors (biases, norms) and buffers stay.

Source: Mean-Var initialisation, Raghu et al., NeurIPS 2019, arXiv 1902.07208.
"""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn

from core.device import generator

Model = TypeVar("Model", bound=nn.Module)


def begin(arm: str, pretrained: Model, fresh: Callable[[], Model], seed: int) -> Model:
    """Return the network that an arm begins with; the pretrained one is left as it is.

    arm: one of `core.models.config.ARMS`; fresh: builds the network with random weights. Raises
    KeyError for another arm.
    """
    return {
        "random": fresh,
        "pretrained": lambda: copy.deepcopy(pretrained),
        "statistics": lambda: statistics_only(pretrained, seed),
        "shuffled": lambda: shuffled(pretrained, seed),
    }[arm]()


def statistics_only(model: Model, seed: int) -> Model:
    """Return a copy whose weights are drawn anew, normal with each tensor's mean and deviation."""

    def draw(weight: Tensor, source: Generator) -> Tensor:
        noise = torch.randn(weight.shape, generator=source)
        return weight.mean() + weight.std(correction=0) * noise

    return _replaced(model, draw, seed)


def shuffled(model: Model, seed: int) -> Model:
    """Return a copy with the values of each weight tensor in random order."""

    def permute(weight: Tensor, source: Generator) -> Tensor:
        order = torch.randperm(weight.numel(), generator=source)
        return weight.flatten()[order].view_as(weight)

    return _replaced(model, permute, seed)


@torch.no_grad()
def _replaced(model: Model, draw: Callable[[Tensor, Generator], Tensor], seed: int) -> Model:
    model, source = copy.deepcopy(model), generator(torch.device("cpu"), seed)
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.copy_(draw(weight.cpu(), source))
    return model
