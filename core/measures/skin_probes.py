"""Probes of a network that names lesions: images turned, marked, hidden, copied, explained.

Each returns arrays by name, with the names of their dimensions: `image` are the test images,
`probe` images that no network was trained on (`Probe`), `shown` those on the t-SNE, `explained` and
`picture` those that are explained, of which the latter are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from core import explain
from core.data import lesions
from core.data.images import Images, InMemory, Splits, numbered
from core.device import Device
from core.trials import Array

Answer = Callable[[Images], Tensor]
"""images -> logits (n, classes) or features (n, width), float32 on the CPU"""

COORDS = {
    "turn": ("90", "180", "270"),
    "view": ("only the lesion", "lesion hidden"),
    "split": ("at random", "by image"),
    "space": ("plane", "full"),
    "order": ("by the map", "at random"),
}
"""dimension -> its labels, in the order of the arrays below"""
DRAWN, DRAWN_SEED = 300, 1000  # lesions of a probe, which no network was trained on
SHOWN = 150
PICTURES = 6
FOLDS = 5


@dataclass(frozen=True)
class Probe:
    """Images that no network was trained on: freshly drawn lesions, or the test images."""

    images: Images
    masks: Tensor | None
    """bool (n, H, W), true on the lesion; None where nobody outlined it"""

    @classmethod
    def of(cls, splits: Splits, masks: Tensor | None = None) -> "Probe":
        """Draw lesions for a study of drawn ones. masks: (n, H, W) of other test images."""
        if not splits.card.synthetic:
            return cls(splits.test, masks)
        drawn = lesions.draw(DRAWN, DRAWN_SEED, splits.test.shape[1], twice=0)
        images = InMemory(drawn.pixels, labels=drawn.labels, names=numbered("drawn", DRAWN))
        return cls(images, drawn.masks)


def shortcuts(answer: Answer, test: Images) -> dict[str, Array]:
    """Return the logits on test images that are turned, marked with ink, beside a ruler."""
    pixels, labels = test.tensor(), test.labels

    def changed(images: Tensor) -> NDArray[np.float32]:
        return answer(InMemory(images.contiguous(), labels=labels)).numpy()

    dims = ("image", "class")
    turned = np.stack([changed(pixels.rot90(k, (2, 3))) for k in (1, 2, 3)])
    return {
        "turned": (("turn", *dims), turned),
        "inked": (dims, changed(lesions.ink(pixels))),
        "ruled": (dims, changed(lesions.ruler(pixels))),
    }


def hidden(answer: Answer, images: Images, masks: Tensor) -> dict[str, Array]:
    """Return the logits with all but the lesion hidden, and with the lesion hidden.

    What hides is the mean colour of the image's skin; the lesion is hidden by its bounding box,
    so that its outline does not show.
    """
    pixels, inside = images.tensor().float(), masks[:, None]
    around = (~inside).sum((2, 3), keepdim=True).clamp(min=1)
    skin = (pixels * ~inside).sum((2, 3), keepdim=True) / around
    rows, columns = masks.any(2)[:, None, :, None], masks.any(1)[:, None, None]
    box = _between(rows, 2) & _between(columns, 3)
    views = (torch.where(inside, pixels, skin), torch.where(box, skin, pixels))
    seen = [answer(InMemory(v.round().to(torch.uint8), labels=images.labels)) for v in views]
    return {"seen": (("view", "probe", "class"), torch.stack(seen).numpy())}


def _between(flags: Tensor, axis: int) -> Tensor:
    """Fill from the first true to the last along an axis."""
    ahead = flags.int().cummax(axis).values
    behind = flags.int().flip(axis).cummax(axis).values.flip(axis)
    return (ahead * behind).bool()


def leak(embed: Answer, images: Images, positive: int) -> dict[str, Array]:
    """Return what a linear head says of each image that it did not see, but perhaps a copy of.

    Every image comes three times (as it is, mirrored, turned), as a course project augmented on
    disk before it split. Five folds are drawn from all copies at random, or by image; the scores
    are those of the images as they are. Nothing where a class has fewer images than folds.
    """
    pixels, labels = images.tensor(), images.labels.cpu().numpy() == positive
    if min(labels.sum(), (~labels).sum()) < FOLDS:
        return {}
    copies = (pixels, pixels.flip(3), pixels.rot90(1, (2, 3)).contiguous())
    x = torch.cat([embed(InMemory(c, labels=images.labels)).flatten(1) for c in copies]).numpy()
    truth, image = np.tile(labels, len(copies)), np.tile(np.arange(len(labels)), len(copies))
    by_chance = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, truth)
    by_image = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(x, truth, image)
    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    scores = [
        cross_val_predict(head, x, truth, cv=list(folds), method="decision_function")
        for folds in (by_chance, by_image)
    ]
    return {"leak": (("split", "probe"), np.stack(scores)[:, : len(labels)])}


def evenly(labels: Tensor, at_most: int) -> Tensor:
    """Choose equally many images of every class, spread evenly over them; indices, ascending."""
    groups = [(labels == label).nonzero()[:, 0].cpu() for label in labels.unique()]
    n = min(at_most // len(groups), *map(len, groups))
    spread = [g[torch.linspace(0, len(g) - 1, n).round().long()] for g in groups]
    return torch.cat(spread).sort().values


def plane(embed: Answer, test: Images) -> dict[str, Array]:
    """Return the t-SNE of the features of test images, and the nearest others of each.

    Equally many images of every class. Nothing where there are no more images than neighbours.
    """
    chosen = test.take(evenly(test.labels, SHOWN))
    if len(chosen) <= explain.NEIGHBOURS:
        return {}
    features = embed(chosen).flatten(1).numpy()
    points = explain.embed(features, 0)
    near = np.stack([explain.neighbours(space) for space in (points, features)])
    return {
        "points": (("shown", "axis"), points),
        "near": (("space", "shown", "neighbour"), near.astype(np.int32)),
    }


def some(labels: Tensor, target: int, at_most: int) -> Tensor:
    """Return the indices of the first images of a class."""
    return (labels == target).nonzero()[:at_most, 0].cpu()


def looks(
    model: nn.Module, test: Images, target: int, at_most: int, device: Device
) -> dict[str, Array]:
    """Explain the first test images of the target class; nothing without captum.

    Keeps how far the maps agree with those of the network with random weights, the probability of
    the class as pixels go, and the maps of the first images.
    """
    if not explain.can_explain() or not at_most:
        return {}
    chosen = test.take(some(test.labels, target, at_most))
    if not len(chosen):
        return {}
    pixels = chosen.tensor().to(device.torch).float() / 255
    model = model.to(device.torch).eval()
    maps = explain.attribute(model, pixels, target)
    blind = explain.attribute(explain.randomised(model), pixels, target)
    chance = torch.rand(maps.shape, generator=torch.Generator().manual_seed(0)).to(device.torch)
    gone = [explain.deletion(model, pixels, order, target) for order in (maps, chance)]
    return {
        "agreement": (("explained",), explain.agreement(maps, blind)),
        "deletion": (("order", "explained", "step"), np.stack(gone)),
        "maps": (("picture", "row", "column"), maps[:PICTURES].half().cpu().numpy()),
    }
