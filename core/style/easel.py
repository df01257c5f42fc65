"""Pictures set up for painting: standardised, held to their targets, shown, measured."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from core.device import Device
from core.evaluation.texture import artefacts, autocorrelation_length
from core.models.backbones import Backbone
from core.style import pictures
from core.style.config import StyleConfig
from core.style.losses import TransferLoss
from core.style.paint import Step, paint
from core.style.pictures import Pair, Standard
from core.trials import Record

PICTURE, STEPS = "picture.png", "steps.gif"
"""files that a trial keeps"""


class Easel:
    """A batch of pairs whose contents have one shape."""

    def __init__(
        self, backbone: Backbone, config: StyleConfig, pairs: Sequence[Pair], device: Device
    ) -> None:
        """Compute the targets. config: as `settle` returns it."""
        self.network, self.device = backbone.network.to(device.torch), device
        self.config, self.pairs = config, pairs
        prepared = backbone.preparation
        standard = self.standard = Standard(prepared.mean, prepared.std, device.torch)
        targets = [(pair.pixels, pair.style_pixels) for pair in pairs]
        if config.colour == "content":
            targets = [pictures.luminance_only(*target) for target in targets]
        self.contents = standard.apply(torch.stack([content for content, _ in targets]))
        self.styles = [standard.apply(style) for _, style in targets]
        self.objective = TransferLoss(self.network, config, self.contents, self.styles, device)

    def paint(self, checkpoint: Path | None = None) -> Iterator[Step]:
        """Paint from the contents on, see `paint.paint`."""
        return paint(self.objective, self.contents, self.standard.limits, checkpoint)

    def show(self, painted: Tensor) -> list[NDArray[np.uint8]]:
        """Return a step's pictures as uint8 (H, W, 3), in the colours asked for."""
        pixels = self.standard.undo(painted)
        if self.config.colour == "content":
            pixels = torch.stack(
                [
                    pictures.recolour(picture, pair.pixels)
                    for picture, pair in zip(pixels, self.pairs, strict=True)
                ]
            )
        return [pictures.to_bytes(picture) for picture in pixels]

    @torch.no_grad()
    def measure(self, painted: Tensor) -> list[dict[str, float]]:
        """Measure a step's pictures in units that all modes and weights share.

        shares/content is the share of the content lost, shares/style that of the gap to the style
        left, mean over its layers: the losses of the normalised mode. artefact/length is in
        pixels, artefact/length_smooth the same without the noise from pixel to pixel; NaN where
        nothing was painted.
        """
        plain = replace(self.config, mode="normalised", style_weights=())
        alike = TransferLoss(self.network, plain, self.contents, self.styles, self.device)
        losses = alike(painted.to(self.device.torch))
        measured = []
        for index, pair in enumerate(zip(self.contents, painted, strict=True)):
            content, picture = (
                self.standard.undo(pixels).clamp(0, 1).permute(1, 2, 0).double().numpy()
                for pixels in pair
            )
            painted_over = artefacts(picture, content)
            smooth = gaussian_filter(painted_over, (1, 1, 0))
            measured.append(
                {
                    "shares/content": float(losses.content[index]),
                    "shares/style": float(losses.style[index].mean()),
                    "artefact/length": autocorrelation_length(painted_over),
                    "artefact/length_smooth": autocorrelation_length(smooth),
                }
            )
        return measured

    def records(self, steps: Sequence[Step]) -> list[Record]:
        """Return what is kept of each picture from all its steps.

        Metrics: final/total, final/content, ... and those of `measure`. Array `picture`
        (row, column, channel), small; files: the picture, and how it came about.
        """
        painted = [step.pictures for step in steps if step.pictures is not None]
        frames = [self.show(step) for step in painted]
        records = []
        for index, measured in enumerate(self.measure(painted[-1])):
            final = {f"final/{k}": float(v[index]) for k, v in steps[-1].losses.items()}
            seen = [frame[index] for frame in frames]
            small = pictures.thumbnail(Image.fromarray(seen[-1]))
            records.append(
                Record(
                    {**final, **measured},
                    {"picture": (("row", "column", "channel"), small)},
                    files={PICTURE: pictures.png(seen[-1]), STEPS: pictures.animation(seen)},
                )
            )
        return records
