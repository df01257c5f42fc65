"""The init doctor: what a network's first pass, before any training, tells of its trainability."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.evaluation.prognosis import Outlook

BAD_LOSS = 2.0  # times ln(classes), the loss of an even guess


@dataclass(frozen=True)
class Layer:
    """One layer with weights, seen on one batch; activations are those before the ReLU."""

    name: str
    activation: float
    """standard deviation over images and units"""
    gradient: float
    """root mean square of the loss's gradient with respect to the weights"""
    dead: float
    """share of units that the ReLU sets to zero on every image; 0 for the last layer"""
    rank: int
    """of the weights as a matrix (out, in); at most 1 means that all units are copies"""
    full_rank: int


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor saw, layer by layer, and what it predicts."""

    layers: tuple[Layer, ...]
    loss: float
    """cross-entropy of the untrained network, in nats"""
    outlook: Outlook


def examine(model: nn.Sequential, pixels: Tensor, labels: Tensor) -> Diagnosis:
    """Run one batch forwards and backwards with dropout off; the model is left as it was.

    pixels: float32 (batch, C, H, W); labels: int64 (batch,). The outlook is "cannot train" if a
    hidden layer has rank 0 or 1, is dead altogether, or a weight's gradient is zero or not finite;
    "will train badly" if the first loss exceeds twice that of an even guess; else "will train".
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    layers = [module for module in model if isinstance(module, (nn.Linear, nn.Conv2d))]
    outputs: list[Tensor] = []
    hooks = [m.register_forward_hook(lambda _, __, out: outputs.append(out)) for m in layers]
    try:
        logits = model(pixels)
        cost = F.cross_entropy(logits, labels)
        gradients = torch.autograd.grad(cost, [layer.weight for layer in layers])
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    names = [f"{index} {type(layer).__name__}" for index, layer in enumerate(layers, 1)]
    ranks_ = ranks(layer.weight for layer in layers)
    seen = tuple(
        Layer(
            name=name,
            activation=float(output.detach().std()),
            gradient=float(gradient.square().mean().sqrt()),
            dead=_dead_share(output.detach()) if layer is not layers[-1] else 0.0,
            rank=rank,
            full_rank=min(layer.weight.flatten(1).shape),
        )
        for name, layer, output, gradient, rank in zip(
            names, layers, outputs, gradients, ranks_, strict=True
        )
    )
    loss = float(cost.detach())
    return Diagnosis(seen, loss, _outlook(seen, loss, logits.shape[1]))


def ranks(weights: Iterable[Tensor]) -> list[int]:
    """Return the numerical rank of each weight (out, in, ...) as a matrix; -1 if not finite.

    What float32 cannot tell from zero counts as zero; the decomposition itself is in float64, where
    it converges for copies of copies too.
    """
    return [
        _rank(weight.detach().flatten(1).cpu().double()) if bool(weight.isfinite().all()) else -1
        for weight in weights
    ]


def _rank(matrix: Tensor) -> int:
    rounding = max(matrix.shape) * torch.finfo(torch.float32).eps
    return int(torch.linalg.matrix_rank(matrix, rtol=rounding))


def _dead_share(output: Tensor) -> float:
    units = output.transpose(0, 1).flatten(1)  # (units, everything else)
    return float((units <= 0).all(1).float().mean())


def _outlook(layers: tuple[Layer, ...], loss: float, n_classes: int) -> Outlook:
    *hidden, _ = layers
    stuck = any(not 0 < layer.gradient < math.inf for layer in layers)
    if stuck or any(layer.rank <= 1 or layer.dead == 1 for layer in hidden):
        return "cannot train"
    return "will train badly" if loss > BAD_LOSS * math.log(n_classes) else "will train"
