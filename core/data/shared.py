"""What all trials on one data set share: the names and true labels of the test images."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from core.data.images import Images, Splits
from core.data.subsets import resized
from core.trials import Array, Shared

SHOWN, SIDE = 600, 96
"""test images whose pictures a study keeps, at most, and their side in pixels"""


def shared(
    splits: Splits,
    order: Mapping[str, Sequence[str]],
    coords: Mapping[str, Sequence[str]] | None = None,
    arrays: Mapping[str, Array] | None = None,
) -> Shared:
    """Label the dimensions `image`, `class` and `predicted`; `label` (image) is the true class.

    order: `arm` and factors -> their levels as tables list them. coords, arrays: more of both.
    """
    classes, labels = splits.card.classes, splits.test.labels.cpu().numpy()
    names = splits.test.names
    return Shared(
        {
            "image": names,
            "class": classes,
            "predicted": classes,
            **{name: tuple(values) for name, values in (coords or {}).items()},
        },
        {"label": (("image",), labels), **(arrays or {})},
        {name: tuple(levels) for name, levels in order.items()},
    )


def pictures(images: Images) -> tuple[dict[str, tuple[str, ...]], dict[str, Array]]:
    """Keep small pictures of images, for figures: the first ones of every class, as many of each.

    Returns coords, the names of these images as `shown`, and arrays, `picture` (shown, channel, y,
    x) uint8.
    """
    labels = images.labels.cpu().numpy()
    ranks = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        ranks[labels == label] = np.arange((labels == label).sum())
    chosen = np.flatnonzero(ranks < max(1, SHOWN // len(np.unique(labels))))
    part = images.take(torch.from_numpy(chosen))
    pixels = resized(part, SIDE).pixels.numpy()
    return {"shown": part.names}, {"picture": (("shown", "channel", "y", "x"), pixels)}
