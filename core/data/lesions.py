"""Drawn lesions: dermoscopy-like images whose malignancy follows the ABCD rule. Synthetic.

Every lesion has four latent features, asymmetry, border, colours and diameter, and a fifth, the
dots of a keratosis; each is normal with variance 1. The mean of the four lies a distance apart in
melanomas and nevi, that of the dots in keratoses and the others, so that an observer who read the
features without error would reach an AUC of `CEILING` in either task. What a feature looks like
is invented; nothing here tells of skin. Some lesions are shown twice, turned and moved, and share
a lesion number.

Source: ABCD rule, Nachbar et al., J. Am. Acad. Dermatol. 30 (1994) 551-559 (its D, differential
structures, is a diameter here, as in the rule for the naked eye).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr, ndtri
from torch import Tensor

CLASSES = ("melanoma", "nevus", "seborrheic_keratosis")
SHARES = (0.25, 0.55, 0.20)
CEILING = 0.95
"""AUC of an observer who reads the latent features exactly"""
SIZE = 32
LESIONS, SEEN_TWICE = 600, 0.33
SOURCE = f"drawn, not photographed: lesions by the ABCD rule, best possible AUC {CEILING:.2f}"

Floats = NDArray[np.float64]
SKIN, BROWN = np.array([0.86, 0.69, 0.59]), np.array([0.56, 0.37, 0.26])
SPOTS = np.array([[0.18, 0.12, 0.10], [0.40, 0.42, 0.52], [0.70, 0.27, 0.26], [0.86, 0.80, 0.76]])
YELLOW, INK = np.array([0.72, 0.56, 0.34]), np.array([0.36, 0.16, 0.55])


@dataclass(frozen=True)
class Lesions:
    """Drawn images and all that is known of them."""

    pixels: Tensor
    """uint8 (n, 3, size, size)"""
    labels: Tensor
    """int64 (n,), into CLASSES"""
    masks: Tensor
    """bool (n, size, size), true on the lesion"""
    lesions: NDArray[np.int64]
    """(n,), equal for two views of a lesion"""
    latent: Floats
    """(n, 5): asymmetry, border, colours, diameter, dots"""


def draw(
    n: int = LESIONS,
    seed: int = 0,
    size: int = SIZE,
    artefacts: Sequence[str] = (),
    twice: float = SEEN_TWICE,
) -> Lesions:
    """Draw n lesions, a function of the arguments alone.

    artefacts: of ARTEFACTS, each put on a third of the images whatever their class. twice: share
    of lesions of which a second view is added.
    """
    random = np.random.default_rng(seed)
    counts = np.floor(np.cumsum((0.0, *SHARES)) * n + 0.5).astype(int)
    labels = random.permutation(np.repeat(range(len(CLASSES)), np.diff(counts)))
    # Four features of equal weight add up to a distance twice that of one.
    apart, dots = ndtri(CEILING) / np.sqrt(2), ndtri(CEILING) * np.sqrt(2)
    latent = random.normal(size=(n, 5))
    latent[:, :4] += (apart * np.array([0.5, -0.5, 0.0])[labels])[:, None]
    latent[:, 4] += dots * (labels == CLASSES.index("seborrheic_keratosis"))
    seeds, second = random.integers(0, 2**31, n), random.random(n) < twice
    order = random.permutation(np.concatenate([np.arange(n), np.flatnonzero(second)]))
    drawn = [_lesion(latent[i], int(seeds[i]), size, random) for i in order]
    pixels = torch.from_numpy(np.stack([image for image, _ in drawn]))
    for index, name in enumerate(artefacts):
        some = torch.from_numpy(np.flatnonzero(random.random(len(order)) < 1 / 3))
        pixels[some] = ARTEFACTS[name](pixels[some], seed + index + 1)
    return Lesions(
        pixels=pixels,
        labels=torch.from_numpy(labels[order]).long(),
        masks=torch.from_numpy(np.stack([mask for _, mask in drawn])),
        lesions=order.astype(np.int64),
        latent=latent[order],
    )


def _grid(size: int) -> tuple[Floats, Floats]:
    line = (np.arange(size) + 0.5) / size * 2 - 1
    return np.meshgrid(line, line)


def _field(random: np.random.Generator, size: int, smooth: float) -> Floats:
    """Return a smooth random field of mean 0 and variance 1."""
    field = gaussian_filter(random.normal(size=(size, size)), smooth * size, mode="wrap")
    return (field - field.mean()) / field.std()


def _lesion(
    latent: Floats, seed: int, size: int, view: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw a view of a lesion: its shape and colours follow from seed, the camera from `view`."""
    random, (x, y) = np.random.default_rng(seed), _grid(size)
    asymmetry, border, colours, diameter, dots = ndtr(latent)
    x, y = x - view.uniform(-0.12, 0.12), y - view.uniform(-0.12, 0.12)
    turns = int(view.integers(4))
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    phase = random.uniform(0, 2 * np.pi, 12)
    edge = 1 + 0.10 * np.cos(2 * angle + phase[2])
    edge += 0.45 * asymmetry * sum(np.cos(k * angle + phase[k]) / k for k in (1, 3))
    edge += 0.09 * border * sum(np.cos(k * angle + phase[k]) for k in (6, 7, 9, 11))
    inside = (0.28 + 0.38 * diameter) * np.clip(edge, 0.2, None) - radius
    cover = 1 / (1 + np.exp(-inside / 0.035))[..., None]
    skin = SKIN * random.uniform(0.9, 1.06) + 0.02 * _field(random, size, 0.15)[..., None]
    lesion = BROWN * random.uniform(0.8, 1.2) * (1 + 0.10 * _field(random, size, 0.06)[..., None])
    for spot in SPOTS:
        amount = 1 / (1 + np.exp(-8 * (_field(random, size, 0.10) - 1.6 + 1.2 * colours)))
        lesion += (colours * amount)[..., None] * (spot - lesion)
    lesion += 0.5 * dots * (YELLOW - lesion)
    speck = _field(random, size, 0.022)
    lesion += dots * 0.35 * ((speck > 1.5) * 1.0 - (speck < -1.5))[..., None]
    image = cover * lesion + (1 - cover) * skin
    image = image * view.uniform(0.9, 1.1) * (1 - 0.12 * np.hypot(*_grid(size))[..., None] ** 2)
    image = image + view.normal(0, 0.02, image.shape)
    pixels = (np.rot90(image, turns).clip(0, 1) * 255).round().astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)), np.rot90(inside > 0, turns).copy()


