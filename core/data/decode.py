"""Image files to pixels, in one place: always RGB, upright, 8 bits, bounded."""

import contextlib
import io
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.data.bare import bare

MEGAPIXELS = 50
"""larger images are refused before they are decoded: a small file can hold a huge one"""
WHITE = 2**16 - 1
DEPTHS = (8, 10, 12, 14, 16)
"""bits that cameras and scanners use of a value of 16"""
KNOWN = ("PNG", "JPEG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "ICO")
RARE = ("PCX", "SGI", "QOI", "TGA")
"""formats that are read, and no other: of those that Pillow knows, EPS runs a program on a file"""
Image.init()
FORMATS = [name for name in (*KNOWN, *RARE) if name in Image.OPEN]
SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
SUFFIXES |= {".heic", ".heif"}
"""of pictures' names, .png and so on, in lower case"""
COLOURS = {1: 1, 2: 1, 3: 3, 4: 3}
"""bands -> those of them that are colours, and not opacity"""
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what undoes it"""

# Blocks above 32 MiB go back to the system at once; of smaller ones each thread would keep its own.
Image.core.set_block_size(64 * 2**20)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # our bound is stricter
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # names no file; we do


class UnreadableError(ValueError):
    """A file that gives no image; the message is the reason, a few words."""


def decode(path: Path, white: int | None = None) -> Image.Image:
    """Read an image file of one of the formats above, by its content and not its name.

    EXIF orientation is applied; transparency lies over white; of an animation the first frame
    counts. white: of a file with 16 bits, the value that is white; by default what `white_of` makes
    of its brightest, which a set of files must agree on. Returns an RGB image. Raises
    UnreadableError.
    """
    return measure(path, white)[0]


def measure(path: Path, white: int | None = None) -> tuple[Image.Image, int]:
    """Decode a file; return the image, and the brightest value of a file with 16 bits, else 0."""
    try:
        _check_file(path)
        try:
            return _measure(path, white)
        except UnreadableError:
            raise
        except Exception:  # what is said about the picture may be damaged, and the picture not
            rest = bare(path.read_bytes())
            if rest is None:
                raise
        return _measure(io.BytesIO(rest), white)
    except UnreadableError:
        raise
    except Exception as error:  # Pillow's plugins raise almost anything on damaged files
        raise UnreadableError(_reason(path, error)) from error


def white_of(brightest: Iterable[int]) -> int:
    """Return the white of files with 16 bits: the largest value of the fewest bits that hold all.

    brightest: of every file, 0 for files without 16 bits.
    """
    most = max(brightest, default=0)
    return next(2**bits - 1 for bits in DEPTHS if most < 2**bits) if most else WHITE


def white_warnings(white: int, brightest: Iterable[int]) -> list[str]:
    """Say which white was taken for the files with 16 bits, unless it is that of all 16."""
    deep = [value for value in brightest if value]
    if white == WHITE or not deep:
        return []
    return [
        f"{len(deep):,} files have 16 bits a value, none above {max(deep):,}: {white:,} was taken "
        f"for white ({white.bit_length()} bits)."
    ]


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
    image, brightest = measure(path)
    for line in white_warnings(white_of([brightest]), [brightest]):
        print(f"{name}: {line}", file=sys.stderr)
    return image


def pixels_of(path: Path) -> int:
    """Return the number of pixels that a file would have to be decoded; 0 if it cannot be."""
    with contextlib.suppress(Exception):
        _check_file(path)
        with _open(path) as image:
            pixels = image.width * image.height
            return pixels if pixels <= MEGAPIXELS * 1_000_000 else 0
    return 0


def _open(file: Path | io.BytesIO) -> Image.Image:
    return Image.open(file, formats=FORMATS)


def _measure(file: Path | io.BytesIO, white: int | None) -> tuple[Image.Image, int]:
    with _open(file) as image:
        _check_size(image)
        tiles = getattr(image, "tile", None)
        raw = str(tiles[0][3]) if tiles else ""
        image.load()
        deep = _deep(image, file, raw)
        if deep is not None:
            brightest = int(deep[..., : COLOURS[deep.shape[2]]].max())
            image_8 = _from_deep(deep, white or white_of([brightest]))
        else:
            brightest, image_8 = 0, image
        turn = TRANSPOSE.get(_orientation(image))
        rgb = _to_rgb(image_8)
        rgb = rgb.transpose(turn) if turn is not None else rgb
        rgb.info = {}  # or its EXIF would turn it again
        return rgb, brightest


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
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "truncated" if "truncated" in text else text[:80] or type(error).__name__


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1, upright, if it cannot be read."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged in as many ways as images
        return 1


def _deep(image: Image.Image, file: Path | io.BytesIO, raw: str) -> NDArray[np.integer] | None:
    """Return values of 16 bits, (height, width, bands), if the file has these.

    image: loaded; raw: how Pillow names the layout of the file's values.
    """
    if image.mode.startswith("I"):
        values = np.asarray(image)[..., None]
        if values.size and not 0 <= values.min() <= values.max() <= WHITE:
            raise UnreadableError("values of 32 bits: which value is white is not known")
        return values
    if ";16" not in raw or image.mode not in ("LA", "RGB", "RGBA"):
        return None
    import cv2

    # Of colours, Pillow keeps the upper 8 bits only; OpenCV reads all, the channels in BGR.
    content = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    channels = {"LA": [0, 3], "RGB": [2, 1, 0], "RGBA": [2, 1, 0, 3]}[image.mode]
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    if pixels.shape[2] <= max(channels):
        return None
    values = pixels[..., channels].astype(np.uint16)
    return values if np.array_equal(values >> 8, np.asarray(image)) else None


def _from_deep(values: NDArray[np.integer], white: int) -> Image.Image:
    """Scale values of 16 bits to 8, `white` to 255; opacity is always of 16."""
    scaled, colours = _table(white)[values], COLOURS[values.shape[2]]
    scaled[..., colours:] = _table(WHITE)[values[..., colours:]]
    return Image.fromarray(scaled.squeeze(2) if scaled.shape[2] == 1 else scaled)


def _table(white: int) -> NDArray[np.uint8]:
    return (np.arange(WHITE + 1) * (255 / white)).round().clip(0, 255).astype(np.uint8)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UnreadableError("floating-point pixels: which value is white is not known")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    over = Image.new("RGB", rgba.size, "white")
    over.paste(rgba, mask=rgba.getchannel("A"))
    return over


def scale(image: Image.Image, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale the shorter side to (height, width), crop the centre; return uint8 (3, height, width).

    An image of that shape is returned as it is.
    """
    if image.size != shape[::-1]:
        image = ImageOps.fit(image, shape[::-1], Image.Resampling.BICUBIC)
    return np.array(image).transpose(2, 0, 1).copy()  # Pillow's own memory may not be written to
