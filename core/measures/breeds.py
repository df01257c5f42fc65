"""How well a network tells many classes apart: hits, hits among five, what images are taken for."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.evaluation.metrics import correct, cross_entropy, predict_classes
from core.training.loop import Epoch, stalled
from core.trials import Array, Record

CURVES = ("train/loss", "val/loss", "val/accuracy")


def record(
    logits: Tensor,
    labels: Tensor,
    epochs: Sequence[Epoch],
    index: int,
    parameters: int,
    patience: int = 0,
) -> Record:
    """Score one network on the test images.

    logits: (n, classes) float; labels: (n,) int64; epochs: of its training, where it has the
    place `index` in the grid; parameters: how many were trained; patience: of the training: the
    epochs that a network only watched, because others in its grid went on, do not count.

    Arrays (image): `correct` and `correct5` (the true class is among the five most probable),
    uint8, `prediction` int64, -1 where the network diverged. Curves: `CURVES`.
    """
    labels = labels.cpu()
    if patience:
        ends = (n for n in range(1, len(epochs)) if stalled(epochs[:n], patience).flat[index])
        epochs = epochs[: next(ends, len(epochs))]
    hits = correct(logits, labels)
    among = logits.topk(min(5, logits.shape[-1])).indices == labels[:, None]
    in_five = among.any(-1) & logits.isfinite().all(-1)
    metrics = {
        "test/accuracy": float(hits.float().mean()),
        "test/top5": float(in_five.float().mean()),
        "test/loss": float(cross_entropy(logits, labels)),
        "trained/parameters": float(parameters),
        "trained/epochs": float(len(epochs)),
    }
    arrays: dict[str, Array] = {
        "correct": (("image",), hits.to(torch.uint8).numpy()),
        "correct5": (("image",), in_five.to(torch.uint8).numpy()),
        "prediction": (("image",), predict_classes(logits).numpy()),
    }
    return Record(metrics, arrays, {name: _curve(epochs, name, index) for name in CURVES})


def _curve(epochs: Sequence[Epoch], name: str, index: int) -> list[float]:
    return [float(np.asarray(epoch.metrics[name]).flat[index]) for epoch in epochs]
