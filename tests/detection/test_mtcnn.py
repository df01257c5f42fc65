"""MTCNN finds what it should, whatever it is given, and does not care how images are batched."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import box_iou

from core.data.photos import embedded
from core.detection import mtcnn
from core.detection.mtcnn import MTCNN


@pytest.fixture(scope="module")
def detector():
    return MTCNN()


@pytest.fixture(scope="module")
def photos():
    return {picture.name: picture for picture in embedded()[0].pictures}


def test_marked_faces_are_found_where_they_are(detector, photos):
    for name in ("astronaut", "camera", "grace_hopper"):
        (faces,) = detector.detect([photos[name].load()])
        assert len(faces) == 1
        found, true = (torch.from_numpy(b) for b in (faces.boxes, photos[name].boxes))
        assert box_iou(found, true).item() > 0.7
        assert 0.99 < faces.scores[0] <= 1
        assert faces.seconds > 0


def test_landmarks_are_eyes_nose_and_mouth(detector, photos):
    (faces,) = detector.detect([photos["astronaut"].load()])
    # By eye: pupils at (203, 101) and (247, 103), tip of the nose (222, 122), mouth 207 to 243.
    expected = [[203, 101], [247, 103], [222, 122], [207, 140], [243, 140]]
    assert faces.landmarks[0] == pytest.approx(np.array(expected), abs=8)


def test_red_and_blue_are_not_the_same(detector, photos):
    # Skin whose channels are swapped is blue, and MTCNN is less sure of it: input is RGB.
    image = photos["astronaut"].load()[40:220, 130:310]
    small = np.ascontiguousarray(image[::6, ::6])
    right, swapped = detector.detect([small, np.ascontiguousarray(small[:, :, ::-1])])
    assert len(right) == 1
    assert not len(swapped) or swapped.scores[0] < right.scores[0]


def test_batches_change_nothing(detector, photos):
    images = [photos[name].load()[:300, :400] for name in ("astronaut", "coffee", "grace_hopper")]
    images += [photos["camera"].load(), images[0][::2, ::2].copy(), images[0]]
    together = detector.detect(images)
    assert [len(faces) for faces in together] == [1, 0, 1, 1, 1, 1]
    for image, faces in zip(images, together, strict=True):
        (alone,) = detector.detect([image])
        assert faces.boxes == pytest.approx(alone.boxes, abs=1e-2)
        assert faces.scores == pytest.approx(alone.scores, abs=1e-4)
        assert faces.landmarks == pytest.approx(alone.landmarks, abs=1e-2)
    assert detector.detect([]) == []


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 500), (500, 1), (11, 11), (12, 12), (13, 300), (20, 20), (600, 21)]
)
@pytest.mark.parametrize("fill", [0, 255, "noise"])
def test_blank_and_odd_images_give_no_face_and_no_exception(detector, shape, fill):
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = noise if fill == "noise" else np.full((*shape, 3), fill, np.uint8)
    (faces,) = detector.detect([image])
    assert faces.boxes.shape == (0, 4)
    assert faces.scores.shape == (0,)
    assert faces.landmarks.shape == (0, 5, 2)


def test_a_huge_image_begins_at_a_coarser_level(detector, photos, monkeypatch):
    face = photos["astronaut"].load()
    large = np.zeros((4000, 3000, 3), np.uint8)
    large[500:1524, 600:1624] = face.repeat(2, 0).repeat(2, 1)
    monkeypatch.setattr(mtcnn, "LARGEST", 300_000)
    assert all(4000 * 3000 * s**2 <= 300_000 for s in detector._scales(4000, 3000))
    (faces,) = detector.detect([large])
    middle = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2
    assert middle == pytest.approx([600 + 2 * 223, 500 + 2 * 122], abs=30)


def test_smallest_face_sets_the_pyramid(photos):
    small = photos["astronaut"].load()[::4, ::4].copy()  # the face has 23 x 28 pixels
    assert len(MTCNN(min_face=20).detect([small])[0]) == 1
    assert len(MTCNN(min_face=60).detect([small])[0]) == 0
    assert list(MTCNN(min_face=24)._scales(24, 99)) == [0.5]
    assert list(MTCNN(min_face=24)._scales(23, 99)) == []


def test_proposals_equal_a_plain_loop(detector, photos):
    """P-Net on one level, cell by cell, with its two outputs and softmax."""
    from core.detection.windows import integrate

    image, scale = photos["astronaut"].load()[60:216, 160:316].copy(), 0.25
    integral = integrate([image], detector.device)
    with torch.inference_mode():
        owner, boxes, scores, shifts = detector._level(integral, scale)
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        level = (F.interpolate(pixels, (40, 40), mode="area") - 127.5) / 128
        net, expected = detector._nets["pnet"], []
        for y in range(0, 40 - 12 + 1, 2):
            for x in range(0, 40 - 12 + 1, 2):
                features = net(level[:, :, y : y + 12, x : x + 12])[0, 0, 0]
                probability = F.softmax(net.heads["face"](features), 0)[1].item()
                if probability >= 0.6:
                    window = [
                        (x + 1) // scale,
                        (y + 1) // scale,
                        (x + 12) // scale,
                        (y + 12) // scale,
                    ]
                    expected.append([*window, probability, *net.heads["box"](features).tolist()])
    found = torch.cat([boxes, scores[:, None], shifts], 1).tolist()
    assert len(expected) > 3
    assert np.array(sorted(found)) == pytest.approx(np.array(sorted(expected)), abs=1e-3)
    assert owner.tolist() == [0] * len(found)
