"""Look at a new task before training, and recommend a strategy of transfer.

Size is the number of training images a class. Similarity is read off a curve of linear probes:
if the deep features of the pretrained network serve the new task at least as well as its first
stage's, by cross-validation on the training images, the task is like the one it was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.images import Images, sequential
from core.models.regimes import COURSE

LARGE = 50
"""training images a class from which a set counts as large"""


@dataclass(frozen=True)
class Advice:
    """What was measured of a task, and what follows from it."""

    probes: tuple[float, ...]
    """cross-validated accuracy of a linear probe on each stage's features, the first stage first"""
    distance: float
    """of the task's mean deep feature from the source's, in deviations of the source's features"""
    per_class: float
    """training images a class"""

    @property
    def size(self) -> str:
        """Return small or large."""
        return "large" if self.per_class >= LARGE else "small"

    @property
    def similarity(self) -> str:
        """Return similar or different."""
        return "similar" if self.probes[-1] >= self.probes[0] else "different"

    @property
    def strategy(self) -> str:
        """Return what the course's table recommends for a task like this."""
        return COURSE[self.size, self.similarity]


def advise(network: nn.Sequential, source: Images, task: Images) -> Advice:
    """Measure a task by a pretrained `staged_cnn`. source, task: training images of old and new."""
    old, new = (stage_features(network, images) for images in (source, task))
    return measure(new, task.labels.numpy(), old[-1])


def measure(
    stages: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    source: NDArray[np.float32] | None,
) -> Advice:
    """Measure a task by its features after each stage, (n, width) each.

    source: the deepest features of the images that the network was trained on, None if they are
    not at hand; then the distance is NaN.
    """
    distance = float("nan")
    if source is not None:
        spread = source.std(0)
        alive = spread > 0.01 * spread.max()  # a unit that the source never moved has no scale
        gaps = (stages[-1].mean(0) - source.mean(0))[alive] / spread[alive]
        distance = float(np.sqrt(np.mean(gaps**2)))
    probes = tuple(_probe(values, labels) for values in stages)
    return Advice(probes, distance, len(labels) / len(np.unique(labels)))


@torch.no_grad()
def stage_features(network: nn.Sequential, images: Images) -> list[NDArray[np.float32]]:
    """Return the features after every stage, averaged over 2 x 2 places, from one pass."""
    parts: list[list[Tensor]] = []
    stages: Sequence[nn.Module] = [m for name, m in network.named_children() if name != "head"]
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    for x, _ in images.stream(sequential(len(images), 250), torch.device("cpu")):
        rows = []
        for stage in stages:
            x = stage(x)
            rows.append(pool(x))
        parts.append(rows)
    return [torch.cat(column).numpy() for column in zip(*parts, strict=True)]


def _probe(values: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Cross-validate a linear classifier on standardised features."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=10.0))
    return float(cross_val_score(model, values, labels, cv=folds).mean())
