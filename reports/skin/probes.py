"""What is asked of a trained network beside the test images: arrays for the study's arithmetic."""

import functools
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import explain
from core.data import lesions
from core.data.images import Images, InMemory
from core.device import Device, derive
from core.evaluation.roc import auc

Answer = Callable[[Images], Tensor]
"""images -> logits (n, classes) or features (n, width), float32 on the CPU"""
Arrays = dict[str, NDArray[np.generic]]

PROBES, PROBE_SEED = 300, 1000  # lesions that no network was trained on
SHOWN = 150  # images on the t-SNE
PICTURES = 6  # explained images that the report shows
HELD_OUT, SPLITS = 0.3, 3


@functools.cache
def _fresh(size: int) -> lesions.Lesions:
    return lesions.draw(PROBES, PROBE_SEED, size, twice=0)


def shortcuts(answer: Answer, test: Images) -> Arrays:
    """Return the logits on test images turned (3, n, classes), inked and beside a ruler."""
    pixels, labels = test.tensor(), test.labels
    turned = [
        answer(InMemory(pixels.rot90(k, (2, 3)).contiguous(), labels=labels)) for k in (1, 2, 3)
    ]
    return {
        "turned": torch.stack(turned).numpy(),
        "inked": answer(InMemory(lesions.ink(pixels), labels=labels)).numpy(),
        "ruled": answer(InMemory(lesions.ruler(pixels), labels=labels)).numpy(),
    }


def hidden(answer: Answer, size: int) -> Arrays:
    """Return the logits on fresh drawn lesions with all but the lesion hidden, and the reverse.

    What hides is the mean colour of the image's skin; the lesion is hidden by its bounding box,
    so that its outline does not show.
    """
    probe = _fresh(size)
    pixels, inside = probe.pixels.float(), probe.masks[:, None]
    skin = (pixels * ~inside).sum((2, 3), keepdim=True) / (~inside).sum((2, 3), keepdim=True)
    rows, columns = probe.masks.any(2)[:, None, :, None], probe.masks.any(1)[:, None, None]
    box = _between(rows, 2) & _between(columns, 3)
    views = {"lesion": torch.where(inside, pixels, skin), "rest": torch.where(box, skin, pixels)}
    found = {
        f"seen_{name}": answer(InMemory(view.round().to(torch.uint8), labels=probe.labels)).numpy()
        for name, view in views.items()
    }
    return {**found, "probe_labels": probe.labels.numpy()}


def _between(flags: Tensor, axis: int) -> Tensor:
    """Fill from the first true to the last along an axis."""
    ahead = flags.int().cummax(axis).values
    behind = flags.int().flip(axis).cummax(axis).values.flip(axis)
    return (ahead * behind).bool()


def leak(embed: Answer, test: Images, positive: int, seed: int, *, drawn: bool) -> Arrays:
    """Return the AUC of a linear head when copies fall on both sides of a split, and when not.

    Every image comes three times (as it is, mirrored, turned), as a course project augmented on
    disk before it split. The features are of images that the trunk was not trained on: fresh
    drawn lesions, or the test images. Returns leak (2,): split at random, split by image, mean of
    three splits each.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    size = test.shape[1]
    fresh = _fresh(size) if drawn else None
    pixels = fresh.pixels if fresh else test.tensor()
    labels = (fresh.labels if fresh else test.labels).numpy() == positive
    views = (pixels, pixels.flip(3), pixels.rot90(1, (2, 3)).contiguous())
    x = torch.cat(
        [embed(InMemory(v, labels=torch.zeros(len(v), dtype=torch.int64))) for v in views]
    )
    features, truth = x.flatten(1).numpy(), np.tile(labels, len(views))
    random, n = np.random.default_rng(derive(seed, PROBE_SEED)), len(labels)
    areas = np.empty((SPLITS, 2))
    for row in areas:
        out = (random.random(len(truth)) < HELD_OUT, np.tile(random.random(n) < HELD_OUT, 3))
        for column, held in enumerate(out):
            head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
            head.fit(features[~held], truth[~held])
            row[column] = auc(head.decision_function(features[held]), truth[held]).value
    return {"leak": areas.mean(0)}


def plane(embed: Answer, test: Images, seed: int) -> Arrays:
    """Return the t-SNE of the features of up to 150 test images, and what it keeps of them.

    The images are spread evenly over the test part, which a folder sorts by class; `shown` has
    their indices.
    """
    chosen = torch.linspace(0, len(test) - 1, min(SHOWN, len(test))).round().long()
    some = test.take(chosen)
    features, labels = embed(some).flatten(1).numpy(), some.labels.numpy()
    points = explain.embed(features, seed)
    return {
        "shown": chosen.numpy(),
        "points": points,
        "hits_plane": explain.neighbour_hits(points, labels).astype(np.uint8),
        "hits_full": explain.neighbour_hits(features, labels).astype(np.uint8),
        "preserved": np.array([explain.preservation(features, points)]),
    }


def looks(model: nn.Module, test: Images, target: int, n: int, device: Device) -> Arrays:
    """Explain the n test images of the target class, or as many as there are.

    Returns agreement (n,) of the maps with those of the randomised network, deletion and
    deletion_random (n, 11), and maps (6, H, W) of the first images; nothing without captum.
    """
    if not explain.can_explain() or not n:
        return {}
    chosen = (test.labels == target).nonzero()[:n, 0].cpu()
    pixels = test.take(chosen).tensor().to(device.torch).float() / 255
    model = model.to(device.torch).eval()
    maps = explain.attribute(model, pixels, target)
    blind = explain.attribute(explain.randomised(model), pixels, target)
    chance = torch.rand(maps.shape, generator=torch.Generator().manual_seed(0))
    return {
        "agreement": explain.agreement(maps, blind),
        "deletion": explain.deletion(model, pixels, maps, target),
        "deletion_random": explain.deletion(model, pixels, chance.to(device.torch), target),
        "maps": maps[:PICTURES].half().cpu().numpy(),
        "explained": chosen[:PICTURES].numpy(),
    }
