"""Outlines of lesions: found by name, scaled as images are, refused in one line."""

import numpy as np
import pytest
from PIL import Image

from core.data.masks import fingerprint, read
from core.errors import UserError

NAMES = ("test/nevus/ISIC_0001.jpg", "test/melanoma/ISIC_0002.jpg")


@pytest.fixture
def folder(tmp_path):
    left = np.zeros((40, 60), np.uint8)
    left[:, :30] = 255
    Image.fromarray(left).save(tmp_path / "ISIC_0001_segmentation.png")
    Image.fromarray(255 - left).save(tmp_path / "ISIC_0002.png")
    Image.fromarray(left).save(tmp_path / "ISIC_0003_segmentation.png")
    return tmp_path


def test_masks_stand_in_the_order_of_the_images(folder):
    masks = read(folder, NAMES, (20, 20))
    assert masks.dtype.itemsize == 1
    assert masks.shape == (2, 20, 20)
    assert masks[0, :, :9].all()
    assert not masks[0, :, 11:].any()
    assert not masks[1, :, :9].any()
    assert fingerprint(masks) != fingerprint(read(folder, NAMES[::-1], (20, 20)))


def test_what_is_missing_is_one_line(folder):
    with pytest.raises(UserError, match="none for ISIC_0009, as for 0 more of 2 test images"):
        read(folder, ("a/ISIC_0009.jpg", NAMES[0]), (20, 20))
    with pytest.raises(UserError, match="have one name"):
        read(folder, ("a/ISIC_0001.jpg", NAMES[0]), (20, 20))
    (folder / "ISIC_0001_segmentation.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="a picture is wanted") as caught:
        read(folder, NAMES, (20, 20))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="a folder of masks"):
        read(folder / "none", NAMES, (20, 20))
