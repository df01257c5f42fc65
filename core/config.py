"""Options shared by the experiments. No heavy import: `--help` must answer at once."""

import re
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import tyro

from core.errors import UserError

T = TypeVar("T")
UNSAID = tyro.conf.arg(help_behavior_hint="")
"""for an option whose default is not worth a word in `--help`"""
Settled = Annotated[T | None, UNSAID]
"""an option that is settled later where it is not given; its docstring says how"""


def check(field: str, value: object, holds: bool, wanted: str) -> None:
    """Raise a UserError that names field, value and the values wanted unless `holds`."""
    if not holds:
        raise UserError(f"--{field.replace('_', '-')} {value}: {wanted} is wanted")


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """Where and how exactly to compute."""

    device: str = "auto"
    """cpu, cuda, cuda:1, mps, or auto: the accelerator if there is one"""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """bfloat16 runs matrix products under autocast; auto: bfloat16 on CUDA, float32 elsewhere"""
    deterministic: bool = False
    """refuse kernels whose result varies from run to run (slower on CUDA)"""

    def __post_init__(self) -> None:
        valid = re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", self.device) is not None
        check("device", self.device, valid, "auto, cpu, cuda, cuda:N or mps")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train. `None` is settled by the size of the training set, see `resolve`."""

    epochs: Settled[int] = None
    """passes over the training data (default: the course's 2; 15 below 10,000 images)"""
    batch_size: Settled[int] = None
    """images a step (default: the course's 100; 32 below 10,000 images)"""
    lr: float = 1e-3
    """learning rate"""
    optimizer: Literal["adam", "sgd"] = "adam"
    """adam, or sgd without momentum"""
    schedule: Literal["constant", "cosine"] = "constant"
    """learning rate over the steps; cosine falls to zero at the last"""
    keep: Literal["last", "best"] = "last"
    """weights to keep: of the last epoch, or of the epoch with the lowest validation loss"""
    patience: int = 0
    """epochs without a lower validation loss after which to stop, with --keep best; 0: never"""

    def __post_init__(self) -> None:
        check("epochs", self.epochs, self.epochs is None or self.epochs >= 1, "1 or more")
        check(
            "batch_size",
            self.batch_size,
            self.batch_size is None or self.batch_size >= 1,
            "1 or more",
        )
        fits = self.patience == 0 or (self.patience > 0 and self.keep == "best")
        check("patience", self.patience, fits, "0, or more with --keep best,")
        check("lr", self.lr, 0 < self.lr < float("inf"), "a number above 0")

    def resolve(self, n: int) -> "TrainConfig":
        """Return the config with epochs and batch size settled for `n` training images."""
        small = n < 10_000
        return replace(
            self,
            epochs=self.epochs or (15 if small else 2),
            batch_size=min(self.batch_size or (32 if small else 100), n),
        )
