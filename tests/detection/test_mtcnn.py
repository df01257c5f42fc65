"""MTCNN finds what it should, whatever it is given, and does not care how images are batched."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import box_iou

from core.data.galleries import folder
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


def test_pictures_without_a_face_have_their_places_in_a_batch(detector, photos):
    """Asked in facenet-pytorch #224, #114 and #77: lists, arrays and tensors of pictures."""
    face = photos["astronaut"].load()[:260, 100:360]
    batch = np.stack([np.zeros_like(face), face, np.full_like(face, 255), face[:, ::-1]])
    alone = [detector.detect([image])[0] for image in batch]
    assert [len(faces) for faces in alone] == [0, 1, 0, 1]
    for images in (list(batch), batch, torch.from_numpy(batch)):
        together = detector.detect(images)
        assert len(together) == 4
        for one, other in zip(alone, together, strict=True):
            assert other.boxes.shape == (len(one), 4)
            assert other.landmarks.shape == (len(one), 5, 2)
            assert other.boxes == pytest.approx(one.boxes, abs=1e-2)
    blank = detector.detect(np.zeros((3, 40, 40, 3), np.uint8))
    assert [faces.boxes.shape for faces in blank] == [(0, 4)] * 3
    assert detector.detect(np.zeros((0, 40, 40, 3), np.uint8)) == []
    with pytest.raises(ValueError, match=r"uint8 \(3, 40, 40\), wanted uint8 \(height, width, 3\)"):
        detector.detect(torch.zeros(2, 3, 40, 40, dtype=torch.uint8))
    with pytest.raises(ValueError, match="float32"):
        detector.detect([face.astype(np.float32)])


def test_a_batch_asks_the_networks_no_more_often_than_one_by_one(photos, monkeypatch):
    """What a batch costs is counted in calls of the networks, which no busy machine changes."""
    detector, calls = MTCNN(), []
    for name, net in detector._nets.items():
        forward = net.forward

        def counted(pixels, name=name, forward=forward):
            calls.append((name, len(pixels)))
            return forward(pixels)

        monkeypatch.setattr(net, "forward", counted)
    face = photos["astronaut"].load()[60:160, 170:270]
    images = [face, np.zeros_like(face), face[:, ::-1].copy(), np.full_like(face, 99)]
    for image in images:
        detector.detect([image])
    one_by_one = list(calls)
    calls.clear()
    detector.detect(images)
    assert len(calls) < len(one_by_one) / 2
    assert sum(n for _, n in calls) <= sum(n for _, n in one_by_one)


def test_a_file_reaches_the_detector_in_rgb(detector, tmp_path):
    """Asked in ipazc/mtcnn #36: OpenCV reads BGR. All files come through `decode`."""
    for suffix, depth in (
        ("png", np.uint8),
        ("png", np.uint16),
        ("tiff", np.uint16),
        ("jpg", np.uint8),
    ):
        bgr = np.zeros((8, 8, 3), depth)
        bgr[..., 2] = np.iinfo(depth).max  # red, as OpenCV writes it
        path = tmp_path / f"red{depth().itemsize}.{suffix}"
        assert cv2.imwrite(str(path), bgr)
        (picture,) = [
            each
            for each in folder(tmp_path, "people", face=True).pictures
            if each.name == path.name
        ]
        assert np.abs(picture.load().astype(int) - [255, 0, 0]).max() <= 2
        path.unlink()
    sources = [path.read_text() for path in Path(mtcnn.__file__).parents[1].rglob("*.py")]
    assert not any("cv2.imread(" in text or "VideoCapture" in text for text in sources)


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
