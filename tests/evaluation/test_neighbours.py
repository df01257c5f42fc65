"""Neighbours by hand, and what chance alone would give them."""

import numpy as np
import pytest

from core.evaluation.neighbours import SHUFFLES, above_chance, hits, kept
from core.evaluation.verdicts import superior
from core.explain import neighbours

LABELS = np.repeat([0, 1, 2], 40)


def near(apart, seed=0):
    random = np.random.default_rng(seed)
    return neighbours(random.normal(size=(120, 8)) + apart * np.eye(8)[LABELS])


def test_hits_by_hand_ties_to_the_lower_class():
    labels = np.array([0, 0, 1, 1, 2])
    places = np.array([[1, 2], [2, 3], [3, 0], [2, 2], [0, 1]])
    # votes: 0 and 1 (a tie: 0); 1 and 1; 1 and 0 (a tie: 0); 1 and 1; 0 and 0.
    assert hits(places, labels).tolist() == [True, False, False, True, False]
    both = hits(places, np.stack([labels, labels[::-1]]))
    assert both.shape == (2, 5)
    assert both[0].tolist() == hits(places, labels).tolist()


def test_kept_is_the_share_of_common_neighbours():
    one, other = np.array([[1, 2], [0, 2], [0, 1]]), np.array([[2, 1], [2, 3], [3, 4]])
    assert kept(one, other).tolist() == [1.0, 0.5, 0.0]


def test_separate_clouds_are_far_above_chance_and_noise_is_not():
    clouds, noise = above_chance(near(12), LABELS), above_chance(near(0), LABELS)
    assert clouds.value == pytest.approx(1 - 1 / 3, abs=0.02)
    assert clouds.p(0, "greater") == pytest.approx(1 / (SHUFFLES + 1), rel=1e-6)
    assert superior(clouds).verdict == "supported"
    assert abs(noise.value) < 0.15
    assert superior(noise).verdict == "undecided"
    assert superior(noise).needed is None  # an embedding has no more images than it shows


def test_p_and_interval_are_those_of_the_shuffles():
    found = above_chance(near(0.6, seed=3), LABELS)
    random, share = np.random.default_rng(5), hits(near(0.6, seed=3), LABELS).mean()
    shuffled = np.array(
        [hits(near(0.6, seed=3), random.permutation(LABELS)).mean() for _ in range(500)]
    )
    assert found.p(0, "greater") == pytest.approx((shuffled >= share).mean(), abs=0.03)
    assert found.value == pytest.approx(share - shuffled.mean(), abs=0.01)
    for alpha in (0.0003, 0.0028, 0.025, 0.2):
        assert (found.at(1 - 2 * alpha).low > 0) == (found.p(0, "greater") < alpha)
    assert found.at(1 - 2e-6).low == -1  # so many shuffles tell nothing of such a level
    assert (found.n_seeds, found.n_images) == (1, 120)


def test_chance_is_rejected_as_often_as_promised():
    """Labels that tell nothing: p below 10 % in 10 % of the studies."""
    random, places = np.random.default_rng(1), near(0)
    below = [
        above_chance(places, random.permutation(LABELS), 199).p(0, "greater") < 0.1
        for _ in range(200)
    ]
    assert np.mean(below) == pytest.approx(0.1, abs=3 * np.sqrt(0.1 * 0.9 / 200))
