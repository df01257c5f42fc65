"""The networks of the study of skin lesions: what each option trains, and what is kept of it."""

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.sources import load
from core.device import pick
from core.measures import skin
from core.measures.skin_probes import Probe
from core.models.kept import load as load_kept
from core.models.trunks import trunk
from core.trials import Trial
from experiments.skin_lesions import SMOKE, train

CPU = pick(DeviceConfig(device="cpu"))


@pytest.fixture(scope="module")
def splits():
    return load(DataConfig(data="lesions", size=16))


def trained(monkeypatch, splits, arm="pretrained", seed=1, **options):
    """Train a trial; return its record, its network, the network's base, and what was fitted."""
    from core.training.single import fit

    base, seen = trunk("cnn", "random", (3, 16, 16), 7), {}

    def measure(network, *rest):
        seen["network"] = network
        return real(network, *rest)

    def watched(model, images, *rest, **more):
        seen["labels"], seen["augment"] = images.labels, more["augment"]
        return fit(model, images, *rest, **more)

    real = skin.measure
    with monkeypatch.context() as patch:
        patch.setattr("core.measures.skin.measure", measure)
        patch.setattr("core.training.single.fit", watched)
        job = SimpleNamespace(trials=(Trial(arm, seed),), checkpoint=None, epoch=lambda _: None)
        config = replace(SMOKE, explained=0, **options)
        config = replace(config, train=TrainConfig(epochs=1, batch_size=32))
        (record,) = train(config, base, splits, Probe.of(splits), CPU, job)
    return SimpleNamespace(record=record, base=base, **seen)


def test_every_remedy_trains_another_network(monkeypatch, splits):
    found = {
        remedy: trained(monkeypatch, splits, imbalance=remedy)
        for remedy in ("none", "weights", "focal", "sampling")
    }
    for one, other in combinations(found.values(), 2):
        a, b = (each.record.arrays["test_logits"][1] for each in (one, other))
        assert not np.allclose(a, b, atol=1e-3)
    counts = splits.train.labels.bincount()
    assert torch.equal(found["weights"].labels.bincount(), counts)
    sampled = found["sampling"].labels.bincount() / len(splits.train)
    assert sampled.tolist() == pytest.approx([1 / 3] * 3, abs=0.07)
    assert counts.max() / counts.sum() > 0.5


def test_frozen_leaves_the_trunk_as_it_was_and_only_where_it_should(monkeypatch, splits):
    def changed(found):
        pairs = zip(found.base.parameters(), found.network.trunk.parameters(), strict=True)
        return any(not torch.equal(a, b.cpu()) for a, b in pairs)

    frozen, free = (trained(monkeypatch, splits, frozen=each) for each in (True, False))
    assert not changed(frozen)
    assert frozen.augment is None
    assert changed(free)
    assert free.augment is not None
    assert trained(monkeypatch, splits, arm="random", frozen=True).network.frozen is False


def test_a_kept_network_is_the_one_that_was_measured(monkeypatch, splits, tmp_path):
    assert trained(monkeypatch, splits, keep_networks=True, seed=1).record.files == {}
    record = trained(monkeypatch, splits, keep_networks=True, seed=0).record
    (tmp_path / "own.safetensors").write_bytes(record.files["kept/network.safetensors"])
    found = load_kept(tmp_path / "own.safetensors")
    images = [Image.fromarray(each.permute(1, 2, 0).numpy()) for each in splits.test.tensor()]
    expected = torch.from_numpy(record.arrays["test_logits"][1]).softmax(-1)
    assert torch.allclose(found.probabilities(images), expected, atol=1e-5)
    assert found.classes == splits.card.classes
