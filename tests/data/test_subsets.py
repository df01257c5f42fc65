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
        assert cell.train.shape == (1, 16, 16)
        train, test = (
            {p.numpy().tobytes() for p in part.pixels} for part in (cell.train, cell.test)
        )
        assert train.isdisjoint(test)
        assert cell.n_classes == len(cell.test.labels.unique())
    small, large = grid.cells[:2]
    assert torch.bincount(small.train.labels).tolist() == [10] * 5
    kept = {p.numpy().tobytes() for p in large.train.pixels}
    assert {p.numpy().tobytes() for p in small.train.pixels} < kept
    assert torch.equal(small.test.pixels, large.test.pixels)
    assert grid.find({"size": "large", "task": "different"}) is grid.cells[3]
    assert sum(grid.card.counts["small, different: test"]) == len(grid.cells[2].test) == 80
    assert grid.card.fingerprint != tasks(side=16, per_class=10, split_seed=1).card.fingerprint
