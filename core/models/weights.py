"""Weights of torchvision's classifiers: from its cache, its server, or a file; tensors only.

Their names are those of `core.models.config`.
"""

import difflib
import hashlib
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from core.data.download import attempt
from core.errors import UserError, reason
from core.models.config import DIGITS, IMAGENET, RANDOM

# Names that DenseNet's layers had when its weights were saved; torchvision renames them too.
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")


def known(name: str) -> str:
    """Return the name of a torchvision classifier; raise UserError for any other."""
    names = models.list_models(module=models)
    if name not in names:
        near = difflib.get_close_matches(name, names) or ["vgg16", "resnet18", "mobilenet_v2"]
        raise UserError(
            f"network {name}: a torchvision classifier such as {', '.join(near)} is wanted"
        )
    return name


def entry(name: str) -> Any:
    """Return the first ImageNet weights in torchvision's enum: address, classes, preset."""
    return next(iter(models.get_model_weights(known(name))))


def fingerprint(weights: str, network: str) -> str:
    """Return what tells weights from others of the same name, for the key of a trial.

    It is the sha256 of a file's content, torchvision's name and version, or the word for weights
    that the code makes. Raises UserError for a missing file and an unknown network.
    """
    if weights in (RANDOM, DIGITS):
        return weights
    if weights == IMAGENET:
        return f"{entry(network)} {_file_name(network)}"
    with _present(Path(weights)).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(weights: str, network: str) -> dict[str, Tensor]:
    """Return the state dict that weights which are not random name; UserError without it."""
    return imagenet(network) if weights == IMAGENET else read(Path(weights))


def _file_name(network: str) -> str:
    return entry(network).url.rpartition("/")[2]


def imagenet(name: str) -> dict[str, Tensor]:
    """Return torchvision's ImageNet weights, from its cache or downloaded to it.

    Raises UserError, which names the file and where it belongs, if it is neither there nor to be
    had.
    """
    file = _file_name(name)
    place = Path(torch.hub.get_dir(), "checkpoints", file)
    if place.exists():
        return read(place)
    try:
        return attempt(
            lambda: entry(name).get_state_dict(progress=False, check_hash=True, weights_only=True)
        )
    except Exception as error:
        raise UserError(
            f"--weights imagenet: {name}'s weights are not in {place} and cannot be downloaded "
            f"({reason(error)}); put {file} there, or use --weights FILE (a state dict) or random"
        ) from error


def _present(path: Path) -> Path:
    if not (path := path.expanduser()).is_file():
        raise UserError(
            f"--weights {path}: {'a folder' if path.is_dir() else 'there is no such file'}; "
            "imagenet, random or a file is wanted"
        )
    return path


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or what torch.save wrote, as weights only.

    Raises UserError for a file that is missing or holds anything else, and for numbers that are
    not finite.
    """
    path = _present(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make torch raise almost anything
        raise UserError(
            f"--weights {path}: a state dict is wanted, this is not one: {_why(path, error)}"
        ) from error
    if not isinstance(state, dict) or not all(map(_is_plain, state.values())):
        raise UserError(f"--weights {path}: a state dict, names to tensors, is wanted")
    broken = [name for name, value in state.items() if not bool(value.isfinite().all())]
    if broken:
        raise UserError(
            f"--weights {path}: finite numbers are wanted; {len(broken)} of {len(state)} tensors "
            f"hold others: {', '.join(map(str, broken[:3]))}"
        )
    return dict(state)


def _why(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        start = file.read(1)
    # Of a text torch says "101", having read it as a pickle: one begins with 128, a zip with P.
    ours = path.suffix == ".safetensors" or start in (b"", b"P", b"\x80")
    return reason(error) if ours else "torch.save did not write it"


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized


def fill(network: nn.Module, state: dict[str, Tensor], name: str, source: str) -> None:
    """Copy a state dict into a network; raise UserError unless names and shapes agree."""
    state = {_OLD_NAME.sub(r"\1", key): value for key, value in state.items()}
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    # Counters that older files lack; torch fills them in.
    optional = {key for key in shapes if key.endswith("num_batches_tracked")}
    missing = [key for key in shapes if key not in state and key not in optional]
    foreign = [key for key in state if key not in shapes]
    other = [key for key in state if key in shapes and tuple(state[key].shape) != shapes[key]]
    for keys, word in ((missing, "missing"), (foreign, "unknown"), (other, "of another shape")):
        if keys:
            raise UserError(
                f"--weights {source}: a state dict of {name} is wanted; {len(keys)} of its tensors "
                f"are {word} here: {', '.join(keys[:3])}"
            )
    network.load_state_dict(state, strict=False)
