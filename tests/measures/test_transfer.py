"""What is seen of a task before training, and how a network is scored, on data of known kinds."""

import numpy as np
import pytest
import torch

from core.data.images import InMemory
from core.measures.transfer import Look, look, record, stage_features
from core.models.networks import staged_cnn

SHAPE = (1, 16, 16)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return staged_cnn(SHAPE, 5)


def images(n=40, seed=0):
    pixels = torch.randint(0, 256, (n, *SHAPE), generator=torch.Generator().manual_seed(seed))
    return InMemory(pixels.to(torch.uint8), labels=torch.arange(n) % 2)


def test_stage_features_are_the_pooled_outputs(network):
    part = images(6)
    found = stage_features(network, part)
    assert [row.shape for row in found] == [(6, 32), (6, 64), (6, 128)]
    x = network.stage2(network.stage1(part.pixels.float() / 255))
    expected = torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1).detach()
    assert np.allclose(found[1], expected, atol=1e-6)


def test_the_sources_own_images_are_near_and_dark_ones_are_far(network):
    def seen(part):
        source = stage_features(network, images(200))[-1]
        return look(stage_features(network, part), part.labels.numpy(), source)

    near = seen(images(60, seed=1))
    dark = InMemory(images(60, seed=2).pixels // 8, labels=torch.arange(60) % 2)
    assert near.distance < 0.4 < 1 < seen(dark).distance
    assert near.per_class == 30


def test_a_probe_reads_what_is_there_and_no_more():
    random = np.random.default_rng(0)
    labels = np.arange(100) % 2
    noise = random.normal(size=(100, 5)).astype(np.float32)
    plain = noise + 6 * labels[:, None].astype(np.float32)
    found = look([noise, plain], labels)
    assert found.probes[0] < 0.7 < 0.99 < found.probes[1]
    assert found.distance is None  # without a source


def test_a_record_is_a_plain_count():
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    found = record(logits, torch.tensor([0, 1, 1]), "similar", {"trained/lr": 0.1}, None)
    dims, hits = found.arrays["correct"]
    assert (dims, hits.tolist()) == (("image@similar",), [1, 0, 1])
    assert found.metrics["test/accuracy"] == pytest.approx(2 / 3)
    assert found.metrics["trained/lr"] == 0.1
    assert "probes" not in found.arrays
    seen = record(logits, torch.tensor([0, 1, 1]), "far", {}, Look((0.5, 0.75), None, 10.0))
    assert seen.arrays["probes"][0] == ("stage",)
    assert seen.arrays["probes"][1].tolist() == [0.5, 0.75]
    assert seen.metrics["train/per_class"] == 10
    assert "train/distance" not in seen.metrics


def test_a_network_that_diverged_is_right_nowhere():
    found = record(torch.full((3, 2), torch.nan), torch.zeros(3, dtype=torch.int64), "x", {}, None)
    assert found.metrics["test/accuracy"] == 0
    assert np.isnan(found.metrics["test/loss"])
