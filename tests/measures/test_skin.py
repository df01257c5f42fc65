"""What is asked of a network that names lesions, of networks made to give themselves away."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.config import DeviceConfig
from core.data import lesions
from core.data.card import Card
from core.data.images import InMemory, Splits
from core.data.lesions import CLASSES
from core.device import pick
from core.evaluation.odds import log_odds
from core.evaluation.roc import auc
from core.measures import skin
from core.measures import skin_probes as probes
from core.models.trunks import trunk, with_head

N = 240
LABELS = torch.from_numpy(np.repeat([0, 1, 2], [60, 140, 40]))
CPU = pick(DeviceConfig(device="cpu"))


@pytest.fixture
def test():
    random = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 255, (N, 3, 16, 16), dtype=torch.uint8, generator=random)
    return InMemory(pixels, labels=LABELS)


@pytest.fixture
def splits(test):
    card = Card(
        name="invented",
        source="made here",
        fingerprint="0",
        classes=CLASSES,
        shape=(3, 16, 16),
        counts={side: [60, 140, 40] for side in ("train", "val", "test")},
        split="none",
    )
    val = replace(test.take(torch.arange(0, N, 2)), names=tuple(f"v{i}" for i in range(N // 2)))
    return Splits(test, val, test, card)


def network(frozen, seed=0):
    whole = with_head(trunk("cnn", "random", (3, 16, 16), seed), (3, 16, 16), 3, seed)
    return skin.Network(whole, CPU, frozen=frozen)


def test_hiding_leaves_what_it_should():
    probe, seen = lesions.draw(30, 7, 24, twice=0), []

    def look(images):
        seen.append(images.pixels.float())
        return torch.zeros(len(images), 3)

    arrays = probes.hidden(look, InMemory(probe.pixels, labels=probe.labels), probe.masks)
    assert arrays["seen"][0] == ("view", "probe", "class")
    assert probes.COORDS["view"] == ("only the lesion", "lesion hidden")
    lesion, rest = seen
    inside, whole = probe.masks[:, None].expand(-1, 3, -1, -1), probe.pixels.float()
    assert (lesion - whole)[inside].abs().max() == 0
    corner = torch.tensor([not image[:1, :1].any() for image in probe.masks])
    assert (rest - whole)[corner, :, 0, 0].abs().max() == 0
    for image, other, mask in zip(rest, lesion, probe.masks, strict=True):
        assert image[:, mask].std(1).max() == 0  # one colour where the lesion was
        assert other[:, ~mask].std(1).max() == 0


def test_an_outline_of_the_whole_image_hides_all(test):
    masks = torch.ones(N, 16, 16, dtype=torch.bool)
    _, (_, hidden) = next(
        iter(probes.hidden(lambda x: x.pixels[:, :, 0, 0].float(), test, masks).items())
    )
    assert np.isfinite(hidden).all()
    assert not hidden[1].any()


def test_turned_and_marked_images_are_the_test_images_changed(test):
    def corners(images):  # the first pixel's colours
        return images.pixels[:, :, 0, 0].float()

    found = probes.shortcuts(corners, test)
    assert found["turned"][0] == ("turn", "image", "class")
    for index, k in enumerate((1, 2, 3)):
        expected = test.pixels.rot90(k, (2, 3))[:, :, 0, 0]
        assert np.array_equal(found["turned"][1][index], expected)
    assert np.array_equal(found["inked"][1], lesions.ink(test.pixels)[:, :, 0, 0])
    assert np.array_equal(found["ruled"][1], lesions.ruler(test.pixels)[:, :, 0, 0])


def test_the_plane_shows_equally_many_of_every_class(test):
    chosen = probes.evenly(LABELS, probes.SHOWN)
    assert torch.bincount(LABELS[chosen]).tolist() == [40, 40, 40]
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert {0, 59, 60, 199, 200, 239} <= set(chosen.tolist())  # spread over each class
    found = probes.plane(lambda images: torch.randn(len(images), 5), test)
    assert found["points"][1].shape == (120, 2)
    dims, near = found["near"]
    assert dims == ("space", "shown", "neighbour")
    assert near.shape == (2, 120, 10)
    few = test.take(torch.tensor([0, 1, 60, 61, 200]))
    assert probes.plane(lambda images: torch.randn(len(images), 5), few) == {}


def test_copies_on_both_sides_help_a_head_that_remembers(test):
    own = torch.randn(N, 300, generator=torch.Generator().manual_seed(0))

    def remember(images):  # features that tell images apart and say nothing of the class
        return own + 0.01 * torch.randn(N, 300, generator=torch.Generator().manual_seed(2))

    dims, scores = probes.leak(remember, test, 0)["leak"]
    assert dims == ("split", "probe")
    areas = [auc(row, LABELS.numpy() == 0).value for row in scores]
    assert areas[0] > 0.95
    assert areas[1] < 0.75
    assert probes.leak(remember, test.take(torch.arange(56, N)), 0) == {}  # 4 melanomas, 5 folds


def test_frozen_trains_the_head_on_features_that_stay(test):
    frozen, whole = network(frozen=True), network(frozen=False)
    assert frozen.trained is frozen.head
    assert whole.trained is whole.whole
    assert whole.inputs(test) is test
    features = frozen.inputs(test)
    assert torch.equal(features.pixels.flatten(1), frozen.embed(test))
    assert torch.allclose(frozen.answer(test), whole.answer(test), atol=1e-5)


def test_seed_0_is_asked_more_and_every_array_fits_its_labels(splits):
    net, probe = network(frozen=False), probes.Probe.of(splits)
    assert probe.images is splits.test
    assert probe.masks is None
    first, second = (skin.measure(net, splits, probe, seed, explained=3) for seed in (0, 1))
    assert "seen" not in first.arrays  # nobody outlined these
    more = set(first.arrays) - set(second.arrays)
    assert {"points", "near", "leak"} <= more
    assert set(second.arrays) <= {
        "val_logits",
        "test_logits",
        "correct",
        "confusion",
        "turned",
        "inked",
        "ruled",
    }
    coords, shared = skin.common(splits, probe, 3)
    sizes = {name: len(labels) for name, labels in coords.items()}
    sizes |= {"image": N, "class": 3, "predicted": 3}
    for dims, values in [*first.arrays.values(), *shared.values()]:
        for dim, size in zip(dims, values.shape, strict=True):
            assert sizes.get(dim, size) == size
    assert coords["shown"] == tuple(splits.test.names[i] for i in probes.evenly(LABELS, 150))
    assert np.array_equal(first.arrays["val_logits"][1], net.answer(splits.val))
    assert len(shared["val_label"][1]) == N // 2
    logits = first.arrays["test_logits"][1]
    assert np.array_equal(logits, net.answer(splits.test))
    for task, index in (("melanoma", 0), ("keratosis", 2)):
        expected = auc(log_odds(logits, index), LABELS.numpy() == index).value
        assert first.metrics[f"test/auc_{task}"] == pytest.approx(expected)
    assert first.arrays["confusion"][1].sum() == N


def test_outlined_photographs_are_shown_without_their_lesions(splits):
    masks = torch.zeros(N, 16, 16, dtype=torch.bool)
    masks[:, 4:8, 4:8] = True
    found = skin.measure(network(frozen=False), splits, probes.Probe.of(splits, masks), 1, 0)
    assert found.arrays["seen"][1].shape == (2, N, 3)


def test_drawn_lesions_are_asked_of_freshly_drawn_ones(splits):
    drawn = replace(splits, card=replace(splits.card, synthetic=True))
    probe = probes.Probe.of(drawn)
    assert len(probe.images) == probes.DRAWN
    assert probe.masks.shape == (probes.DRAWN, 16, 16)
    assert not set(probe.images.names) & set(splits.test.names)


@pytest.mark.skipif(not probes.explain.can_explain(), reason="captum is not installed")
def test_explanations_follow_the_maps_and_keep_a_few(test):
    class Corner(nn.Module):  # melanoma is a bright corner
        def forward(self, x):
            bright = x[:, :, :4, :4].mean((1, 2, 3))
            return torch.stack([20 * (bright - 0.5), 0 * bright, 0 * bright], 1)

    pixels = torch.zeros_like(test.pixels)
    pixels[:, :, :4, :4] = 255
    bright = replace(test, pixels=pixels)
    found = probes.looks(Corner(), bright, 0, 8, CPU)
    assert {name: dims for name, (dims, _) in found.items()} == {
        "agreement": ("explained",),
        "deletion": ("order", "explained", "step"),
        "maps": ("picture", "row", "column"),
    }
    assert found["deletion"][1].shape == (2, 8, 11)
    by_map, random = found["deletion"][1].mean((1, 2))
    assert probes.COORDS["order"] == ("by the map", "at random")
    assert by_map < random
    maps = found["maps"][1]
    assert maps.shape == (probes.PICTURES, 16, 16)
    assert maps[:, :4, :4].min() > 0
    assert maps[:, 4:].max() == 0
    assert probes.looks(Corner(), bright, 0, 0, CPU) == {}
    assert probes.looks(Corner(), bright, 9, 8, CPU) == {}  # none of that class
