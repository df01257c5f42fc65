"""What is kept of dogs detected is what the network says of every image."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.data import strata
from core.detection.dogs import dog_mass, is_dog
from core.device import Device
from core.measures.dogs import detect
from core.models import backbones
from core.models.config import RANDOM

CPU = Device(torch.device("cpu"), bfloat16=False)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Show 5 dogs and 70 things to a network; returns images, logits and the record."""
    root = tmp_path_factory.mktemp("kinds")
    random = np.random.default_rng(0)
    for name, count in (("dog", 5), ("thing", 70)):
        (root / name).mkdir()
        for number in range(count):
            noise = random.integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(noise).resize((50, 40)).save(root / name / f"{number:02}.png")
    kinds = {"dogs": (root / "dog",), "others": (root / "thing",)}
    images = strata.read(kinds, root, 100, 0, "two kinds")
    backbone = backbones.load("squeezenet1_1", RANDOM)
    record = detect(backbone, images, CPU)
    with torch.no_grad():
        logits = backbone(images.images(backbone.preparation).tensor().float() / 255)
    return images, logits, record


def test_calls_mass_and_classes_are_the_logits(seen):
    images, logits, record = seen
    called, mass, top = (record.arrays[name][1] for name in ("called", "mass", "top"))
    assert {name: dims for name, (dims, _) in record.arrays.items()} == {
        **dict.fromkeys(("called", "mass", "top"), ("image",)),
        "surprising": ("surprise",),
        "picture": ("surprise", "y", "x", "channel"),
    }
    assert called.tolist() == is_dog(logits).int().tolist()
    assert np.allclose(mass, dog_mass(logits), atol=1e-6)
    assert top.tolist() == logits.argmax(1).tolist()
    dogs = images.of == 0
    assert record.metrics["test/sensitivity"] == called[dogs].mean()
    assert record.metrics["test/false_alarms"] == called[~dogs].mean()
    pairs = mass[dogs][:, None] - mass[~dogs][None]  # the area, pair by pair
    assert record.metrics["test/auc"] == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert record.metrics["seconds/image"] > 0  # `seconds` alone is the trial's own


def test_the_pictures_kept_are_those_furthest_from_the_truth(seen):
    images, _, record = seen
    worst, mass = record.arrays["surprising"][1], record.arrays["mass"][1]
    gaps = np.abs(mass - (images.of == 0))
    assert len(worst) == 64  # of 75
    assert (np.diff(gaps[worst]) <= 0).all()
    assert gaps[worst].min() >= np.delete(gaps, worst).max()
    small = record.arrays["picture"][1]
    assert small.shape == (64, 96, 96, 3)
    with Image.open(images.items[worst[0]].path) as image:
        crop = image.crop((5, 0, 45, 40)).resize((96, 96), Image.Resampling.BICUBIC)
    assert np.abs(small[0].astype(int) - np.asarray(crop)).mean() < 1  # but for its edges
