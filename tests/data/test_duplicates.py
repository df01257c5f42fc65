"""Copies are judged by what is on the pictures: in the dark and on plain ground too."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.duplicates import groups_of, thumbnails


def objects(n, seed, side=24, light=1.0):
    """Draw a small ellipse on black, as astronomers crop galaxies; uint8 (n, 1, side, side)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle, flat = random.uniform(0, np.pi, (n, 1, 1)), random.uniform(1, 4, (n, 1, 1))
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    bright = random.uniform(0.3, 1, (n, 1, 1)) * np.exp(-(along**2 + flat * across**2) / 12)
    return torch.from_numpy((255 * light * bright).round().astype(np.uint8))[:, None]


def groups(pixels):
    digests = [each.numpy().tobytes() for each in pixels]
    return groups_of(digests, thumbnails(pixels))


@pytest.mark.parametrize("n", [2, 5, 40])
@pytest.mark.parametrize("seed", range(14))
def test_small_things_on_plain_ground_are_decomposed(n, seed):
    """The covariance is all but singular: in float32, 24 of 42 such sets did not converge."""
    assert len(set(groups(objects(n, seed)).tolist())) > n / 2
    assert len(set(groups(objects(n, seed).repeat(2, 1, 1, 1)).tolist())) <= n


@pytest.mark.parametrize("fill", [0, 255])
def test_plain_pictures_are_copies_only_if_exact(fill):
    pixels = torch.full((30, 3, 9, 9), fill, dtype=torch.uint8)
    assert set(groups(pixels).tolist()) == {0}
    other = pixels.clone()
    other[:, 0] = torch.arange(30, dtype=torch.uint8)[:, None, None]
    assert len(set(groups(other).tolist())) == 30


def test_pictures_in_the_dark_are_no_copies_of_each_other():
    random = np.random.default_rng(0)
    noise = torch.from_numpy(random.integers(0, 256, (50, 3, 16, 16), dtype=np.uint8))
    dark = noise // 50  # 0 to 5: two of them differ by 0.9 % of white
    assert len(set(groups(dark).tolist())) == 50
    brighter = torch.cat([noise, noise.clamp(max=254) + 1])
    assert len(set(groups(brighter).tolist())) == 50


def test_a_hundred_thousand_dark_pictures_have_few_candidates(monkeypatch):
    """All lie within the threshold of each other; they are not compared pair by pair."""
    from core.data import duplicates

    seen = []
    chunks = duplicates._chunks
    monkeypatch.setattr(
        duplicates,
        "_chunks",
        lambda rows, *size: [seen.append(len(rows)), *chunks(rows, *size)][1:],
    )
    thumbs = np.random.default_rng(0).random((2000, 256)).astype(np.float32) / 200
    near = duplicates._near_pairs(thumbs)
    assert len(near) == 0
    assert max(seen) == 2000  # of 1,999,000 pairs


@pytest.mark.skipif(
    not Path("../shared/cases/stars").is_dir(), reason="../shared/cases/stars is not there"
)
def test_the_case_of_the_public_report():
    from core.data.config import DataConfig
    from core.data.sources import load

    card = load(DataConfig(data="folder:../shared/cases/stars")).card
    assert sum(map(sum, card.counts.values())) == 40
