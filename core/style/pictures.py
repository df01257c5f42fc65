"""Pictures in and out: files, folders and embedded ones; sizes, colours, animations."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.data.card import Quarantined, readable
from core.data.decode import UnreadableError, decode
from core.data.listing import below
from core.errors import UserError
from core.style.config import SMALLEST, StyleConfig

PAIRS = {
    "astronaut": "gravel",
    "coffee": "immunohistochemistry",
    "chelsea": "brick",
    "rocket": "grass",
    "camera": "hubble_deep_field",
}
"""scikit-image's pictures that come with it: content -> style; no picture is in two pairs"""
FRAME_MS = 250
THUMB = 128
"""pixels of the longer side of the pictures that trials keep for figures"""


@dataclass(frozen=True)
class NamedImage:
    """An upright RGB picture and its name."""

    name: str
    image: Image.Image


def read(argument: str, option: str) -> NamedImage:
    """Read an embedded picture by name, or a file. Raises UserError, one line."""
    if argument in [*PAIRS, *PAIRS.values()]:
        import skimage.data

        return NamedImage(
            argument, Image.fromarray(getattr(skimage.data, argument)()).convert("RGB")
        )
    path = Path(argument).expanduser()
    if not path.exists():
        names = ", ".join([*PAIRS, *PAIRS.values()])
        raise UserError(f"{option} {argument}: there is no such file; a picture or {names}")
    try:
        return NamedImage(readable(path.name), decode(path))
    except UnreadableError as error:
        raise UserError(f"{option} {argument}: a picture is wanted: {error}") from error


def read_all(argument: str, option: str) -> tuple[list[NamedImage], list[Quarantined]]:
    """Read one picture, or all below a folder; what gives none is listed with the reason.

    A picture of a folder is named by its path there. Raises UserError if there is no picture at
    all.
    """
    folder = Path(argument).expanduser()
    if not folder.is_dir():
        return [read(argument, option)], []
    pictures, quarantined = [], []
    listing = below(folder)
    for path in listing.files:
        name = readable(path.relative_to(folder).as_posix())
        try:
            pictures.append(NamedImage(name, decode(path)))
        except UnreadableError as error:
            quarantined.append(Quarantined(name, str(error)))
    quarantined += [
        Quarantined(readable(path.relative_to(folder).as_posix()), reason)
        for path, reason in listing.left_out
    ]
    if not pictures:
        raise UserError(f"{option} {argument}: a folder with pictures is wanted, this has none")
    return pictures, quarantined


def shrink(picture: NamedImage, size: int, option: str) -> Image.Image:
    """Scale the longer side down to `size` pixels; a smaller picture stays as it is.

    Raises UserError if the shorter side is then below 32 pixels.
    """
    image = picture.image
    factor = min(1.0, size / max(image.size))
    width, height = (round(side * factor) for side in image.size)
    if min(width, height) < SMALLEST:
        seen = f"{image.width}x{image.height} pixels, {width}x{height} at --size {size}"
        raise UserError(f"{option} {picture.name}: {seen}; {SMALLEST} or more a side are wanted")
    return image.resize((width, height), Image.Resampling.LANCZOS) if factor < 1 else image


@dataclass(frozen=True)
class Pair:
    """A content and a style, ready to paint."""

    content: str
    style: str
    pixels: Tensor
    """of the content, (3, H, W) float32 in [0, 1]"""
    style_pixels: Tensor
    """(3, h, w) float32 in [0, 1]"""

    @property
    def names(self) -> tuple[tuple[str, str | int | float], ...]:
        """Return the factors of its trials: the names of content and style."""
        return ("content", self.content), ("style", self.style)


def pair(content: NamedImage, style: NamedImage, config: StyleConfig) -> Pair:
    """Scale two pictures to the size of the config (resolved); Raises UserError, see `shrink`.

    The published mode squashes the style to the content's shape, the other keeps its proportions.
    """
    size = config.size or max(content.image.size)
    one, other = shrink(content, size, "CONTENT"), shrink(style, size, "STYLE")
    if config.is_published:
        other = style.image.resize(one.size, Image.Resampling.LANCZOS)
    return Pair(content.name, style.name, to_tensor(one), to_tensor(other))


class Standard:
    """Pixels as a network wants them: (pixels - mean) / std, channel by channel."""

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], device: torch.device | None = None
    ) -> None:
        self.mean, self.std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (mean, std))

    def apply(self, pixels: Tensor) -> Tensor:
        """Standardise pixels in [0, 1], (..., 3, H, W)."""
        return (pixels.to(self.mean.device) - self.mean) / self.std

    def undo(self, values: Tensor) -> Tensor:
        """Return pixels of standardised values, on the CPU."""
        return values.cpu() * self.std.cpu() + self.mean.cpu()

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        """Return black and white, standardised, (3, 1, 1) each."""
        return -self.mean / self.std, (1 - self.mean) / self.std


def to_tensor(image: Image.Image) -> Tensor:
    """Return the pixels, (3, H, W) float32 in [0, 1]."""
    pixels = torch.from_numpy(np.array(image, dtype=np.float32) / 255)
    return pixels.permute(2, 0, 1).contiguous()


def to_bytes(pixels: Tensor) -> NDArray[np.uint8]:
    """Return pixels (3, H, W) in [0, 1] as uint8 (H, W, 3); what lies outside is clipped."""
    return (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()


def luminance_only(content: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Return both as greys, the style's with the content's mean and spread; (3, H, W) each.

    Source: Gatys, Bethge, Hertzmann, Shechtman 2016, arXiv 1606.05897, luminance-only transfer.
    """
    grey, other = _luminance(content), _luminance(style)
    matched = (other - other.mean()) * (grey.std() / other.std().clamp_min(1e-6)) + grey.mean()
    return grey.expand(3, -1, -1).clone(), matched.clamp(0, 1).expand(3, -1, -1).clone()


def recolour(painted: Tensor, content: Tensor) -> Tensor:
    """Give a painted picture the content's colours: its luminance, the content's chrominance."""
    return painted.clamp(0, 1).mul(_weights()).sum(0) - _luminance(content) + content


def animation(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    """Encode uint8 (H, W, 3) frames as an animated GIF; the last one stays for two seconds."""
    images = [Image.fromarray(frame) for frame in frames]
    times = [FRAME_MS] * (len(images) - 1) + [2000]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0)
    return out.getvalue()


def png(frame: NDArray[np.uint8]) -> bytes:
    """Encode uint8 (H, W, 3) as PNG."""
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "PNG")
    return out.getvalue()


def thumbnail(image: Image.Image) -> NDArray[np.float16]:
    """Return a small copy, (row, column, channel) in [0, 1]; half precision tells 256 apart."""
    small = image.convert("RGB")
    small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    return (np.asarray(small, dtype=np.float32) / 255).astype(np.float16)


def _weights() -> Tensor:
    return torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)  # ITU-R BT.601


def _luminance(pixels: Tensor) -> Tensor:
    return (pixels * _weights()).sum(0, keepdim=True)
