"""Weight initialisation schemes as data: to add one, add a row to the table.

torch is imported when a scheme is used, so that `--help` can list the names at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from core.errors import UserError

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Model = TypeVar("Model", bound="nn.Module")
Draw = Callable[["Tensor", "Generator"], object]


@dataclass(frozen=True)
class Scheme:
    """A way to draw the weights of a layer; biases begin at zero."""

    name: str
    draw: Draw | None
    """fills a weight (out, in, ...) in place from a generator; None: PyTorch's own, biases too"""
    source: str


def _fan_in(weight: "Tensor") -> int:
    return weight[0].numel()


def _rule(weight: "Tensor") -> float:
    return 1 / math.sqrt(_fan_in(weight))


def _torch(name: str, **options: object) -> Draw:
    def draw(weight: "Tensor", generator: "Generator") -> object:
        from torch.nn import init

        return getattr(init, name)(weight, generator=generator, **options)

    return draw


_COURSE = "the course's weight-initialization lesson"
_GLOROT = "Glorot & Bengio 2010, AISTATS, eq. 16"
_HE = "He et al. 2015, arXiv 1502.01852, eq. 10, gain of ReLU"

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("zeros", lambda w, g: w.zero_(), _COURSE),
        Scheme("ones", lambda w, g: w.fill_(1), _COURSE),
        Scheme("uniform-0-1", lambda w, g: w.uniform_(0, 1, generator=g), _COURSE),
        Scheme("uniform-centred", lambda w, g: w.uniform_(-0.5, 0.5, generator=g), _COURSE),
        Scheme("uniform-rule", lambda w, g: w.uniform_(-_rule(w), _rule(w), generator=g), _COURSE),
        Scheme("normal-rule", lambda w, g: w.normal_(0, _rule(w), generator=g), _COURSE),
        Scheme(
            "normal-matched",
            lambda w, g: w.normal_(0, _rule(w) / math.sqrt(3), generator=g),
            "normal with the variance of uniform-rule, y^2 / 3",
        ),
        Scheme("xavier-uniform", _torch("xavier_uniform_"), _GLOROT),
        Scheme("xavier-normal", _torch("xavier_normal_"), _GLOROT + " (its variance)"),
        Scheme(
            "kaiming-uniform", _torch("kaiming_uniform_", nonlinearity="relu"), _HE + ", uniform"
        ),
        Scheme("kaiming-normal", _torch("kaiming_normal_", nonlinearity="relu"), _HE),
        Scheme("orthogonal", _torch("orthogonal_"), "Saxe et al. 2014, arXiv 1312.6120"),
        Scheme(
            "default",
            None,
            "torch.nn.Linear.reset_parameters: U(-1/sqrt(n), 1/sqrt(n)), biases too",
        ),
    )
}


def initialise(model: "Model", scheme: str, seed: int) -> "Model":
    """Draw all weights of `model` in place by the named scheme, as a function of seed alone.

    Every scheme draws from the same generator state, so that schemes are paired by seed.
    Raises UserError for an unknown scheme.
    """
    import torch

    from core.device import generator, seeded

    if scheme not in SCHEMES:
        raise UserError(f"scheme {scheme!r}: one of {', '.join(SCHEMES)} is wanted")
    draw = SCHEMES[scheme].draw
    source = generator(torch.device("cpu"), seed)
    with seeded(seed), torch.no_grad():
        for module in model.modules():
            if not isinstance(module, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                continue
            if draw is None:
                module.reset_parameters()
                continue
            draw(module.weight, source)
            if module.bias is not None:
                module.bias.zero_()
    return model
