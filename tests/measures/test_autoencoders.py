"""What is measured of a trained autoencoder, on one whose code and pictures are known."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn

from core.data.card import Card
from core.data.images import InMemory, Splits
from core.device import Device
from core.measures.autoencoders import measure
from core.measures.reconstructions import LEVELS, noisy, unit
from core.models.autoencoders import Autoencoder

CPU = Device(torch.device("cpu"), bfloat16=False)
CARD = Card(
    name="invented", source="", fingerprint="", classes=("a", "b"), shape=(1, 6, 6), counts={},
    split="",
)  # fmt: skip


def images(n, seed):
    """Two classes that differ in brightness; the first pixel is always black."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    pixels = random.integers(0, 200, (n, 1, 6, 6)) + 20 * labels[:, None, None, None]
    pixels[:, 0, 0, 0] = 0
    return InMemory(torch.from_numpy(pixels.astype(np.uint8)), labels=torch.from_numpy(labels))


@pytest.fixture
def splits():
    return Splits(images(200, 0), images(40, 1), images(90, 2), CARD)


@pytest.fixture
def identity():
    """Its code is the image, pixel by pixel."""
    return Autoencoder(nn.Sequential(nn.Flatten()), nn.Sequential(nn.Unflatten(1, (1, 6, 6))))


def test_a_network_that_gives_the_image_back(identity, splits):
    record = measure(identity, splits, 0.0, CPU, denoises=False)
    assert record.metrics["test/mse"] == 0
    assert (record.metrics["code/size"], record.metrics["parameters"]) == (36, 0)
    assert record.metrics["code/dead"] == pytest.approx(1 / 36)  # the pixel that is always black
    assert 0.9 < record.metrics["code/active"] <= 35 / 36
    assert "levels" not in record.arrays
    dims, codes = record.arrays["codes"]
    assert dims == ("shown", "unit")
    assert codes == pytest.approx(unit(splits.test)[:8].flatten(1).numpy())
    dims, plane = record.arrays["plane"]
    assert (dims, plane.shape) == (("first", "axis"), (90, 2))
    flat = unit(splits.test).flatten(1).double().numpy()
    spread = np.linalg.svd(flat - flat.mean(0), compute_uv=False)
    assert np.linalg.norm(plane, axis=0) == pytest.approx(spread[:2], rel=1e-5)


def test_the_probe_learns_on_training_images_and_is_scored_on_test_images(identity, splits):
    record = measure(identity, splits, 0.0, CPU, denoises=False)
    train, test = (unit(part).flatten(1).double().numpy() for part in (splits.train, splits.test))
    scale = StandardScaler().fit(train)
    probe = RidgeClassifier(alpha=1.0).fit(scale.transform(train), splits.train.labels.numpy())
    wanted = probe.predict(scale.transform(test)) == splits.test.labels.numpy()
    dims, hits = record.arrays["correct"]
    assert (dims, hits.dtype) == (("image",), np.uint8)
    assert hits.tolist() == wanted.tolist()
    assert record.metrics["test/probe_accuracy"] == pytest.approx(wanted.mean())


def test_a_denoiser_is_given_noise_and_its_codes_are_those_of_clean_images(identity, splits):
    plain = measure(identity, splits, 0.0, CPU, denoises=False)
    record = measure(identity, splits, 0.5, CPU, denoises=True)
    test = unit(splits.test)
    wanted = (noisy(test, 0.5) - test).square().mean((1, 2, 3)).numpy()
    assert record.arrays["mse"][1] == pytest.approx(wanted)
    assert record.metrics["test/noise"] == 0.5
    for name in ("correct", "codes", "plane"):
        assert np.array_equal(record.arrays[name][1], plain.arrays[name][1])
    dims, levels = record.arrays["levels"]
    assert dims == ("level", "first")
    assert levels[LEVELS.index(0.0)] == pytest.approx(100)
    assert levels[LEVELS.index(0.5)] == pytest.approx(-10 * np.log10(wanted), abs=1e-4)


def test_a_dead_code_has_a_plane(splits):
    silent = Autoencoder(
        nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 36), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6))),
    )
    nn.init.constant_(silent.encoder[1].bias, -100.0)
    record = measure(silent, splits, 0.0, CPU, denoises=False)
    assert record.metrics["code/dead"] == 1
    assert not record.arrays["plane"][1].any()
