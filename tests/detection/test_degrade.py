"""Each step does what its unit says, and the same pixels come out for the same key."""

import numpy as np
import pytest

from core.data.pictures import Picture
from core.detection import degrade as module
from core.detection.degrade import GREY, KINDS, degrade, detected
from core.detection.faces import Faces

IMAGE = np.random.default_rng(0).integers(60, 190, (80, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_neutral_level_is_the_picture_and_others_are_pure(kind):
    levels, neutral = KINDS[kind].levels, KINDS[kind].neutral
    assert neutral in levels
    assert degrade(IMAGE, kind, neutral, 0) is IMAGE
    for level in set(levels) - {neutral}:
        once, again = (degrade(IMAGE, kind, level, 3, 5) for _ in range(2))
        assert once.dtype == np.uint8
        assert once.shape[2] == 3
        assert np.array_equal(once, again)
        assert once.shape != IMAGE.shape or not np.array_equal(once, IMAGE)


def test_levels_are_in_their_units():
    assert degrade(IMAGE, "size", 0.25, 0).shape == (20, 30, 3)
    assert degrade(IMAGE[:1, :1], "size", 0.18, 0).shape == (1, 1, 3)
    assert np.array_equal(degrade(IMAGE, "brightness", 2.0, 0), (IMAGE * 2.0).clip(0, 255))
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert degrade(grey, "noise", 20, 0).std() == pytest.approx(20, rel=0.02)
    covered = (degrade(np.zeros((80, 80, 3), np.uint8), "occlusion", 0.35, 0) == GREY).mean()
    assert covered == pytest.approx(round(0.35 * 64) / 64)
    assert degrade(IMAGE, "blur", 2, 0).std() < 0.3 * IMAGE.std()


def test_rotation_turns_to_either_side_by_its_angle():
    image = np.zeros((101, 101, 3), np.uint8)
    image[10:14, 49:52] = 255  # a mark above the centre
    sides = set()
    for key in range(12):
        y, x = np.argwhere(degrade(image, "rotation", 90, key)[..., 0] > 128).mean(0)
        assert y == pytest.approx(50, abs=1)
        assert abs(x - 50) == pytest.approx(38.5, abs=1)
        sides.add(x > 50)
    assert sides == {True, False}


class Bright:
    """Finds a face wherever the middle is brighter than 100."""

    name = "bright"

    def detect(self, images):
        none = np.empty(0, np.float32)
        return [
            Faces(np.zeros((int(i.mean() > 100), 4), np.float32), none, None, 0.0) for i in images
        ]


def test_rates_are_counted_level_by_level_in_batches():
    shades = [40, 90, 130] * 30  # more than one batch
    pictures = [
        Picture(str(i), lambda s=s: np.full((4, 4, 3), s, np.uint8), face=True)
        for i, s in enumerate(shades)
    ]
    rows = list(detected(Bright(), pictures, "brightness", seed=0))
    levels = KINDS["brightness"].levels
    assert len(rows) == len(levels)
    for level, row in zip(levels, rows, strict=True):
        assert row.tolist() == [min(255, round(s * level)) > 100 for s in shades]


def test_pictures_are_held_by_their_pixels(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 4)
    monkeypatch.setattr(module, "PIXELS", 100)
    loaded = []

    class Counting(Bright):
        def detect(self, images):
            loaded.append([image.shape[0] for image in images])
            return super().detect(images)

    sides = [1, 1, 1, 1, 1, 9, 6, 20, 2, 2]
    images = [np.full((side, side, 3), 200, np.uint8) for side in sides]
    pictures = [Picture(str(i), lambda image=image: image, True) for i, image in enumerate(images)]
    first = next(detected(Counting(), pictures, "blur", 0))
    assert first.tolist() == [True] * 10
    assert loaded == [[1, 1, 1, 1], [1, 9, 6], [20], [2, 2]]
