"""Images in memory or on disk under one protocol, and the batches that training draws from them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.data.card import Card
from core.device import generator

WORKERS = 2
DATA_ORDER = 0  # purpose of a derived seed; the training loop has others

Loads = Callable[[Path], Tensor]
"""reads a file as uint8 (C, H, W)"""


@dataclass(frozen=True, kw_only=True)
class Images(ABC):
    """Labelled and named images of one split: `InMemory` where they fit, else `OnDisk`."""

    labels: Tensor
    """int64 (n,), in [0, classes)"""
    names: tuple[str, ...] = ()
    """one an image, by which its results are known; image-00000, ... if they have none"""

    def __post_init__(self) -> None:
        """Name what has no name. Raises ValueError unless there is a name an image."""
        if not self.names:
            object.__setattr__(self, "names", numbered("image", len(self)))
        if len(self.names) != len(self):
            raise ValueError(f"names: {len(self.names)}, wanted one for each of {len(self)} images")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""

    @abstractmethod
    def tensor(self) -> Tensor:
        """Return the pixels of all images on the CPU, (n, C, H, W); those on disk are read."""

    @abstractmethod
    def take(self, index: Tensor) -> Self:
        """Return the images at the indices, int64 (k,) on the CPU."""

    @abstractmethod
    def mirrored(self) -> Self:
        """Return the images with left and right exchanged."""

    @abstractmethod
    def digests(self) -> list[bytes]:
        """Hash each image: its pixels, or its file and how that is read (sha256)."""

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """Move what is held in memory to a device."""

    @abstractmethod
    def stream(
        self, batches: Iterable[Tensor], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield pixels and labels of every batch on the device.

        batches: int64 tensors of indices, (batch,) or (seeds, batch). Yields float32 pixels in
        [0, 1] (features as they are), batches' shape + (C, H, W), and int64 labels of the batches'
        shape. Images on disk are decoded by background processes, ahead of their use.
        """


@dataclass(frozen=True)
class InMemory(Images):
    """Images that are held, on the CPU or on the device that trains on them."""

    pixels: Tensor
    """uint8 (n, C, H, W); or what a frozen trunk made of them, float32 (n, width, 1, 1)"""

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    def tensor(self) -> Tensor:
        return self.pixels.cpu()

    def take(self, index: Tensor) -> Self:
        names = tuple(self.names[i] for i in index.tolist())
        return replace(self, pixels=self.pixels[index], labels=self.labels[index], names=names)

    def mirrored(self) -> Self:
        return replace(self, pixels=self.pixels.flip(-1))

    def digests(self) -> list[bytes]:
        shape = repr((self.shape, self.pixels.dtype)).encode()
        rows = self.tensor().contiguous().numpy()
        return [sha256(shape + row.tobytes()).digest() for row in rows]

    def to(self, device: torch.device) -> Self:
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def stream(
        self, batches: Iterable[Tensor], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in batches:
            index = batch.to(self.labels.device)
            pixels = _rows(self.pixels, index, pin=device.type == "cuda")
            yield (
                _unit(pixels.to(device, non_blocking=True)),
                self.labels[index].to(device, non_blocking=True),
            )


@dataclass(frozen=True)
class Files(Dataset[Tensor]):
    """Image files, decoded to one shape when asked for."""

    paths: Sequence[Path]
    shape: tuple[int, int, int]
    decode: Loads
    """picklable, and its repr says what it does"""

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """Decode one image, uint8 (C, H, W)."""
        return self.decode(self.paths[index])


@dataclass(frozen=True)
class Mirrored:
    """Reads a file and mirrors it; its repr tells it from the file as it is."""

    decode: Loads

    def __call__(self, path: Path) -> Tensor:
        """Return uint8 (C, H, W)."""
        return self.decode(path).flip(-1)


@dataclass(frozen=True)
class OnDisk(Images):
    """Images that are decoded when asked for: sets too large to hold."""

    files: Files

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.files.shape

    def tensor(self) -> Tensor:
        return torch.stack([self.files[index] for index in range(len(self))])

    def take(self, index: Tensor) -> Self:
        files = replace(self.files, paths=[self.files.paths[i] for i in index.tolist()])
        names = tuple(self.names[i] for i in index.tolist())
        return replace(self, files=files, labels=self.labels[index], names=names)

    def mirrored(self) -> Self:
        return replace(self, files=replace(self.files, decode=Mirrored(self.files.decode)))

    def digests(self) -> list[bytes]:
        how = repr(self.files.decode).encode()
        return [sha256(how + path.read_bytes()).digest() for path in self.files.paths]

    def to(self, device: torch.device) -> Self:
        return replace(self, labels=self.labels.to(device))

    def stream(
        self, batches: Iterable[Tensor], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        listed = list(batches)
        # An image that several seeds want in the same step is decoded once.
        wanted = [batch.unique(return_inverse=True) for batch in listed]
        loader = DataLoader(
            self.files,
            batch_sampler=[unique.tolist() for unique, _ in wanted],
            num_workers=WORKERS,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # or it draws from the global one, as dropout does
        )
        for decoded, batch, (_, inverse) in zip(loader, listed, wanted, strict=True):
            pixels = _unit(decoded.to(device, non_blocking=True))
            labels = self.labels[batch.to(self.labels.device)].to(device)
            yield pixels[inverse.to(device)], labels


def _rows(values: Tensor, index: Tensor, *, pin: bool) -> Tensor:
    """Return rows of values; from the CPU's memory to where a GPU fetches while others go on."""
    if not pin or values.device.type != "cpu":
        return values[index]
    rows = torch.empty((*index.shape, *values.shape[1:]), dtype=values.dtype, pin_memory=True)
    torch.index_select(values, 0, index.flatten(), out=rows.flatten(0, index.dim() - 1))
    return rows


def _unit(pixels: Tensor) -> Tensor:
    return pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels.float()


def concatenated(parts: Sequence[Images]) -> InMemory:
    """Join images in order, in memory on the CPU; those on disk are read."""
    labels = torch.cat([part.labels.cpu() for part in parts])
    names = tuple(name for part in parts for name in part.names)
    return InMemory(torch.cat([part.tensor() for part in parts]), labels=labels, names=names)


def numbered(word: str, n: int) -> tuple[str, ...]:
    """Name n images by their place in a set that has no names: word-00000, ..."""
    return tuple(f"{word}-{index:05}" for index in range(n))


@dataclass(frozen=True)
class Splits:
    """A data set divided for training; `test` is read once, at the end."""

    train: Images
    val: Images
    test: Images
    card: Card

    def to(self, device: torch.device) -> "Splits":
        """Move every split to a device, where it stays."""
        train, val, test = (part.to(device) for part in (self.train, self.val, self.test))
        return Splits(train, val, test, self.card)


def order(n: int, seed: int, epoch: int) -> Tensor:
    """Return the order of n images in an epoch, (n,) int64 on the CPU: a function of the key."""
    return torch.randperm(n, generator=generator(torch.device("cpu"), seed, epoch, DATA_ORDER))


def sequential(n: int, batch_size: int) -> tuple[Tensor, ...]:
    """Return the batches of one pass in order, as index tensors."""
    return torch.arange(n).split(batch_size)
