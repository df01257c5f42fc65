"""Train K networks of one architecture as one batched program.

Replicas lie on a grid: seeds outside, each with its own weights and batches; arms inside, which
share the batches and the dropout masks of their seed, so that arms are compared in pairs.
Adam and SGD work element by element, so one optimiser over stacked parameters is K optimisers;
the loss is summed over replicas, so each gets the gradient of its own loss and a replica that
diverges cannot reach its neighbours.
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from core.config import TrainConfig
from core.data.images import Images, order, sequential
from core.device import Device, derive
from core.training import graphs, loop, stacked
from core.training.objective import CLASSIFICATION, Objective, Validation

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


def at_once(model: nn.Module, device: Device) -> int:
    """Return how many networks of a kind train best as one program.

    Python's share of a step falls with their number. But on a CPU a step that goes through more
    than its cache waits for memory: parameters, gradients and Adam's two moments should fit.
    """
    if device.torch.type != "cpu":
        return 128
    size = 4 * sum(value.numel() * value.element_size() for value in model.parameters())
    return max(16, min(64, CACHE // size))


def fit_many(
    replicas: Replicas,
    train: Images,
    val: Images | None,
    config: TrainConfig,
    checkpoint: Path | None = None,
    objective: Objective = CLASSIFICATION,
) -> Iterator[loop.Epoch]:
    """Train all replicas in place and yield each epoch; log nothing.

    The numbers are those of one `fit` call per replica with its seed, within float tolerance.
    A replica whose loss stops being finite goes on as NaN beside its neighbours; `Epoch` shows it.
    With `checkpoint`, state is saved about every 30 s, and a call that finds the file yields the
    recorded epochs again and goes on from there to bit-equal results.
    """
    plan = loop.Plan.of(config, len(train))
    values = list(replicas.parameters.values())
    trained = [value for value in values if value.requires_grad]
    state = loop.State(values, loop.optimiser(config, trained), replicas.grid)

    step = _step(replicas, state.optimizer, objective)

    def train_epoch(index: int) -> np.ndarray:
        return _train_epoch(replicas, train, step, state.optimizer, plan, index, objective)

    def validate() -> dict[str, np.ndarray]:
        return _validate(replicas, val, objective) if val is not None else {}

    yield from loop.run(plan, state, train_epoch, validate, checkpoint)


def _step(
    replicas: Replicas, optimizer: torch.optim.Optimizer, objective: Objective
) -> graphs.Step:
    """Return a function that takes one step on a batch and returns its losses, (seeds, arms)."""

    def step(batch: graphs.Batch) -> Tensor:
        masks = {name: batch[name] for name in replicas.dropouts}
        pixels = batch["pixels"]
        outputs = replicas(batch.get("inputs", pixels), masks)
        losses = objective.cost(outputs, pixels[:, None], batch["labels"][:, None]).mean(-1)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        return losses.detach()

    return graphs.graphed(step, replicas.device.torch)


def _train_epoch(
    replicas: Replicas,
    train: Images,
    step: graphs.Step,
    optimizer: torch.optim.Optimizer,
    plan: loop.Plan,
    index: int,
    objective: Objective,
) -> np.ndarray:
    """Run one pass over the data; return the batch losses, (steps, seeds, arms)."""
    orders = torch.stack([order(len(train), seed, index) for seed in replicas.seeds])
    masks = replicas.masks(index, plan.sizes, train.shape)
    noise = replicas.generators(index, loop.CORRUPTION)
    losses = torch.empty(plan.steps, *replicas.grid, device=replicas.device.torch)
    first = (index - 1) * plan.steps
    for k, (pixels, labels) in enumerate(
        train.stream(
            orders.to(train.labels.device).split(plan.sizes, dim=1),
            replicas.device.torch,
        )
    ):
        loop.set_rate(optimizer, plan.rate(first + k))
        batch = {"pixels": pixels, "labels": labels, **next(masks)}
        if objective.corrupt is not None:
            batch["inputs"] = _inputs(objective, pixels, noise)
        losses[k] = step(batch)  # stays on the device: reading it each step would stall
    return losses.cpu().numpy()


def _inputs(objective: Objective, pixels: Tensor, noise: Sequence[torch.Generator]) -> Tensor:
    """Corrupt pixels (seeds, batch, C, H, W), or (batch, C, H, W) for every seed in its own way."""
    if objective.corrupt is None:
        return pixels
    own = pixels if pixels.dim() == 5 else [pixels] * len(noise)
    return torch.stack([objective.inputs(*pair) for pair in zip(own, noise, strict=True)])


@torch.no_grad()
def _validate(replicas: Replicas, val: Images, objective: Objective) -> dict[str, np.ndarray]:
    """Return the objective's measures, (seeds, arms); the corruption is the same in every epoch."""
    noise, seen = replicas.generators(0, loop.CORRUPTION), Validation(objective)
    for pixels, labels in val.stream(sequential(len(val), loop.VAL_BATCH), replicas.device.torch):
        seen.add(replicas(_inputs(objective, pixels, noise)), pixels, labels)
    return seen.means()


@torch.no_grad()
def predict_many(replicas: Replicas, images: Images, dropout: bool = False) -> Tensor:
    """Return outputs (seeds, arms, n, ...), of classifiers their logits, float32 on the CPU.

    dropout: leave it on, as the course did by mistake until 2022; a function of the seed.
    """
    noise = replicas.generators(0, loop.NOISE_AT_TEST)
    parts = []
    for pixels, _ in images.stream(sequential(len(images), 1000), replicas.device.torch):
        masks = replicas.draw_masks(noise, len(pixels), images.shape) if dropout else None
        parts.append(replicas(pixels, masks).cpu())
    return torch.cat(parts, dim=2)
