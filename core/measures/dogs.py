"""Dogs detected by ImageNet networks: what each image is taken for, and how quickly."""

import statistics
import time

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from core.data.strata import Strata
from core.detection.dogs import dog_mass, is_dog
from core.device import Device
from core.evaluation.metrics import predict_classes
from core.models.backbones import Backbone
from core.models.features import passing
from core.training.single import predict
from core.trials import Record

SURPRISING, SIDE = 64, 96
"""images a network keeps in small, those that its dog mass fits worst, and their side in pixels"""


def detect(backbone: Backbone, strata: Strata, device: Device) -> Record:
    """Show every image to a network; keep what it takes for a dog, by rule and by probability.

    Arrays: `called` (image) uint8, the course's rule; `mass` (image) float64, the probability of
    all breeds; `top` (image) int64; `surprising` (surprise) int64, the images furthest from the
    truth, and `picture` (surprise, y, x, channel) uint8, these in small.
    """
    from core.data.decode import decode, scale

    images = strata.images(backbone.preparation)
    backbone.to(device.torch).to(memory_format=torch.channels_last)
    logits = predict(backbone, images, device, passing(device))
    mass, called, dogs = dog_mass(logits).numpy(), is_dog(logits).numpy(), strata.of == 0
    worst = np.argsort(-np.abs(mass - dogs), kind="stable")[:SURPRISING]
    small = [scale(decode(strata.items[i].path), (SIDE, SIDE)).transpose(1, 2, 0) for i in worst]
    return Record(
        {
            "test/sensitivity": float(called[dogs].mean()),
            "test/false_alarms": float(called[~dogs].mean()),
            "test/auc": float(roc_auc_score(dogs, mass)),
            "seconds/image": seconds_per_image(backbone, device),
        },
        {
            "called": (("image",), called.astype(np.uint8)),
            "mass": (("image",), mass),
            "top": (("image",), predict_classes(logits).numpy()),
            "surprising": (("surprise",), worst),
            "picture": (("surprise", "y", "x", "channel"), np.stack(small)),
        },
    )


def seconds_per_image(backbone: Backbone, device: Device) -> float:
    """Time the network alone: the median of 5 batches of 4."""
    batch, seconds = torch.rand(4, *backbone.preparation.shape, device=device.torch), []
    with torch.no_grad():
        for _ in range(5):
            start = time.perf_counter()
            with device.autocast():
                backbone(batch).sum().item()  # waits for the device
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) / 4
