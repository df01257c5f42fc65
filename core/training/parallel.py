"""One network on several devices: each process trains on its rows of every batch.

A step is that of one process, up to rounding: gradients are averaged (DDP), batch norm sees the
whole batch (SyncBatchNorm), and what is drawn for a batch, by dropout, noise or augmentation, every
process draws for all of it and keeps its rows.
"""

import copy
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")

TOGETHER: ContextVar[bool] = ContextVar("TOGETHER", default=False)
"""whether every process of torch's default group is in this very training"""


def is_first() -> bool:
    """Tell whether this process writes checkpoints: alone, or the first of its group."""
    return not TOGETHER.get() or distributed.get_rank() == 0


def of_first(read: Callable[[], T]) -> T:
    """Return what the first process reads, in all."""
    if not TOGETHER.get():
        return read()
    box = [read() if is_first() else None]
    distributed.broadcast_object_list(box)
    return box[0]  # type: ignore[return-value]  # the first has filled it


class Division:
    """Which rows of a batch are this process's, and the network that trains on them."""

    count = 0
    """networks that were divided in this process so far"""

    def __init__(self, model: nn.Module) -> None:
        """Divide a model, on its device, among the processes that train together.

        Where there is one, or the model cannot be divided, every batch is whole.
        """
        self.network, self.world, self.rank, self.n = model, 1, 0, 0
        if TOGETHER.get() and _is_divisible(model):
            self.world, self.rank = distributed.get_world_size(), distributed.get_rank()
            self.network = DistributedDataParallel(self._twin(model))
            Division.count += 1

    def _twin(self, model: nn.Module) -> nn.Module:
        """Return a model with the very tensors of another, and layers that see whole batches."""
        from torchvision.ops import StochasticDepth

        tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        twin = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model, tensors))
        for parent in list(twin.modules()):
            for name, child in parent.named_children():
                if isinstance(child, _DropoutNd | StochasticDepth):
                    setattr(parent, name, _Drawn(child, self))
        return twin

    def rows(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch (n, ...); of a small one, perhaps none."""
        return batch[self._rows(len(batch))]

    def _rows(self, n: int) -> slice:
        return slice(n * self.rank // self.world, n * (self.rank + 1) // self.world)

    def drawn(self, function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        """Apply a random function of a whole batch, of `self.n` rows, to this process's rows.

        What it does to a row may depend on this row and on what it draws for the batch's shape.
        """
        if self.world == 1:
            return function(rows)
        whole = rows.new_zeros(self.n, *rows.shape[1:])
        whole[self._rows(self.n)] = rows
        return self.rows(function(whole))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, the same bits in each."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values


class _Drawn(nn.Module):
    """A dropout whose mask is this process's rows of the whole batch's."""

    def __init__(self, layer: nn.Module, division: Division) -> None:
        super().__init__()
        self.layer, self.division = layer, division

    def forward(self, x: Tensor) -> Tensor:
        return self.division.drawn(self.layer, x) if self.training else x


def _is_divisible(model: nn.Module) -> bool:
    """Tell whether torch can synchronise the model's batch norm: what is trained of it, on GPUs."""
    model.train()  # some layers stay as they are
    learns = any(isinstance(m, _BatchNorm) and m.training for m in model.modules())
    return not learns or next(model.parameters()).device.type == "cuda"
