"""The course's autoencoders; every size follows the data.

Pooling halves a side and drops an odd last row, so each step of a decoder aims at the size that
the encoder had there: even sides give the lesson's layers to the letter, odd ones (30x30, 25x25)
the same layers with one row and column of padding where they are needed. The lesson's ReLU before
each pooling stands after it here: the maximum of ReLUs is the ReLU of the maximum, to the last
bit, and a quarter of the work.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.errors import UserError


class Autoencoder(nn.Module):
    """An encoder, its code, and a decoder that ends in a sigmoid."""

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, pixels: Tensor) -> Tensor:
        """Reconstruct pixels in [0, 1]: (batch, C, H, W) to the same shape."""
        return self.decoder(self.encoder(pixels))

    def code_size(self, shape: Sequence[int]) -> int:
        """Return the numbers in the code of one image (channels, height, width)."""
        with torch.no_grad():
            return self.encoder(torch.zeros(1, *shape)).numel()


def linear(shape: Sequence[int], code: int = 32) -> Autoencoder:
    """Build the lesson's linear autoencoder: two dense layers, a ReLU between.

    shape: (channels, height, width) of an image. code: units of the hidden layer.
    """
    width = torch.Size(shape).numel()
    return Autoencoder(
        nn.Sequential(nn.Flatten(), nn.Linear(width, code), nn.ReLU()),
        nn.Sequential(nn.Linear(code, width), nn.Sigmoid(), nn.Unflatten(1, tuple(shape))),
    )


def transposed(
    shape: Sequence[int],
    channels: int = 4,
    hidden: int = 16,
    decoder: int | None = None,
    kernel: int = 2,
) -> Autoencoder:
    """Build the lesson's convolutional autoencoder: two poolings, two transposed convolutions.

    channels: of the code, (channels, height / 4, width / 4). hidden: channels outside it; decoder:
    those of the decoder, if others. kernel: 2, the lesson's, or 3, whose squares overlap unevenly.
    Raises UserError for images too small to pool twice.
    """
    (half, whole), encoder = _sides(shape, 2), _encoder(shape[0], (hidden, channels))
    width = decoder or hidden
    layers = (_up(channels, width, kernel, half), nn.ReLU(), _up(width, shape[0], kernel, whole))
    return _channels_last(Autoencoder(encoder, nn.Sequential(*layers, nn.Sigmoid())))


def upsampling(shape: Sequence[int], channels: int = 4, hidden: int = 16) -> Autoencoder:
    """Build the lesson's other decoder: nearest-neighbour upsampling, then convolution.

    Arguments and errors as `transposed`.
    """
    (half, whole), encoder = _sides(shape, 2), _encoder(shape[0], (hidden, channels))
    decoder = nn.Sequential(
        nn.Upsample(half),
        nn.Conv2d(channels, hidden, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(whole),
        nn.Conv2d(hidden, shape[0], 3, padding=1),
        nn.Sigmoid(),
    )
    return _channels_last(Autoencoder(encoder, decoder))


def denoising(shape: Sequence[int]) -> Autoencoder:
    """Build the lesson's denoising autoencoder: three poolings, three transposed convolutions.

    The first transposed convolution has kernel 3, so that 28 pixels come out of 3 again.
    Raises UserError for images too small to pool three times.
    """
    quarter, half, whole = _sides(shape, 3)
    decoder = nn.Sequential(
        _up(8, 8, 3, quarter),
        nn.ReLU(),
        _up(8, 16, 2, half),
        nn.ReLU(),
        _up(16, 32, 2, whole),
        nn.ReLU(),
        nn.Conv2d(32, shape[0], 3, padding=1),
        nn.Sigmoid(),
    )
    return _channels_last(Autoencoder(_encoder(shape[0], (32, 16, 8)), decoder))


def parameters(model: nn.Module) -> int:
    """Count the trained numbers."""
    return sum(value.numel() for value in model.parameters())


def width_for(count: int, size: Callable[[int], int]) -> int:
    """Return the width whose network comes nearest to `count` parameters.

    size: width -> parameters, a straight line, as where the width is that of one layer.
    """
    slope = size(2) - size(1)
    return max(1, round((count - size(1)) / slope + 1))


def _channels_last(model: Autoencoder) -> Autoencoder:
    """Lay the weights out so that pooling and convolutions of few channels vectorise on a CPU."""
    return model.to(memory_format=torch.channels_last)


def _sides(shape: Sequence[int], poolings: int) -> list[tuple[int, int]]:
    """Return the (height, width) that each step of a decoder must reach, the smallest first."""
    height, width = shape[1:]
    if min(height, width) < 2**poolings:
        wanted = f"{2**poolings}x{2**poolings} or more are wanted"
        raise UserError(f"--data: images of {height}x{width} pixels, {wanted}")
    return [(height >> step, width >> step) for step in reversed(range(poolings))]


def _encoder(channels: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def _up(channels: int, out: int, kernel: int, target: tuple[int, int]) -> nn.ConvTranspose2d:
    """Double a side by a transposed convolution of stride 2, to twice it or one more.

    Kernel 2 lacks the last row of an odd side, which output padding adds. Kernel 3 gives it;
    of an even side it would give one too many, which padding takes off.
    """
    padding, extra = zip(*(_fit(kernel, side) for side in target), strict=True)
    return nn.ConvTranspose2d(channels, out, kernel, 2, padding, extra)


def _fit(kernel: int, side: int) -> tuple[int, int]:
    """Return padding and output padding that make `side` out of half of it, rounded down."""
    if kernel == 2:
        return 0, side % 2
    return (0, 0) if side % 2 else (1, 1)


def _linear_code(shape: Sequence[int], channels: int = 4) -> Autoencoder:
    return linear(shape, transposed(shape, channels).code_size(shape))


def _wide(shape: Sequence[int]) -> Autoencoder:
    count = parameters(linear(shape))
    hidden = width_for(count, lambda width: parameters(transposed(shape, hidden=width)))
    return transposed(shape, hidden=hidden)


def _equal_decoder(shape: Sequence[int]) -> Autoencoder:
    count = parameters(upsampling(shape).decoder)
    return transposed(
        shape,
        decoder=width_for(count, lambda w: parameters(transposed(shape, decoder=w).decoder)),
    )


def _kernel_3(shape: Sequence[int]) -> Autoencoder:
    return transposed(shape, kernel=3)


NETWORKS: dict[str, Callable[..., Autoencoder]] = {
    "linear": linear,
    "linear-code": _linear_code,  # the convolutional network's code size
    "transposed": transposed,
    "transposed-wide": _wide,  # the linear network's parameters, at the same code
    "transposed-decoder": _equal_decoder,  # the parameters of the upsampling decoder
    "transposed-k3": _kernel_3,
    "upsampling": upsampling,
    "denoising": denoising,
    "clean": denoising,  # the same network, trained without noise
}
"""arm -> builder from an image's shape; the lesson's four, and rivals that make them comparable.
Those of `transposed` and `linear-code` also take the `channels` of the convolutional code"""
