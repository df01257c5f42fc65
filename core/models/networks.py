"""The course's networks; input and output sizes follow the data."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from core.device import seeded
from core.errors import UserError
from core.models.arms import begin
from core.models.strategies import Strategy


def mlp(
    shape: Sequence[int], n_classes: int, hidden: Sequence[int] = (256, 128), dropout: float = 0.2
) -> nn.Sequential:
    """Build the course's multi-layer perceptron: linear, ReLU and dropout per hidden layer.

    shape: (channels, height, width) of an image. Returns logits of shape (batch, n_classes).
    """
    layers: list[nn.Module] = [nn.Flatten()]
    width = torch.Size(shape).numel()
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def linear_head(width: int, n_classes: int, seed: int) -> nn.Sequential:
    """Build a linear layer on features (width, 1, 1), with the first weights of a seed."""
    with seeded(seed):
        return mlp((width, 1, 1), n_classes, hidden=())


def scratch_cnn(shape: Sequence[int], n_classes: int, dropout: float = 0.1) -> nn.Sequential:
    """Build the course's scratch CNN: three convolutions with pooling, then 512 units.

    At the course's 224 pixels the first two convolutions have stride 2 and the classifier sees
    2,304 features; below 96 pixels they have stride 1, so that something is left to classify.

    shape: (channels, height, width). Returns logits (batch, n_classes). Raises UserError for
    images too small for three poolings.
    """
    stride = 2 if min(shape[1:]) >= 96 else 1
    if min(shape[1:]) < 16:
        raise UserError(
            f"--network cnn: images of {shape[1]}x{shape[2]} pixels, 16x16 or more are wanted"
        )
    convolutions = (
        nn.Conv2d(shape[0], 16, 3, stride, padding=1),
        nn.Conv2d(16, 32, 3, stride, padding=1),
        nn.Conv2d(32, 64, 3),
    )
    stages = [layer for conv in convolutions for layer in (conv, nn.ReLU(), nn.MaxPool2d(2))]
    features = nn.Sequential(*stages, nn.Flatten(), nn.Dropout(dropout))
    with torch.no_grad():
        width = features(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(
        *features, nn.Linear(width, 512), nn.ReLU(), nn.Dropout(dropout), nn.Linear(512, n_classes)
    )


STAGES = (8, 16, 32)
"""channels of the staged CNN"""


def staged_cnn(shape: Sequence[int], n_classes: int, stages: int = len(STAGES)) -> nn.Sequential:
    """Build a small CNN in stages, or the first of them: convolution, ReLU and pooling each.

    Without batch norm, so that replicas train as one program. The head is linear on the last
    stage's output, averaged over 2 x 2 places. shape: (channels, height, width), 8 pixels or more.
    Returns a sequence of the named parts stage1, ..., head, which gives logits (batch, n_classes).
    """
    parts, channels = OrderedDict[str, nn.Module](), shape[0]
    for index, width in enumerate(STAGES[:stages], 1):
        layers = (nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        parts[f"stage{index}"], channels = nn.Sequential(*layers), width
    pool = (nn.AdaptiveAvgPool2d(2), nn.Flatten())
    parts["head"] = nn.Sequential(*pool, nn.Linear(4 * channels, n_classes))
    return nn.Sequential(parts)


def transferred(
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
