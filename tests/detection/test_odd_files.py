"""Whatever lies in a folder, both detectors go through it: what cannot be read is named."""

import numpy as np
import pytest
from PIL import Image

from core.data.galleries import folder
from core.data.photos import embedded
from core.detection.haar import Haar
from core.detection.mtcnn import MTCNN


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    root = tmp_path_factory.mktemp("odd")
    whole = Image.fromarray(embedded()[0].pictures[0].load())
    face, taller = whole.crop((100, 0, 360, 260)), whole.crop((100, 0, 360, 262))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show the picture rotated by 270 degrees
    taller.transpose(Image.Transpose.ROTATE_90).save(root / "turned.png", exif=exif)
    face.convert("L").save(root / "grey.png")
    face.convert("RGBA").save(root / "rgba.png")
    face.convert("P").save(root / "palette.gif")
    face.convert("CMYK").save(root / "cmyk.jpg", quality=95)
    Image.fromarray(np.asarray(taller.convert("L")).astype(np.uint16) * 257).save(root / "deep.png")
    Image.new("RGB", (1, 1)).save(root / "dot.png")
    Image.new("RGB", (1, 700), "white").save(root / "line.png")
    Image.new("L", (1800, 1200), 128).save(root / "large.png")
    Image.new("1", (8000, 8000)).save(root / "huge.png")
    content = (root / "cmyk.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(content[: len(content) // 2])
    (root / "noise.jpg").write_bytes(np.random.default_rng(0).bytes(999))
    (root / "empty.jpg").touch()
    return folder(root, "people", face=True)


def test_unreadable_files_are_named(odd):
    bad = {each.path.rsplit("/", 1)[1]: each.reason for each in odd.quarantined}
    assert set(bad) == {"huge.png", "cut.jpg", "noise.jpg", "empty.jpg"}
    assert bad["huge.png"] == "8000x8000 pixels, more than 50 million"


@pytest.mark.parametrize("make", [Haar, MTCNN])
def test_all_others_are_searched(odd, make):
    images = [each.load() for each in odd.pictures]
    found = dict(zip((each.name for each in odd.pictures), make().detect(images), strict=True))
    expected = dict.fromkeys(("turned", "grey", "rgba", "deep"), 1)
    seen = {name.split(".")[0]: len(faces) for name, faces in found.items()}
    assert {name: seen[name] for name in expected} == expected
    assert seen["dot"] == seen["line"] == seen["large"] == 0
    assert np.abs(found["turned.png"].boxes - found["rgba.png"].boxes).max() < 12