def _paint(pixels: Tensor, strokes: Callable[..., Floats], colour: Floats, seed: int) -> Tensor:
    """Lay a colour over each image as opaque as `strokes(random, x, y)` says, in [0, 1]."""
    random, size = np.random.default_rng(seed), pixels.shape[-1]
    x, y = _grid(size)
    covers = [strokes(random, x, y) for _ in range(len(pixels))]
    if not covers:
        return pixels.clone()
    cover = torch.from_numpy(np.stack(covers)).float()[:, None].to(pixels.device)
    paint = torch.tensor(255 * colour, dtype=torch.float32, device=pixels.device).view(3, 1, 1)
    return (cover * paint + (1 - cover) * pixels.float()).round().to(torch.uint8)


def ink(pixels: Tensor, seed: int = 0) -> Tensor:
    """Mark every image with two strokes of a surgeon's pen at the rim.

    pixels: uint8 (n, 3, size, size). Returns the like.
    """

    def strokes(random: np.random.Generator, x: Floats, y: Floats) -> Floats:
        cover = np.zeros_like(x)
        for angle in random.uniform(0, 2 * np.pi) + np.array([0.0, 1.1]):
            along = x * np.cos(angle) + y * np.sin(angle)
            across = y * np.cos(angle) - x * np.sin(angle)
            mark = (np.abs(along - 0.86) < 0.07) & (np.abs(across) < 0.28)
            cover = np.maximum(cover, 0.85 * mark)
        return cover

    return _paint(pixels, strokes, INK, seed)


def ruler(pixels: Tensor, seed: int = 0) -> Tensor:
    """Lay a ruler's ticks along an edge of every image. pixels: uint8 (n, 3, size, size)."""

    def strokes(random: np.random.Generator, x: Floats, y: Floats) -> Floats:
        x, y = (y, x) if random.random() < 0.5 else (x, y)
        near = y * random.choice([-1, 1]) > 0.82
        tick = max(0.06, 2 / len(x))  # at least a pixel
        return 0.9 * (near & (np.mod(x + random.uniform(0, 0.25), 0.25) < tick))

    return _paint(pixels, strokes, np.zeros(3), seed)


def hair(pixels: Tensor, seed: int = 0) -> Tensor:
    """Draw a few dark hairs across every image. pixels: uint8 (n, 3, size, size)."""

    def strokes(random: np.random.Generator, x: Floats, y: Floats) -> Floats:
        cover = np.zeros_like(x)
        for _ in range(random.integers(3, 7)):
            angle, shift, bend = random.uniform((0, -0.8, -0.5), (np.pi, 0.8, 0.5))
            along = x * np.cos(angle) + y * np.sin(angle)
            across = y * np.cos(angle) - x * np.sin(angle)
            gap = np.abs(across - shift - bend * along**2) * x.shape[0] / 2
            cover = np.maximum(cover, 0.8 * np.clip(1.1 - gap, 0, 1))
        return cover

    return _paint(pixels, strokes, np.array([0.12, 0.08, 0.06]), seed)


ARTEFACTS = {"ink": ink, "ruler": ruler, "hair": hair}
