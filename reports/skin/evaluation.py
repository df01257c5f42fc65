"""A trained network of the study, whole or with a frozen trunk, and a trial's result."""

import numpy as np
import torch
from core.results import Result
from torch import Tensor, nn

from core.data.images import Images, InMemory, Splits
from core.device import Device
from core.evaluation.metrics import confusion, correct, cross_entropy
from core.evaluation.roc import auc
from core.models.backbones import Trunk
from core.models.features import features
from core.training.single import predict
from reports.skin import probes
from reports.skin.tasks import POSITIVES, log_odds
from reports.tables import confusion_table


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


def evaluate(network: Network, splits: Splits, seed: int, explained: int) -> Result:
    """Read the test images and ask the probes; return a trial's result."""
    classes, test = splits.card.classes, splits.test
    val_logits, logits = network.answer(splits.val), network.answer(test)
    counts = confusion(logits, test.labels, len(classes)).numpy()
    places = {name: index for index, name in enumerate(classes)}
    areas = {
        f"test/auc_{name}": auc(
            log_odds(logits.numpy(), places[positive]), test.labels == places[positive]
        ).value
        for name, positive in POSITIVES.items()
        if positive in classes
    }
    metrics = {
        **areas,
        "test/accuracy": float(correct(logits, test.labels).float().mean()),
        "test/loss": float(cross_entropy(logits, test.labels)),
    }
    arrays: probes.Arrays = {
        "val_logits": val_logits.numpy(),
        "test_logits": logits.numpy(),
        "correct": correct(logits, test.labels).to(torch.uint8).numpy(),
        "confusion": counts,
        **probes.shortcuts(network.answer, test),
        **probes.plane(network.embed, test, seed),
    }
    if splits.card.synthetic:
        arrays |= probes.hidden(network.answer, test.shape[1])
    if POSITIVES["melanoma"] in classes:
        target = classes.index(POSITIVES["melanoma"])
        arrays |= probes.leak(network.embed, test, target, seed, drawn=splits.card.synthetic)
        arrays |= probes.looks(network.whole, test, target, explained, network.device)
    kept = {name: np.ascontiguousarray(each) for name, each in arrays.items()}
    return Result(metrics, kept, {"confusion": confusion_table(counts, classes)})
