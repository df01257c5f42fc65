"""K networks of one architecture as one: their stacked parameters, and what they draw.

Replicas lie on a grid: seeds outside, each with its own weights and batches; arms inside, which
share the batches and the dropout masks of their seed, so that arms are compared in pairs.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from core.device import Device, derive
from core.training import loop, stacked

CACHE = 2**25
"""bytes of a CPU's last cache, a common size"""
MASKS_TOGETHER = 32
"""steps whose dropout masks a GPU draws at once"""


class MaskedDropout(nn.Module):
    """Dropout whose mask the training loop draws, so that the arms of a seed can share it."""

    mask: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.shape: tuple[int, ...] = ()
        self.register_buffer("mask", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the mask in training mode; pass through otherwise."""
        self.shape = tuple(x.shape[1:])
        return x * self.mask if self.training else x


class Replicas:
    """A grid of networks of one architecture, (seeds, arms), as stacked parameters."""

    def __init__(
        self, models: Sequence[Sequence[nn.Module]], seeds: Sequence[int], device: Device
    ) -> None:
        """Stack `models[seed][arm]`; what the first of them freezes is frozen in all.

        Raises ValueError for layers that keep state of their own.
        """
        flat = [model for row in models for model in row]
        self.seeds, self.device = tuple(seeds), device
        self.grid = (len(models), len(models[0]))
        parameters, buffers = stack_module_state([model.to(device.torch) for model in flat])
        if buffers:
            raise ValueError(
                f"fit_many: {', '.join(buffers)}: layers with buffers (batch norm) need fit"
            )
        trained = {name: value.requires_grad for name, value in flat[0].named_parameters()}
        self.parameters = {
            name: value.detach().unflatten(0, self.grid).clone().requires_grad_(trained[name])
            for name, value in parameters.items()
        }
        template = self.template = _masked(flat[0])
        self.perceptron = template if stacked.is_perceptron(template, MaskedDropout) else None
        self.dropouts = {
            f"{name}.mask": module
            for name, module in self.template.named_modules()
            if isinstance(module, MaskedDropout)
        }

    def __call__(self, pixels: Tensor, masks: dict[str, Tensor] | None = None) -> Tensor:
        """Return outputs (seeds, arms, batch, ...), of classifiers their logits.

        pixels: (seeds, batch, C, H, W), or (batch, C, H, W) shown to every seed alike.
        masks: name -> (seeds, batch, ...) for dropout; None switches dropout off.
        """
        self.template.train(masks is not None)
        own_batch = 0 if pixels.dim() == 5 else None
        with self.device.autocast():
            if self.perceptron is not None:
                return stacked.forward(self.perceptron, self.parameters, masks, pixels).float()
            over_arms = vmap(self._one, in_dims=(0, None, None))
            return vmap(over_arms, in_dims=(0, 0, own_batch))(
                self.parameters, masks or {}, pixels
            ).float()

    def _one(
        self, parameters: dict[str, Tensor], masks: dict[str, Tensor], pixels: Tensor
    ) -> Tensor:
        return functional_call(self.template, {**parameters, **masks}, (pixels,))

    def weights(self, index: int) -> dict[str, Tensor]:
        """Return a replica's parameters on the CPU; index: into the grid, arms running fastest."""
        return {
            name: value.detach().flatten(0, 1)[index].cpu()
            for name, value in self.parameters.items()
        }

    def masks(
        self, epoch: int, sizes: Sequence[int], shape: Sequence[int]
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the dropout masks of every step of an epoch, by layer (seeds, batch, ...).

        sizes: images of each step. A CPU draws step by step, as fit would. A GPU draws those of
        many steps at once, as many small draws would take longer than the training itself.
        """
        generators = self.generators(epoch, loop.MASKS)
        together = MASKS_TOGETHER if self.device.torch.type == "cuda" else 1
        for start in range(0, len(sizes), together):
            part = sizes[start : start + together]
            drawn = self.draw_masks(generators, sum(part), shape)
            split = {name: mask.split(part, dim=1) for name, mask in drawn.items()}
            for k in range(len(part)):
                yield {name: pieces[k] for name, pieces in split.items()}

    def draw_masks(
        self, generators: Sequence[torch.Generator], batch: int, shape: Sequence[int]
    ) -> dict[str, Tensor]:
        """Draw one dropout mask per layer and seed, in the order in which fit would draw them."""
        if self.dropouts and not next(iter(self.dropouts.values())).shape:
            self.template.eval()(torch.zeros(1, *shape, device=self.device.torch))
        masks = {
            name: torch.empty(len(generators), batch, *layer.shape, device=self.device.torch)
            for name, layer in self.dropouts.items()
        }
        for row, source in enumerate(generators):
            for name, layer in self.dropouts.items():
                masks[name][row].bernoulli_(1 - layer.p, generator=source)
        for name, layer in self.dropouts.items():
            masks[name].div_(1 - layer.p)
        return masks

    def generators(self, *key: int) -> list[torch.Generator]:
        """Return one generator per seed, its state a function of (seed, *key)."""
        return [
            torch.Generator(self.device.torch).manual_seed(derive(seed, *key))
            for seed in self.seeds
        ]


def _masked(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, MaskedDropout(child.p))
            elif isinstance(child, nn.modules.dropout._DropoutNd):
                raise ValueError(
                    f"fit_many: {type(child).__name__} is not batched, use nn.Dropout or fit"
                )
    return model


def networks_at_once(model: nn.Module, device: Device) -> int:
    """Return how many networks of a kind train best as one program.

    Python's share of a step falls with their number. But on a CPU a step that goes through more
    than its cache waits for memory: parameters, gradients and Adam's two moments should fit.
    """
    if device.torch.type != "cpu":
        return 128
    size = 4 * sum(value.numel() * value.element_size() for value in model.parameters())
    return max(16, min(64, CACHE // size))
