"""The Haar detector is OpenCV's, in RGB, with boxes as corners; the register opens all."""

import pickle

import cv2
import numpy as np
import pytest
import torch

from core.data.photos import embedded
from core.detection.haar import Haar
from core.detection.registry import DETECTORS, open_detector


@pytest.fixture(scope="module")
def photos():
    return {picture.name: picture.load() for picture in embedded()[0].pictures}


@pytest.mark.parametrize("name", ["frontalface_alt", "frontalface_default", "frontalface_alt2"])
def test_boxes_equal_opencv(name, photos):
    grey = cv2.cvtColor(photos["astronaut"], cv2.COLOR_RGB2GRAY)
    path = f"{cv2.data.haarcascades}haarcascade_{name}.xml"
    expected = {
        (x, y, x + w, y + h) for x, y, w, h in cv2.CascadeClassifier(path).detectMultiScale(grey)
    }
    (faces,) = Haar(name).detect([photos["astronaut"]])
    assert {tuple(box) for box in faces.boxes.tolist()} == expected
    assert faces.landmarks is None
    assert sorted(faces.scores, reverse=True) == faces.scores.tolist()
    assert min(faces.scores) >= 3


def test_red_and_blue_weigh_differently(photos):
    # A red face on blue ground, equal in grey only if the channels are read as BGR.
    image = photos["grace_hopper"]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    only_red = np.zeros_like(image)
    only_red[..., 0] = grey
    seen = cv2.cvtColor(only_red, cv2.COLOR_RGB2GRAY)
    assert np.abs(seen - 0.299 * grey).max() <= 1
    (right,) = Haar().detect([only_red])
    (swapped,) = Haar().detect([np.ascontiguousarray(only_red[..., ::-1])])
    dark = cv2.cvtColor(
        np.repeat(np.round(0.299 * grey)[..., None], 3, 2).astype(np.uint8), cv2.COLOR_RGB2GRAY
    )
    (expected,) = Haar().detect([np.repeat(dark[..., None], 3, 2)])
    assert right.boxes.tolist() == expected.boxes.tolist()
    assert right.scores.tolist() != swapped.scores.tolist()


def test_profiles_are_seen_from_both_sides(photos):
    image = photos["camera"]
    profiles = Haar("profileface", mirrored=True)
    (one,) = profiles.detect([image])
    (other,) = profiles.detect([np.ascontiguousarray(image[:, ::-1])])
    mirrored = other.boxes.copy()
    mirrored[:, [0, 2]] = image.shape[1] - mirrored[:, [2, 0]]
    assert len(one) >= 1
    assert sorted(one.boxes.tolist()) == sorted(mirrored.tolist())


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (19, 19), (64, 64)])
@pytest.mark.parametrize("name", DETECTORS)
def test_blank_images_give_no_face(name, shape):
    detector = open_detector(name, torch.device("cpu"))
    (faces,) = detector.detect([np.zeros((*shape, 3), np.uint8)])
    assert len(faces) == 0
    assert faces.boxes.shape == (0, 4)


def test_a_detector_travels_to_workers(photos):
    for sent in (Haar("profileface", mirrored=True), Haar("frontalface_alt2")):
        came = pickle.loads(pickle.dumps(sent))
        image = photos["camera" if sent.mirrored else "astronaut"]
        (expected,), (found,) = sent.detect([image]), came.detect([image])
        assert len(expected) >= 1
        assert found.boxes.tolist() == expected.boxes.tolist()
