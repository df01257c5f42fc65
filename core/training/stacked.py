"""The forward pass of a grid of perceptrons, without vmap.

The arms of a seed see the same images, so their first layers are one product a seed. And products
are written so that no gradient has to be copied into its weight's layout, which took vmap's way a
quarter of the time of a training.
"""

from collections.abc import Mapping
from typing import TypeGuard

from torch import Tensor, nn


def is_perceptron(model: nn.Module, dropout: type[nn.Module]) -> TypeGuard[nn.Sequential]:
    """Tell whether a model is a plain stack of linear layers, ReLU and dropout on flat images."""
    known = (nn.Linear, nn.ReLU, dropout)
    return (
        isinstance(model, nn.Sequential)
        and isinstance(model[0], nn.Flatten)
        and all(isinstance(layer, known) for layer in list(model)[1:])
    )


def forward(
    model: nn.Sequential,
    parameters: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None,
    pixels: Tensor,
) -> Tensor:
    """Return logits (seeds, arms, batch, classes) of a perceptron with stacked parameters.

    parameters: name -> (seeds, arms, ...). masks: name -> (seeds, batch, features) for dropout;
    None leaves it out. pixels: (seeds, batch, C, H, W), or (batch, C, H, W) for every seed.
    """
    x = pixels.flatten(-3).transpose(-1, -2)
    for name, layer in model.named_children():
        if isinstance(layer, nn.Linear):
            x = _product(parameters[f"{name}.weight"], x)
            bias = parameters.get(f"{name}.bias")
            x = x if bias is None else x + bias[..., None]
        elif isinstance(layer, nn.ReLU):
            x = x.relu()
        elif masks and f"{name}.mask" in masks:
            x = x * masks[f"{name}.mask"].transpose(1, 2)[:, None]
    return x.transpose(2, 3)


def _product(weight: Tensor, x: Tensor) -> Tensor:
    """Multiply (seeds, arms, out, in) by what is for all, a seed each, or a replica each.

    x: ([seeds, [arms,]] in, batch). Returns (seeds, arms, out, batch). Weight times images, and not
    the other way round: so the gradient comes in the weight's own layout and is not copied.
    """
    if x.dim() == 4:
        return weight @ x
    if x.dim() == 3:
        return (weight.flatten(1, 2) @ x).unflatten(1, weight.shape[1:3])
    return (weight.flatten(0, 2) @ x).unflatten(0, weight.shape[:3])
