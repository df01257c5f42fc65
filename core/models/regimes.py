"""The strategies of transfer: what a network begins with, and which part of it is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from core.device import seeded
from core.models.arms import begin
from core.models.networks import STAGES, staged_cnn

DEPTH = len(STAGES)


@dataclass(frozen=True)
class Strategy:
    """One way to use, or not to use, a pretrained network."""

    stages: int
    """how many of the first stages are kept; the head on them is always new"""
    frozen: bool
    begin: str
    """what those stages begin with, one of `core.models.config.ARMS`"""
    label: str


STRATEGIES = {
    "head": Strategy(DEPTH, True, "pretrained", "new head on the frozen network"),
    "cut": Strategy(1, True, "pretrained", "cut after the first stage, frozen, new head"),
    "cut-2": Strategy(2, True, "pretrained", "cut after the second stage, frozen, new head"),
    "fine-tune": Strategy(DEPTH, False, "pretrained", "train all from the pretrained weights"),
    "scratch": Strategy(DEPTH, False, "random", "train all from random weights"),
    "statistics": Strategy(DEPTH, False, "statistics", "control: their mean and variance only"),
    "shuffled": Strategy(DEPTH, False, "shuffled", "control: the same weights, shuffled"),
}
"""the course's four, a second cut for the curve over depth, and two controls of fine-tuning"""

COURSE = {
    ("small", "similar"): "head",
    ("small", "different"): "cut",
    ("large", "similar"): "fine-tune",
    ("large", "different"): "scratch",
}
"""what the course recommends; for large and different it allows fine-tuning too"""


def build(
    strategy: Strategy, pretrained: nn.Sequential, shape: Sequence[int], n_classes: int, seed: int
) -> nn.Sequential:
    """Build a strategy's network for a new task: stages from where it says, the head new.

    pretrained: a `staged_cnn`, left as it is. What is frozen asks for no gradient. Heads and
    random weights follow from the seed: strategies of one seed that keep as many stages begin
    with the same head.
    """
    with seeded(seed):
        model = staged_cnn(shape, n_classes, strategy.stages)
    source = begin(strategy.begin, pretrained, lambda: model, seed)
    for index in range(1, strategy.stages + 1):
        name = f"stage{index}"
        model.get_submodule(name).load_state_dict(source.get_submodule(name).state_dict())
    if strategy.frozen:
        for name, value in model.named_parameters():
            value.requires_grad_(name.startswith("head"))
    return model
