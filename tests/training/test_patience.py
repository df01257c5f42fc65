"""Early stopping: when, and that replicas trained together stop as they would alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.config import TrainConfig
from core.errors import UserError
from core.training.batched import fit_many, predict_many
from core.training.loop import Epoch, stalled
from core.training.replicas import Replicas
from core.training.single import fit, predict


def epochs(losses):
    return [
        Epoch(i, i, {"val/loss": np.atleast_2d(v)}, np.empty(0)) for i, v in enumerate(losses, 1)
    ]


@given(st.lists(st.floats(0, 5) | st.just(np.nan), min_size=1, max_size=12), st.integers(1, 4))
def test_stalled_is_a_count_of_epochs_without_a_new_minimum(losses, patience):
    best, waited, stopped = np.inf, 0, False
    for index, loss in enumerate(losses):
        improved = loss < best or index == 0
        waited = 0 if improved else waited + 1
        best = min(best, np.inf if np.isnan(loss) else loss)
        stopped = stopped or waited >= patience
    assert stalled(epochs(losses), patience).item() == stopped


def test_a_replica_that_stopped_is_not_improved_by_going_on(parts, cpu, build):
    config = TrainConfig(epochs=30, batch_size=20, lr=0.3, keep="best", patience=1)
    alone = []
    for seed in range(4):
        model = build(seed)
        alone.append(len(list(fit(model, parts[0], parts[1], config, seed, cpu))))
        alone[-1] = (alone[-1], predict(model, parts[1], cpu))
    replicas = Replicas([[build(seed)] for seed in range(4)], range(4), cpu)
    ran = len(list(fit_many(replicas, parts[0], parts[1], config)))
    lengths = [length for length, _ in alone]
    assert len(set(lengths)) > 1  # else the test would show nothing
    assert ran == max(lengths) < 30
    together = predict_many(replicas, parts[1])
    for seed, (_, logits) in enumerate(alone):
        assert torch.allclose(together[seed, 0], logits, atol=1e-4)


def test_patience_needs_the_best_epoch():
    with pytest.raises(UserError, match="--patience 3: 0, or more with --keep best"):
        TrainConfig(patience=3)
