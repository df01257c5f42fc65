"""Contact sheets: small pictures with a line of text under each."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports import text  # noqa: F401  # drawn as it is


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], per_row: int = 6
) -> Figure:
    """Draw pictures in rows. pictures: uint8 (3, H, W) each; captions: a few words, or lines."""
    rows = max(1, ceil(len(pictures) / per_row))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    figure, axes = plt.subplots(
        rows, per_row, figsize=(10, rows * (10 / per_row + 0.17 * lines) + 0.1), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture, caption in zip(axes.flat, pictures, captions, strict=False):
        axis.imshow(picture.transpose(1, 2, 0))
        axis.text(0.5, -0.03, caption, transform=axis.transAxes, ha="center", va="top", fontsize=7)
    return figure
