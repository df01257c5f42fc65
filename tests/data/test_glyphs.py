"""Drawn digits: the same for all, each class as often, and what their labels say."""

import torch
from sklearn.neighbors import KNeighborsClassifier

from core.data.config import DataConfig
from core.data.glyphs import SIZE, TEST, draw
from core.data.sources import load


def test_a_drawing_is_a_function_of_its_seed():
    (pixels, labels), (again, same), (others, _) = draw(50), draw(50), draw(50, seed=1)
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (50, 1, SIZE, SIZE)
    assert torch.equal(pixels, again)
    assert torch.equal(labels, same)
    assert not torch.equal(pixels, others)


def test_images_show_what_their_labels_say():
    (pixels, labels), (unseen, truth) = draw(2000), draw(500, seed=1)
    assert labels.bincount().tolist() == 10 * [200]
    neighbours = KNeighborsClassifier(5).fit(pixels.flatten(1), labels)
    assert neighbours.score(unseen.flatten(1), truth) > 0.9


def test_the_set_is_called_synthetic_and_keeps_its_test_images():
    splits = load(DataConfig(data="drawn-digits"))
    assert splits.card.synthetic
    assert splits.card.counts["test"] == 10 * [TEST // 10]
    assert torch.equal(splits.test.tensor(), draw(TEST, seed=1)[0])
    assert splits.test.names[0] == "test-00000"
