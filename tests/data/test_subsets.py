"""Subsets keep images with their labels; the embedded tasks share no image and no class."""

import pytest
import torch

from core.data.images import InMemory
from core.data.subsets import few, only, resized
from core.data.tasks import tasks


@pytest.fixture
def images():
    pixels = torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1).expand(-1, 1, 4, 4)
    return InMemory(pixels, labels=torch.arange(60) % 6)


def test_only_some_classes_in_the_order_given(images):
    part = only(images, (4, 1))
    assert sorted(part.pixels[:, 0, 0, 0].tolist()) == [i for i in range(60) if i % 6 in (1, 4)]
    for value, label in zip(part.pixels[:, 0, 0, 0].tolist(), part.labels.tolist(), strict=True):
        assert (4, 1)[label] == value % 6


def test_few_of_every_class_follow_the_seed(images):
    part = few(images, 3, seed=1)
    assert torch.bincount(part.labels).tolist() == [3] * 6
    assert torch.equal(part.pixels[:, 0, 0, 0] % 6, part.labels)
    assert torch.equal(few(images, 3, seed=1).pixels, part.pixels)
    assert not torch.equal(few(images, 3, seed=2).pixels, part.pixels)
    assert len(few(images, 99, seed=1)) == 60


def test_resized_keeps_levels_and_labels(images):
    large = resized(images, 8)
    assert large.shape == (1, 8, 8)
    assert torch.equal(large.pixels.float().mean((1, 2, 3)), images.pixels[:, 0, 0, 0].float())
    assert large.names == images.names


def test_the_embedded_grid():
    grid = tasks(side=16, per_class=10, split_seed=0)
    assert [cell.name for cell in grid.cells] == [
        "small, similar",
        "large, similar",
        "small, different",
        "large, different",
    ]
    assert torch.bincount(grid.source.labels).tolist() == [178, 182, 177, 183, 181]
    for cell in grid.cells:
        assert cell.train(0).shape == (1, 16, 16)
        train, test = (
            {p.numpy().tobytes() for p in part.pixels} for part in (cell.images, cell.test)
        )
        assert train.isdisjoint(test)
        assert cell.n_classes == len(cell.test.labels.unique())
    small, large = grid.cells[:2]
    assert torch.equal(small.test.pixels, large.test.pixels)
    assert grid.find({"size": "large", "task": "different"}) is grid.cells[3]
    assert sum(grid.card.counts["small, different: test"]) == len(grid.cells[2].test) == 80
    assert grid.card.fingerprint != tasks(side=16, per_class=10, split_seed=1).card.fingerprint


def test_each_seed_draws_its_own_small_training_set():
    small, large, *_ = tasks(side=16, per_class=10, split_seed=0).cells
    drawn = [small.train(seed) for seed in (0, 1, 2)]
    for part in drawn:
        assert torch.bincount(part.labels).tolist() == [10] * 5
        assert set(part.names) < set(large.images.names)
    assert len({part.names for part in drawn}) == 3
    assert small.train(1).names == drawn[1].names
    assert large.train(0) is large.train(1) is large.images


def test_test_images_are_named_by_their_task():
    grid = tasks(side=16, per_class=10, split_seed=0)
    shared = grid.shared({"size": ("small", "large")})
    similar, different = (shared.coords[f"image@{task}"] for task in ("similar", "different"))
    assert (len(similar), len(different)) == (359, 80)
    assert set(similar).isdisjoint(different)
    assert similar[0] == f"similar/{grid.cells[0].test.names[0]}"
    dims, labels = shared.arrays["label@different"]
    assert dims == ("image@different",)
    assert labels.tolist() == grid.cells[2].test.labels.tolist()
