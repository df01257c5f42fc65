"""Arms begin as they say; controls keep the scale of the weights and nothing of their order."""

import pytest
import torch
from torch import nn

from core.models.arms import begin, shuffled, statistics_only
from core.models.config import ARMS


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.Linear(32, 64))


def test_every_arm_begins_as_it_says():
    model, fresh = network(), nn.Sequential(nn.Linear(2, 2))
    found = {arm: begin(arm, model, lambda: fresh, 1) for arm in ARMS}
    assert found["random"] is fresh
    expected = {
        "pretrained": model,
        "statistics": statistics_only(model, 1),
        "shuffled": shuffled(model, 1),
    }
    for arm, other in expected.items():
        for ours, theirs in zip(found[arm].parameters(), other.parameters(), strict=True):
            assert torch.equal(ours, theirs)
            assert ours is not theirs
    with pytest.raises(KeyError):
        begin("wise", model, lambda: fresh, 1)


def test_shuffled_keeps_every_value_and_changes_their_places():
    model = network()
    mixed = shuffled(model, seed=1)
    for before, after in zip(model.parameters(), mixed.parameters(), strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
        assert torch.equal(before, after) == (before.dim() < 2)


def test_statistics_only_keeps_mean_and_deviation():
    model = network()
    with torch.no_grad():
        model[0].weight.mul_(3).add_(1)
    drawn = statistics_only(model, seed=1)
    for before, after in zip(model.parameters(), drawn.parameters(), strict=True):
        if before.dim() > 1:
            assert (before.mean() - after.mean()).abs() < 0.1 * before.std()
            assert (before.std() / after.std() - 1).abs() < 0.08
            together = torch.stack([before.flatten(), after.flatten()])
            assert torch.corrcoef(together)[0, 1].abs() < 0.15


def test_a_control_follows_its_seed_and_leaves_the_model_alone():
    model = network()
    kept = [value.clone() for value in model.parameters()]
    for control in (shuffled, statistics_only):
        one, same, other = (control(model, seed)[2].weight for seed in (1, 1, 2))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    assert all(torch.equal(*pair) for pair in zip(kept, model.parameters(), strict=True))
