"""What a pretrained network tells of a new task before training, and what training made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.images import Images, sequential
from core.evaluation.metrics import correct, cross_entropy
from core.trials import Array, Record


@dataclass(frozen=True)
class Look:
    """What was measured of a task's training images."""

    probes: tuple[float, ...]
    """cross-validated accuracy of a linear probe on each stage's features, the first stage first"""
    distance: float | None
    """of the task's mean deep feature from the source's, in deviations of the source's features"""
    per_class: float
    """training images a class"""


def look(
    stages: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    source: NDArray[np.float32] | None = None,
) -> Look:
    """Measure a task by its features after each stage, (n, width) each.

    source: the deepest features of the images that the network was trained on, if they are at hand.
    """
    distance = None
    if source is not None:
        spread = source.std(0)
        alive = spread > 0.01 * spread.max()  # a unit that the source never moved has no scale
        gaps = (stages[-1].mean(0) - source.mean(0))[alive] / spread[alive]
        distance = float(np.sqrt(np.mean(gaps**2)))
    probes = tuple(_probe(values, labels) for values in stages)
    return Look(probes, distance, len(labels) / len(np.unique(labels)))


@torch.no_grad()
def stage_features(network: nn.Sequential, images: Images) -> list[NDArray[np.float32]]:
    """Return the features after every stage, averaged over 2 x 2 places, from one pass.

    network: a `staged_cnn` on the CPU.
    """
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


def record(
    logits: Tensor, labels: Tensor, task: str, trained: dict[str, float], seen: Look | None
) -> Record:
    """Score one network on the test images of a task; keep what was seen of it before.

    logits: (n, classes) float. labels: (n,) int64. task: which set of test images these are.
    trained: metrics of the training. Arrays: `correct` (image), and of a look `probes` (stage).
    """
    labels = labels.cpu()
    hits = correct(logits, labels)
    metrics = {
        "test/accuracy": float(hits.float().mean()),
        "test/loss": float(cross_entropy(logits, labels)),
        **trained,
    }
    arrays: dict[str, Array] = {"correct": ((f"image@{task}",), hits.to(torch.uint8).numpy())}
    if seen is not None:
        arrays["probes"] = (("stage",), np.array(seen.probes))
        metrics["train/per_class"] = seen.per_class
        metrics |= {"train/distance": seen.distance} if seen.distance is not None else {}
    return Record(metrics, arrays)
