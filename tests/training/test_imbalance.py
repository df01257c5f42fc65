"""Remedies for imbalance equal torch's weighted loss, the focal formula, and even classes."""

import pytest
import torch
from torch.nn import functional as F

from core.data.images import InMemory
from core.training.imbalance import balanced, objective

LOGITS = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(0, 3, (50,), generator=torch.Generator().manual_seed(1))


def test_weights_equal_torchs():
    cost = objective("weights", [10, 30, 60]).cost(LOGITS, LOGITS, LABELS)
    weight = 100 / (3 * torch.tensor([10.0, 30.0, 60.0]))
    expected = F.cross_entropy(LOGITS, LABELS, weight, reduction="none")
    assert torch.allclose(cost, expected)


def test_focal_is_its_formula_and_forgives_the_sure():
    cost = objective("focal", [1, 1, 1]).cost(LOGITS, LOGITS, LABELS)
    p = LOGITS.softmax(1)[range(50), LABELS]
    assert torch.allclose(cost, -((1 - p) ** 2) * p.log(), atol=1e-6)


@pytest.mark.parametrize("remedy", ["none", "sampling"])
def test_other_remedies_keep_cross_entropy(remedy):
    cost = objective(remedy, [1, 2, 3]).cost(LOGITS, LOGITS, LABELS)
    assert torch.allclose(cost, F.cross_entropy(LOGITS, LABELS, reduction="none"))
    assert set(objective("focal", [1, 2, 3]).measures) == {"loss", "accuracy"}


def test_sampling_evens_the_classes_by_seed():
    labels = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    images = InMemory(torch.arange(1000, dtype=torch.uint8).view(1000, 1, 1, 1), labels=labels)
    counts = balanced(images, 0).labels.bincount()
    assert counts.sum() == 1000
    assert ((counts > 270) & (counts < 400)).all()
    assert torch.equal(balanced(images, 0).labels, balanced(images, 0).labels)
    assert not torch.equal(balanced(images, 0).labels, balanced(images, 1).labels)
