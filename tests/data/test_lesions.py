"""Drawn lesions: a function of the seed, as hard as promised, split by lesion."""

import numpy as np
import pytest
import torch

from core.data.config import DataConfig
from core.data.lesions import ARTEFACTS, CEILING, CLASSES, draw
from core.data.sources import load
from core.errors import UserError
from core.evaluation.roc import auc


@pytest.fixture(scope="module")
def drawn():
    return draw(400, seed=3, size=24)


def test_same_seed_same_images(drawn):
    again = draw(400, seed=3, size=24)
    assert torch.equal(drawn.pixels, again.pixels)
    assert torch.equal(drawn.masks, again.masks)
    assert not torch.equal(drawn.pixels, draw(400, seed=4, size=24).pixels)
    assert drawn.pixels.dtype == torch.uint8
    assert drawn.pixels.shape == (len(drawn.labels), 3, 24, 24)


def test_two_views_of_a_lesion_share_class_and_features_but_no_pixel_grid(drawn):
    numbers, counts = np.unique(drawn.lesions, return_counts=True)
    assert len(numbers) == 400
    assert set(counts) == {1, 2}
    one, other = np.flatnonzero(drawn.lesions == numbers[counts == 2][0])
    assert drawn.labels[one] == drawn.labels[other]
    assert np.array_equal(drawn.latent[one], drawn.latent[other])
    assert not torch.equal(drawn.pixels[one], drawn.pixels[other])


def test_latent_features_reach_the_promised_ceiling():
    drawn = draw(3000, seed=5, size=4, twice=0)
    labels = drawn.labels.numpy()
    pigmented = labels != CLASSES.index("seborrheic_keratosis")
    melanoma = auc(drawn.latent[pigmented, :4].sum(1), labels[pigmented] == 0)
    keratosis = auc(drawn.latent[:, 4], labels == 2)
    for estimate in (melanoma, keratosis):
        assert estimate.value == pytest.approx(CEILING, abs=0.015)
    assert np.bincount(labels).tolist() == [750, 1650, 600]


def test_masks_lie_on_what_is_darker_than_skin(drawn):
    grey = drawn.pixels.float().mean(1)
    inside = torch.stack([g[m].mean() for g, m in zip(grey, drawn.masks, strict=True)])
    outside = torch.stack([g[~m].mean() for g, m in zip(grey, drawn.masks, strict=True)])
    assert (inside < outside).float().mean() > 0.95
    wide = drawn.latent[:, 3] > 1
    area = drawn.masks.float().mean((1, 2)).numpy()
    assert area[wide].mean() > 2 * area[drawn.latent[:, 3] < -1].mean()


@pytest.mark.parametrize("name", ARTEFACTS)
def test_artefacts_change_little_and_the_same_every_time(drawn, name):
    before = drawn.pixels[:20].clone()
    after = ARTEFACTS[name](drawn.pixels[:20], 7)
    changed = (after != before).any(1).float().mean((1, 2))
    assert ((changed > 0.005) & (changed < 0.5)).all()
    assert torch.equal(drawn.pixels[:20], before)
    assert torch.equal(after, ARTEFACTS[name](before, 7))
    assert ARTEFACTS[name](before[:0]).shape == before[:0].shape


def test_the_source_keeps_lesions_whole_and_says_what_it_is():
    splits = load(DataConfig(data="lesions:ink", size=16))
    assert splits.card.synthetic
    assert "drawn" in splits.card.source
    assert "one patient or lesion kept together" in splits.card.split
    whole = draw(size=16, artefacts=("ink",))
    place = {
        image.numpy().tobytes(): n for image, n in zip(whole.pixels, whole.lesions, strict=True)
    }
    sides = [
        {place[image.numpy().tobytes()] for image in side.pixels}
        for side in (splits.train, splits.val, splits.test)
    ]
    assert sum(map(len, sides)) == 600
    assert set.union(*sides) == set(range(600))


def test_unknown_artefacts_are_refused():
    with pytest.raises(UserError, match=r"lesions:ink\+ruler\+hair"):
        DataConfig(data="lesions:tattoo")
