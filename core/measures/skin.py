"""What is kept of a network that names skin lesions: what it says of the test images, and probes.

Dimensions: `image` and `val_image` are the test and the validation images; see `skin_probes`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from core.data.images import Images, InMemory, Splits
from core.device import Device
from core.evaluation.metrics import confusion, correct, cross_entropy
from core.evaluation.odds import POSITIVES, log_odds
from core.explain import can_explain
from core.measures import skin_probes as probes
from core.models.backbones import Trunk
from core.models.features import features
from core.training.single import predict
from core.trials import Array, Record

TARGET = POSITIVES["melanoma"]


class Network:
    """A trunk and a head, trained together, or the head alone on the features of the trunk."""

    def __init__(self, whole: nn.Sequential, device: Device, *, frozen: bool) -> None:
        """Take (trunk, head); a frozen trunk is put into evaluation mode for good."""
        self.whole, self.device, self.frozen = whole, device, frozen
        self.trunk, self.head = whole[0], whole[1]
        if frozen and isinstance(self.trunk, Trunk):
            self.trunk.freeze()
        self.trained = self.head if frozen else self.whole

    def inputs(self, images: Images) -> Images:
        """Return what the trained part takes: features if the trunk is frozen, else the images."""
        if not self.frozen:
            return images
        return InMemory(self.embed(images)[:, :, None, None], labels=images.labels)

    def embed(self, images: Images) -> Tensor:
        """Return the trunk's features, (n, width) float32 on the CPU; kept on disk if frozen."""
        if self.frozen and isinstance(self.trunk, Trunk):
            return features(self.trunk, images, self.device).pixels.flatten(1)
        return predict(self.trunk, images, self.device)

    def answer(self, images: Images) -> Tensor:
        """Return logits (n, classes) float32 on the CPU."""
        return predict(self.trained, self.inputs(images), self.device)


def measure(
    network: Network, splits: Splits, probe: probes.Probe, seed: int, explained: int
) -> Record:
    """Read the test images and ask the probes.

    What takes long is asked of seed 0 alone: `plane`, `leak` and, of as many melanomas as
    `explained` says, `looks`.
    """
    classes, test = splits.card.classes, splits.test
    val_logits, logits = network.answer(splits.val), network.answer(test)
    metrics = {
        **areas(logits.numpy(), test.labels.numpy(), classes),
        "test/accuracy": float(correct(logits, test.labels).float().mean()),
        "test/loss": float(cross_entropy(logits, test.labels)),
    }
    arrays: dict[str, Array] = {
        "val_logits": (("val_image", "class"), val_logits.numpy()),
        "test_logits": (("image", "class"), logits.numpy()),
        "correct": (("image",), correct(logits, test.labels).to(torch.uint8).numpy()),
        "confusion": (
            ("class", "predicted"),
            confusion(logits, test.labels, len(classes)).numpy(),
        ),
        **probes.shortcuts(network.answer, test),
    }
    if probe.masks is not None:
        arrays |= probes.hidden(network.answer, probe.images, probe.masks)
    if seed == 0:
        arrays |= probes.plane(network.embed, test)
        if TARGET in classes:
            target = classes.index(TARGET)
            arrays |= probes.leak(network.embed, probe.images, target)
            arrays |= probes.looks(network.whole, test, target, explained, network.device)
    whole = {name: (dims, np.ascontiguousarray(array)) for name, (dims, array) in arrays.items()}
    return Record(metrics, whole)


def common(
    splits: Splits, probe: probes.Probe, explained: int
) -> tuple[dict[str, tuple[str, ...]], dict[str, Array]]:
    """Return what the trials of a study share: labels of dimensions, true labels, pictures."""
    test, coords = splits.test, dict(probes.COORDS)
    coords |= {"val_image": splits.val.names, "probe": probe.images.names}
    coords["shown"] = test.take(probes.evenly(test.labels, probes.SHOWN)).names
    arrays: dict[str, Array] = {
        "val_label": (("val_image",), splits.val.labels.cpu().numpy()),
        "probe_label": (("probe",), probe.images.labels.cpu().numpy()),
    }
    if TARGET in splits.card.classes and explained and can_explain():
        first = probes.some(test.labels, splits.card.classes.index(TARGET), explained)
        shown = test.take(first[: probes.PICTURES])
        pictures = np.ascontiguousarray(shown.tensor().permute(0, 2, 3, 1).numpy())
        coords |= {"explained": test.take(first).names, "picture": shown.names}
        arrays["pictures"] = (("picture", "row", "column", "channel"), pictures)
    return coords, arrays


def areas(
    logits: NDArray[np.float32], labels: NDArray[np.int64], classes: tuple[str, ...]
) -> dict[str, float]:
    """Return the area under the ROC curve of each task whose images are of both kinds."""
    aucs = {}
    for task, positive in POSITIVES.items():
        index = classes.index(positive) if positive in classes else -1
        if len(np.unique(labels == index)) == 2:
            aucs[f"test/auc_{task}"] = float(
                roc_auc_score(labels == index, log_odds(logits, index))
            )
    return aucs
