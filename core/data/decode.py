"""Image files to pixels, in one place: always RGB, upright, 8 bits, bounded."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MEGAPIXELS = 50
"""larger images are refused before they are decoded: a small file can hold a huge one"""

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # our bound is stricter
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # names no file; we do


class UnreadableError(ValueError):
    """A file that gives no image; the message is the reason, a few words."""


def decode(path: Path) -> Image.Image:
    """Read an image file of any format that Pillow knows, by its content and not its name.

    EXIF orientation is applied; 16-bit greys are scaled; transparency lies over white; of an
    animation the first frame counts. Returns an RGB image. Raises UnreadableError.
    """
    try:
        _check_file(path)
        with Image.open(path) as image:
            _check_size(image)
            return _to_rgb(ImageOps.exif_transpose(image))
    except (UnreadableError, KeyboardInterrupt):
        raise
    except Exception as error:  # Pillow's plugins raise almost anything on damaged files
        raise UnreadableError(_reason(path, error)) from error


def decode_named(name: str) -> Image.Image:
    """Read the picture that a user names, as `decode`; an address or no file says so."""
    if "://" in name:
        raise UnreadableError("an address; download it first")
    try:
        path = Path(name).expanduser()
        there = path.exists()
    except (OSError, RuntimeError) as error:  # a name too long; a home of nobody
        reason = getattr(error, "strerror", "there is no such home folder")
        raise UnreadableError(reason) from error
    if not there:
        raise UnreadableError("there is no such file")
    return decode(path)


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file():  # to open a pipe is to wait for its writer
        raise UnreadableError("not a regular file")


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MEGAPIXELS * 1_000_000:
        seen = f"{image.width}x{image.height} pixels"
        raise UnreadableError(f"{seen}, more than {MEGAPIXELS} million")


def _reason(path: Path, error: Exception) -> str:
    """Say in a few words why a file cannot be decoded."""
    text = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError):
        return "broken link"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MEGAPIXELS} million pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        empty = path.stat().st_size == 0
        return "empty file" if empty else "not an image, or its beginning is damaged"
    return "truncated" if "truncated" in text else text[:80] or type(error).__name__


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float64) / 257  # 65535 is white
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise UnreadableError("floating-point pixels: which value is white is not known")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def scale(image: Image.Image, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale the shorter side to (height, width), crop the centre; return uint8 (3, height, width).

    An image of that shape is returned as it is.
    """
    if image.size != shape[::-1]:
        image = ImageOps.fit(image, shape[::-1], Image.Resampling.BICUBIC)
    return np.array(image).transpose(2, 0, 1).copy()  # Pillow's own memory may not be written to
