"""Features of a frozen convolutional network at named layers, and how to choose the layers.

torchvision's networks overwrite their features: `ReLU(inplace=True)` turns the output of the
convolution before it into its own. Whoever keeps a reference to conv1_1 gets relu1_1. Here
features are copied at the moment they are made.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.errors import UserError

ACTIVATIONS = tuple(
    getattr(nn.modules.activation, name)
    for name in nn.modules.activation.__all__
    if name != "MultiheadAttention"
)
N_STAGES = 5
PROBE = (64, 96)  # not square, so that a map with its channels last is not taken for a picture


class _AllSeenError(Exception):
    """Ends a forward pass when the last wanted layer has answered."""


class Features(nn.Module):
    """A frozen network that is read at some of its layers, and run no further than the last."""

    def __init__(self, network: nn.Module, layers: Sequence[str]) -> None:
        """Freeze `network` and name the modules to read, such as "features.1".

        Raises UserError for a name that is not a module of the network.
        """
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.layers = tuple(dict.fromkeys(layers))
        known = dict(network.named_modules())
        for name in self.layers:
            if name not in known or not name:
                some = ", ".join([n for n in known if n and not any(known[n].children())][:8])
                wanted = f"modules of the network are wanted: {some}, ..."
                raise UserError(f"--style-layers, --content-layer {name}: {wanted}")

    def train(self, mode: bool = True) -> "Features":
        """Stay in evaluation mode: batch-norm statistics would drift."""
        return super().train(False)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return copies of the layers' outputs: name -> (batch, channels, height, width).

        pixels: (batch, 3, H, W), standardised as the network wants them. Of a module that runs
        several times in a pass, the first output counts.
        """
        seen: dict[str, Tensor] = {}

        def keep(name: str, output: Tensor) -> None:
            if name not in seen:
                seen[name] = output.clone()
            if len(seen) == len(self.layers):
                raise _AllSeenError

        hooks = [
            self.network.get_submodule(name).register_forward_hook(
                lambda _, __, output, name=name: keep(name, output)
            )
            for name in self.layers
        ]
        try:
            self.network(pixels)
        except _AllSeenError:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        return {name: seen[name] for name in self.layers}


def gram(features: Tensor) -> Tensor:
    """Multiply channels with channels, image by image: (batch, d, h, w) -> (batch, d, d).

    Sums over positions. Source: Gatys, Ecker, Bethge 2015, arXiv 1508.06576.
    """
    flat = features.flatten(2)
    return flat @ flat.mT


@torch.no_grad()
def stages(network: nn.Module) -> list[list[str]]:
    """Name the activations in the order of the forward pass, a list for each resolution.

    Resolutions are the picture's and its halvings. A network whose activations are no modules
    gives all its innermost modules instead. The network is left as it was.
    """
    seen: list[tuple[str, tuple[int, ...]]] = []
    leaves = {n: m for n, m in network.named_modules() if not any(m.children())}
    active = {n: m for n, m in leaves.items() if isinstance(m, ACTIVATIONS)}
    hooks = [
        module.register_forward_hook(lambda _, __, out, name=name: seen.append((name, out.shape)))
        for name, module in (active or leaves).items()
    ]
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()(torch.zeros(1, 3, *PROBE, device=next(network.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    by_halving: dict[int, list[str]] = {}
    for name, shape in seen:
        # Convolutions without padding lose a pixel or two: 31 x 47 is half of 64 x 96.
        halvings = {round(math.log2(a / b)) for a, b in zip(PROBE, shape[2:], strict=False)}
        if len(shape) == 4 and len(halvings) == 1:
            by_halving.setdefault(halvings.pop(), []).append(name)
    return [list(dict.fromkeys(by_halving[k])) for k in sorted(by_halving)]


def choose(network: nn.Module, *, shallow: bool = False) -> tuple[list[str], str]:
    """Choose style layers and a content layer by the network's resolutions.

    Style: the first activation at each of the first five, VGG19's conv1_1 to conv5_1 after their
    ReLU. Content: the second at the fourth, VGG19's conv4_2. shallow: one resolution less of
    both, for random weights, whose deep features say little of where things are. Raises UserError
    for a network that does not halve the picture.
    """
    try:
        resolutions = stages(network)[: N_STAGES - shallow]
    except Exception as error:  # a network that takes one size only may raise anything
        reason = " ".join(str(error).split())[:80]
        raise UserError(f"--backbone: a convolutional network is wanted ({reason})") from error
    if len(resolutions) < 2:
        raise UserError(
            "--backbone: a convolutional network is wanted, one that halves the picture"
        )
    deep = resolutions[min(3 - shallow, len(resolutions) - 1)]
    return [names[0] for names in resolutions], deep[min(1, len(deep) - 1)]
