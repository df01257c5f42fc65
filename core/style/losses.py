"""What a painted picture is held to: content, style by layer, smoothness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.device import Device
from core.errors import UserError
from core.style.config import PUBLISHED_WEIGHTS, StyleConfig
from core.style.features import Features, choose, gram

FLOOR = 1e-4  # a style that hardly differs from the content must not be magnified without bound


@dataclass(frozen=True)
class Losses:
    """The losses of a batch of pictures, one row a picture."""

    total: Tensor
    """(pictures,)"""
    content: Tensor
    """(pictures,)"""
    style: Tensor
    """(pictures, layers), before their weights"""
    tv: Tensor
    """(pictures,)"""


def settle(config: StyleConfig, network: nn.Module, *, shallow: bool = False) -> StyleConfig:
    """Return the config with all that its mode and the network settle, layers included.

    shallow: as in `features.choose`, and not in the published mode.
    """
    style, content = config.style_layers, config.content_layer
    if not style or not content:
        chosen, deep = choose(network, shallow=shallow and not config.is_published)
        style, content = style or tuple(chosen), content or deep
    return replace(config.resolve(), style_layers=style, content_layer=content)


class TransferLoss:
    """The losses of pictures against their contents and styles; each picture has its own targets.

    published: content = mean (F - P)^2; style of a layer = mean (G - A)^2 / (d h w), G and A
    sums over positions; total = alpha content + beta sum of weight * style. Their scales differ
    between layers by orders of magnitude.

    normalised: content = |F - P|^2 / |P - mean P|^2, 1 if nothing is left of the content; style =
    |G - A|^2 / |G_content - A|^2 with G and A means over positions, 1 for the content picture and
    0 for the style's own statistics; weights are divided by their sum.

    Total variation is the mean squared difference of neighbours, as a multiple of the content's.

    Source: Gatys, Ecker, Bethge 2015, arXiv 1508.06576; published: the course's notebook.
    """

    def __init__(
        self,
        network: nn.Module,
        config: StyleConfig,
        contents: Tensor,
        styles: Sequence[Tensor],
        device: Device,
    ) -> None:
        """Compute the targets once.

        config: as `settle` returns it. contents: (pictures, 3, H, W) float32, standardised as the
        network wants them; styles: (3, h, w) each, one a picture. Raises UserError for unknown
        layers and weights that do not match them.
        """
        self.config, self.device = config, device
        self.style_layers, self.content_layer = config.style_layers, config.content_layer
        self.features = Features(network, [*self.style_layers, self.content_layer])
        self.weights = _weights(config, len(self.style_layers)).to(contents.device)
        with torch.no_grad():
            maps = self._read(contents)
            self.kept = maps[self.content_layer]
            wanted = [self._grams(self._read(style[None])) for style in styles]
            self.grams = [torch.cat(layer) for layer in zip(*wanted, strict=True)]
            self.style_scale = torch.stack(list(map(_scale, self._grams(maps), self.grams)), 1)
            spread = self.kept - self.kept.mean((2, 3), keepdim=True)
            self.content_scale = spread.square().sum((1, 2, 3)).clamp_min(1e-12)
            self.tv_scale = variation(contents).clamp_min(1e-12)

    def __call__(self, pixels: Tensor, rows: slice = slice(None)) -> Losses:
        """Return the losses of pictures (pictures, 3, H, W); rows: which of the batch they are."""
        maps = self._read(pixels)
        change = (maps[self.content_layer] - self.kept[rows]).square()
        gaps = [(g - a[rows]).square() for g, a in zip(self._grams(maps), self.grams, strict=True)]
        if self.config.is_published:
            content = change.mean((1, 2, 3))
            sizes = [maps[name][0].numel() for name in self.style_layers]
            style = torch.stack(
                [gap.mean((1, 2)) / n for gap, n in zip(gaps, sizes, strict=True)], 1
            )
        else:
            content = change.sum((1, 2, 3)) / self.content_scale[rows]
            style = torch.stack([gap.sum((1, 2)) for gap in gaps], 1) / self.style_scale[rows]
        tv = variation(pixels) / self.tv_scale[rows]
        alpha, beta, smooth = (
            getattr(self.config, name) or 0.0 for name in ("alpha", "beta", "tv")
        )
        total = alpha * content + beta * (style @ self.weights) + smooth * tv
        return Losses(total, content, style, tv)

    def _read(self, pixels: Tensor) -> dict[str, Tensor]:
        with self.device.autocast():
            maps = self.features(pixels)
        return {name: values.float() for name, values in maps.items()}

    def _grams(self, maps: dict[str, Tensor]) -> list[Tensor]:
        chosen = [maps[name] for name in self.style_layers]
        if self.config.is_published:
            return [gram(features) for features in chosen]
        return [gram(features) / features[0, 0].numel() for features in chosen]


def variation(pixels: Tensor) -> Tensor:
    """Return the mean squared difference of neighbours, across and down: (b, 3, H, W) -> (b,)."""
    across = pixels.diff(dim=3).square().mean((1, 2, 3))
    return across + pixels.diff(dim=2).square().mean((1, 2, 3))


def _weights(config: StyleConfig, n: int) -> Tensor:
    default = PUBLISHED_WEIGHTS[:n] if config.is_published else (1.0,) * n
    weights = config.style_weights or default
    if len(weights) != n:
        shown = " ".join(map(str, weights))
        raise UserError(f"--style-weights {shown}: {n} weights, one a style layer, are wanted")
    values = torch.tensor(weights, dtype=torch.float32)
    return values if config.is_published else values / values.sum()


def _scale(content: Tensor, style: Tensor) -> Tensor:
    """Return the squared gap between the content's Gram matrices and the style's, (pictures,)."""
    gap = (content - style).square().sum((1, 2))
    return torch.maximum(gap, FLOOR * style.square().sum((1, 2))).clamp_min(1e-12)
