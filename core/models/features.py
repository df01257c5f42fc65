"""Features of a frozen trunk: computed once per image, kept on disk, shared by all heads.

They lie in <repo>/mlruns/features: a folder for each trunk (the content of its weights, its
preprocessing) and what ran it (code, versions, kind of device), as all that a study's key counts;
in it files of features with the hash of each image's content. Other splits, seeds, heads and
studies find them there; deleting the folder costs time only.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from tqdm import tqdm

from core.code import code_hash
from core.data.images import Images, InMemory, sequential
from core.device import Device
from core.files import write
from core.models.backbones import Trunk, digest
from core.provenance import ROOT, versions
from core.trials import SCHEMA, DamagedError, pack, unpack

PLACE = ROOT / "mlruns" / "features"
KEY = 16  # bytes of the hash that stands for an image
KEPT = 1024  # images whose features go to disk together: what a killed run loses at most


def features(trunk: Trunk, images: Images, device: Device, place: Path | None = None) -> InMemory:
    """Return the images with the trunk's features in place of pixels, float32 (n, width, 1, 1).

    They are on the CPU, as one-pixel images, so that heads train on them like any network on
    images. place: folder of the cache, PLACE if not given. Raises ValueError unless the trunk is
    frozen.
    """
    if not trunk.is_frozen:
        raise ValueError(f"trunk: {trunk.name} is not frozen; its features would not last")
    keys = [digest[:KEY] for digest in images.digests()]
    folder = (place or PLACE) / _name(trunk, device)
    known = _read(folder, set(keys))
    missing = [index for index, key in enumerate(keys) if key not in known]
    bar: tqdm[Any] = tqdm(
        total=len(missing), desc=f"features of {trunk.name}", unit="image", disable=None
    )
    fast = for_inference(trunk, device) if missing else trunk
    for start in range(0, len(missing), KEPT):
        part = missing[start : start + KEPT]
        new = [keys[index] for index in part]
        computed = compute(fast, images.take(torch.tensor(part)), device, bar)
        _write(folder, new, computed)
        known |= dict(zip(new, computed, strict=True))
    bar.close()
    rows = torch.stack([known[key] for key in keys]) if keys else torch.empty(0, trunk.width)
    return InMemory(rows[:, :, None, None], labels=images.labels.cpu(), names=images.names)


def _name(trunk: Trunk, device: Device) -> str:
    """Return the name of a trunk's folder, from all that its features depend on but the images."""
    made_by = (code_hash(Path(__file__)), versions(), device.kind)
    text = f"{trunk.name} {digest(trunk)} {trunk.preparation} {made_by}"
    network = "".join(c if c.isalnum() or c in "_-" else "-" for c in trunk.name)
    return f"{network}-{sha256(text.encode()).hexdigest()[:16]}"


def passing(device: Device) -> int:
    """Return how many images to pass through a network at once where nothing is trained.

    A CPU is fastest with few: at 4, activations stay in memory that is already there; at 32 the
    system hands out fresh pages for every layer, and MobileNetV2 takes three times as long.
    """
    return 4 if device.torch.type == "cpu" else 256


def for_inference(trunk: Trunk, device: Device) -> Trunk:
    """Return a frozen trunk as it is fastest on a device, for `compute`."""
    if not device.bfloat16:  # whose rounding would grow by half
        trunk = trunk.folded()
    return trunk.to(device.torch).to(memory_format=torch.channels_last)


@torch.no_grad()
def compute(trunk: Trunk, images: Images, device: Device, bar: "tqdm[Any] | None" = None) -> Tensor:
    """Return the trunk's features of images, float32 (n, width) on the CPU; nothing is kept.

    trunk: as `for_inference` returns it.
    """
    parts = []
    for pixels, _ in images.stream(sequential(len(images), passing(device)), device.torch):
        with device.autocast():
            parts.append(trunk(pixels).float())
        if bar is not None:
            bar.update(len(pixels))
    return torch.cat(parts).cpu()


def _read(folder: Path, wanted: set[bytes]) -> dict[bytes, Tensor]:
    """Return the features of the wanted images that are there."""
    known: dict[bytes, Tensor] = {}
    for path in sorted(folder.glob("[!.]*.safetensors")):  # hidden: being written
        try:
            with safe_open(path, "pt") as file:
                keys = [row.tobytes() for row in file.get_tensor("keys").numpy()]
            if wanted.isdisjoint(keys):
                continue
            rows = torch.from_numpy(unpack(path.read_bytes())[0]["features"])
        except (SafetensorError, OSError, DamagedError):  # made anew
            path.unlink(missing_ok=True)
            continue
        known |= {key: row for key, row in zip(keys, rows, strict=True) if key in wanted}
    return known


def _write(folder: Path, keys: Sequence[bytes], rows: Tensor) -> None:
    """Write features, whole or not at all; two processes may do so at once."""
    name = sha256(b"".join(keys)).hexdigest()[:16]
    packed = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, KEY)
    content = pack({"keys": packed, "features": rows.numpy()}, {"schema": SCHEMA})
    write(folder / f"{name}.safetensors", content)
