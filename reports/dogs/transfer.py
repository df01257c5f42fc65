"""What a trial of the breeds study gives, and what the study says on the claims T1, T4, D5, D6."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from core.results import Result
from torch import Tensor

from core.data.card import Card
from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate, mean
from core.evaluation.metrics import correct, cross_entropy, predict_classes
from core.evaluation.verdicts import equivalent, superior
from core.models.config import RANDOM
from core.training.loop import Epoch, stalled
from reports import tables
from reports.dogs import SCRATCH, drifting
from reports.tables import Results
from reports.verdicts import Finding, claims

CURVES = ("train/loss", "val/loss", "val/accuracy")
PUBLISHED = {"D5": (104 / 836, 133), "D6": (623 / 836, 133), "T4": (403 / 540, 5)}
"""share of test images named right, and how many classes there were"""


def measure(
    logits: Tensor,
    labels: Tensor,
    epochs: Sequence[Epoch],
    index: int,
    parameters: int,
    patience: int = 0,
) -> Result:
    """Score one network on the test images.

    logits: (n, classes) float; labels: (n,) int64; epochs: of its training, where it has the
    place `index` in the grid; parameters: how many were trained; patience: of the training: the
    epochs that a network only watched, because others in its grid went on, do not count.
    """
    labels = labels.cpu()
    if patience:
        ends = (n for n in range(1, len(epochs)) if stalled(epochs[:n], patience).flat[index])
        epochs = epochs[: next(ends, len(epochs))]
    hits = correct(logits, labels)
    among = logits.topk(min(5, logits.shape[-1])).indices == labels[:, None]
    in_five = among.any(-1) & logits.isfinite().all(-1)
    curves = [[float(epoch.metrics[name].flat[index]) for name in CURVES] for epoch in epochs]
    metrics = {
        "test/accuracy": float(hits.float().mean()),
        "test/top5": float(in_five.float().mean()),
        "test/loss": float(cross_entropy(logits, labels)),
        "trained/parameters": float(parameters),
        "trained/epochs": float(len(epochs)),
    }
    arrays = {
        "correct": hits.to(torch.uint8).numpy(),
        "correct5": in_five.to(torch.uint8).numpy(),
        "predicted": predict_classes(logits).numpy(),
        "curves": np.array(curves),
    }
    return Result(metrics, arrays)


def findings(results: Results, card: Card, weights: Mapping[str, str]) -> dict[str, Finding]:
    """Test the claims. weights: backbone -> source; a network with random weights decides none."""
    hits = tables.scores(results, "correct")
    learnt = [name for name in hits if weights.get(name, RANDOM) != RANDOM]
    return {
        "T1": _pretrained(hits, learnt),
        "D5": _reaches("D5", hits, SCRATCH, card, ""),
        "D6": _resnet(hits, learnt, card),
        "T4": _reaches("T4", hits, "vgg16", card, "")
        if "vgg16" in learnt
        else _no_weights("VGG16", hits, learnt),
    }


def _pretrained(hits: Mapping[str, np.ndarray], learnt: Sequence[str]) -> Finding:
    if not learnt or SCRATCH not in hits:
        return Finding(
            decision=None,
            lacking="It takes the scratch CNN and a network with pretrained weights; "
            "without a network name a file, `--backbones NAME --weights FILE`.",
        )
    # The course's ResNet-18, or else the first that was named: not the best of several.
    arm = "resnet18" if "resnet18" in learnt else learnt[0]
    gap = paired(hits[arm], hits[SCRATCH])
    others = [name for name in learnt if name != arm]
    shown = "; ".join(f"{name} {_percent(mean(hits[name]))}" for name in (arm, *others, SCRATCH))
    return Finding(
        decision=superior(gap, claims()["T1"].margin),
        names=(f"{arm}, frozen - {SCRATCH}",),
        comment=f"{shown}. The pretrained network may have seen these breeds: see the warning.",
    )


def _resnet(hits: Mapping[str, np.ndarray], learnt: Sequence[str], card: Card) -> Finding:
    if "resnet18" not in learnt:
        return _no_weights("ResNet-18", hits, learnt)
    note = ""
    if (arm := drifting("resnet18")) in hits:
        drift = paired(hits[arm], hits["resnet18"])
        note = (
            f" Batch norm left to drift, as in the course: {100 * drift.value:+.1f} points "
            f"({100 * drift.low:+.1f} to {100 * drift.high:+.1f})."
        )
    return _reaches("D6", hits, "resnet18", card, note)


def _no_weights(name: str, hits: Mapping[str, np.ndarray], learnt: Sequence[str]) -> Finding:
    shown = "; ".join(f"{arm} frozen: {_percent(mean(hits[arm]))}" for arm in learnt)
    return Finding(
        decision=None,
        lacking=f"{name}'s ImageNet weights were not available here; with a network "
        "torchvision downloads them.",
        comment=f"On this data, {shown}." if shown else "",
    )


def _reaches(
    claim: str, hits: Mapping[str, np.ndarray], arm: str, card: Card, note: str
) -> Finding:
    """Hold an accuracy against the published one, on the published number of classes only."""
    if arm not in hits:
        return Finding(decision=None, lacking="The scratch CNN was left out.")
    own, chance = mean(hits[arm]), card.baseline
    published, n_classes = PUBLISHED[claim]
    comment = f"Here {_percent(own)}, where chance is {chance:.1%}.{note}"
    if len(card.classes) != n_classes:
        return Finding(
            decision=None,
            comment=comment,
            lacking=f"The number is one of {n_classes} classes, and this set has "
            f"{len(card.classes)}; run `{claims()[claim].command}` on the course's images.",
        )
    return Finding(
        decision=equivalent(own, claims()[claim].margin, target=published),
        names=(arm,),
        unit="percent",
        comment=comment,
    )


def _percent(estimate: Estimate) -> str:
    n = f"{estimate.n_seeds} seeds, {estimate.n_images:,} images"
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%}; {n})"


def summary(results: Results, weights: Mapping[str, str], card: Card) -> dict[str, object]:
    """Return what else the page prints."""
    diverged = [t.key for t, r in results.items() if not np.isfinite(r.metrics["test/loss"])]
    return {
        "question": "Which breed? A CNN from scratch, or a new head on a frozen network?",
        "trials": {"complete": len(results), "diverged": diverged},
        "baseline": card.baseline,
        "weights": dict(weights),
    }
