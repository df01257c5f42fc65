"""Device, precision, seeds and determinism."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from core.config import DeviceConfig
from core.errors import UserError


@dataclass(frozen=True)
class Device:
    """A device and the precision of the matrix products on it."""

    torch: torch.device
    bfloat16: bool

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which forward passes run."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    @property
    def kind(self) -> str:
        """Say what numbers depend on: the model of the device, precision, choice of kernels."""
        name = torch.cuda.get_device_name(self.torch) if self.torch.type == "cuda" else "any"
        kernels = ", deterministic" if torch.are_deterministic_algorithms_enabled() else ""
        precision = "bfloat16" if self.bfloat16 else "float32"
        return f"{self.torch.type} ({name}), {precision}{kernels}"

    def __str__(self) -> str:
        """Say in a few words what was picked."""
        if self.torch.type == "cuda":
            name = torch.cuda.get_device_name(self.torch)
        else:
            name = f"{torch.get_num_threads()} threads" if self.torch.type == "cpu" else "Apple GPU"
        return f"{self.torch} ({name}), {'bfloat16' if self.bfloat16 else 'float32'}"


def pick(config: DeviceConfig) -> Device:
    """Pick device and precision, and switch determinism on where asked.

    Raises UserError where the named device is not there.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    device = (
        torch.device(config.device)
        if config.device != "auto"
        else accelerator or torch.device("cpu")
    )
    there = device.type == "cpu" or (accelerator is not None and accelerator.type == device.type)
    if not there or (device.index or 0) >= max(1, torch.accelerator.device_count()):
        devices = (
            f"cpu and {torch.accelerator.device_count()} x {accelerator}"
            if accelerator
            else "cpu only"
        )
        raise UserError(f"--device {config.device}: not on this machine, which has {devices}")
    choose_kernels(deterministic=config.deterministic)
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return Device(device, config.precision == "bfloat16" or (config.precision == "auto" and fast))


def choose_kernels(*, deterministic: bool) -> None:
    """Choose what this process computes with; `Device.kind` says it, and workers do as told."""
    torch.backends.cudnn.allow_tf32 = False  # or convolutions in float32 keep ten bits of it
    if deterministic:
        # cuBLAS reads this when its first handle is made; without it deterministic mode raises.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def derive(*key: int) -> int:
    """Derive a 63-bit seed from a key of non-negative integers, such as (seed, epoch).

    Neighbouring keys give unrelated seeds. Source: numpy.random.SeedSequence.
    """
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def generator(device: torch.device, *key: int) -> torch.Generator:
    """Return a generator on `device` whose state follows from the key alone."""
    return torch.Generator(device).manual_seed(derive(*key))


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch use n threads of the CPU, and as many as before after."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Seed torch's global generators from the key, and restore the CPU's and the GPUs' after."""
    with torch.random.fork_rng():
        torch.manual_seed(derive(*key))
        yield
