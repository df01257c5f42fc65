"""Images in memory or on disk, and the batches that training draws from them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.data.card import Card
from core.device import generator

WORKERS = 2
DATA_ORDER = 0  # purpose of a derived seed; the training loop has others


Loads = Callable[[Path], Tensor]
"""reads a file as uint8 (C, H, W)"""


class Files(Dataset[Tensor]):
    """Images that are decoded when asked for: sets too large to hold."""

    def __init__(self, paths: list[Path], shape: tuple[int, int, int], decode: Loads) -> None:
        """Keep the list; nothing is read. decode: picklable, and its repr says what it does."""
        self.paths, self.shape, self.decode = paths, shape, decode

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """Decode one image, uint8 (C, H, W)."""
        return self.decode(self.paths[index])

    def take(self, index: Tensor) -> "Files":
        """Return the images at the indices, still on disk."""
        return Files([self.paths[i] for i in index.tolist()], self.shape, self.decode)


@dataclass(frozen=True)
class Images:
    """Labelled images of one split."""

    pixels: Tensor | Files
    """uint8 (n, C, H, W); or what a frozen trunk made of them, float32 (n, width, 1, 1)"""
    labels: Tensor
    """int64 (n,), in [0, classes)"""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""
        return self.pixels.shape if isinstance(self.pixels, Files) else tuple(self.pixels.shape[1:])  # type: ignore[return-value]

    def take(self, index: Tensor) -> "Images":
        """Return the images at the indices, int64 (k,) on the CPU."""
        part = self.pixels.take(index) if isinstance(self.pixels, Files) else self.pixels[index]
        return Images(part, self.labels[index])

    def to(self, device: torch.device) -> "Images":
        """Move what is held in memory to a device."""
        pixels = self.pixels if isinstance(self.pixels, Files) else self.pixels.to(device)
        return replace(self, pixels=pixels, labels=self.labels.to(device))


def concatenated(parts: Sequence[Images]) -> Images:
    """Join images that are held in memory, in order. Raises ValueError for those on disk."""
    held = [part.pixels for part in parts if not isinstance(part.pixels, Files)]
    if len(held) < len(parts):
        raise ValueError("parts: images on disk, wanted images in memory")
    return Images(torch.cat(held), torch.cat([part.labels for part in parts]))


@dataclass(frozen=True)
class Splits:
    """A data set divided for training; `test` is read once, at the end."""

    train: Images
    val: Images
    test: Images
    card: Card
    test_names: tuple[str, ...] = ()
    """of the test images, to join what others say of them; a file's is relative to its folder"""

    def to(self, device: torch.device) -> "Splits":
        """Move every split to a device, where it stays."""
        train, val, test = (each.to(device) for each in (self.train, self.val, self.test))
        return Splits(train, val, test, self.card, self.test_names)


def order(n: int, seed: int, epoch: int) -> Tensor:
    """Return the order of n images in an epoch, (n,) int64 on the CPU: a function of the key."""
    return torch.randperm(n, generator=generator(torch.device("cpu"), seed, epoch, DATA_ORDER))


def sequential(n: int, batch_size: int) -> tuple[Tensor, ...]:
    """Return the batches of one pass in order, as index tensors."""
    return torch.arange(n).split(batch_size)


def stream(
    images: Images, batches: Iterable[Tensor], device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pixels and labels of every batch on the device.

    batches: int64 tensors of indices, (batch,) or (seeds, batch). Yields float32 pixels in [0, 1]
    (features as they are), batches' shape + (C, H, W), and int64 labels of the batches' shape.
    Images on disk are decoded by background processes, ahead of their use.
    """
    if isinstance(images.pixels, Files):
        yield from _stream_files(images.pixels, images.labels, list(batches), device)
        return
    for batch in batches:
        index = batch.to(images.labels.device)
        pixels = images.pixels[index].to(device, non_blocking=True)
        yield _unit(pixels), images.labels[index].to(device, non_blocking=True)


def _stream_files(
    files: Files, labels: Tensor, batches: list[Tensor], device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    # An image that several seeds want in the same step is decoded once.
    wanted = [batch.unique(return_inverse=True) for batch in batches]
    loader = DataLoader(
        files,
        batch_sampler=[unique.tolist() for unique, _ in wanted],
        num_workers=WORKERS,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # or it draws from the global one, as dropout does
    )
    for decoded, batch, (_, inverse) in zip(loader, batches, wanted, strict=True):
        pixels = _unit(decoded.to(device, non_blocking=True))
        yield pixels[inverse.to(device)], labels[batch.to(labels.device)].to(device)


def _unit(pixels: Tensor) -> Tensor:
    return pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels.float()
