"""Checkpoints: files of tensors and plain values, written whole or not at all."""

import contextlib
import os
from pathlib import Path
from typing import Any

import torch

from core.errors import UserError

SECONDS = 30.0  # saving more often costs more than a killed run loses


def save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint of tensors and plain values, whole or not at all.

    Raises UserError where the disk is full or may not be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the new name on an empty file
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch words a full disk as a RuntimeError
        reason = " ".join(str(error.__context__ or error).split())
        raise UserError(f"checkpoint {path}: cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def find(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Read a checkpoint if there is one: who asks first may find it gone, as others finish it."""
    with contextlib.suppress(FileNotFoundError):
        return load(path, device)
    return None


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; nothing but tensors and plain values is unpickled."""
    return torch.load(path, map_location=device, weights_only=True)
