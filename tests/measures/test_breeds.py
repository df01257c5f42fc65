"""Scores of one network of many classes are those of a plain count."""

import numpy as np
import torch

from core.measures.breeds import CURVES, record
from core.training.loop import Epoch


def test_measures_are_those_of_a_plain_count():
    logits = torch.tensor([[3.0, 2, 1, 0, -1, -2], [0, 1, 2, 3, 4, 5], [0, 9, 0, 0, 0, 0]])
    logits = torch.cat([logits, torch.full((1, 6), torch.nan)])
    epoch = Epoch(1, 1, {name: np.array([[1.0], [2.0]]) for name in CURVES}, np.empty(0))
    found = record(logits, torch.tensor([0, 0, 1, 0]), [epoch], 1, 7)
    assert found.metrics["test/accuracy"] == 0.5
    assert found.metrics["test/top5"] == 0.5  # sixth of six, and NaN, are not among five
    assert np.isnan(found.metrics["test/loss"])
    assert found.metrics["trained/parameters"] == 7
    arrays = {name: values.tolist() for name, (_, values) in found.arrays.items()}
    assert arrays == {
        "correct": [1, 0, 1, 0],
        "correct5": [1, 0, 1, 0],
        "prediction": [0, 5, 1, -1],
    }
    assert {dims for dims, _ in found.arrays.values()} == {("image",)}
    assert found.curves == {name: [2.0] for name in CURVES}


def test_epochs_that_a_stopped_network_only_watched_do_not_count():
    epochs = [
        Epoch(i, i, {name: np.array([[v], [9 - v]]) for name in CURVES}, np.empty(0))
        for i, v in enumerate((3.0, 4.0, 5.0, 1.0), 1)
    ]
    logits, labels = torch.eye(6)[:2], torch.tensor([0, 1])
    first, second = (record(logits, labels, epochs, i, 7, patience=2) for i in (0, 1))
    assert first.curves["val/loss"] == [3, 4, 5]
    assert first.metrics["trained/epochs"] == 3
    assert second.metrics["trained/epochs"] == 4
