"""Strata: what is counted, what is left out, and that nothing depends on the file system."""

import numpy as np
import pytest
from PIL import Image

from core.data import strata
from core.errors import UserError
from core.models.preparation import Preparation

PREPARE = Preparation(20, 16, "bilinear", (0.5,) * 3, (0.5,) * 3)


def draw(seed):
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((40, 32))


@pytest.fixture
def root(tmp_path):
    for index, (kind, n) in enumerate({"dog": 7, "thing": 9}.items()):
        (tmp_path / kind).mkdir()
        for number in range(n):
            draw(100 * index + number).save(tmp_path / kind / f"{number}.png")
    return tmp_path


def read(root, limit=100, **options):
    from pathlib import Path

    folders = {"dogs": [Path("dog")], "others": [Path("thing")]}
    return strata.read(folders, root, limit, 0, "set", **options)


def test_images_come_in_order_with_their_stratum_and_halves_of_each(root):
    found = read(root)
    assert found.names == ("dogs", "others")
    assert found.of.tolist() == [0] * 7 + [1] * 9
    assert [item.name for item in found.items[:2]] == ["dog/0.png", "dog/1.png"]
    assert sorted(np.bincount(found.half[found.of == 0])) == [3, 4]
    assert sorted(np.bincount(found.half[found.of == 1])) == [4, 5]
    assert found.card.counts == {"test": [7, 9]}
    images = found.images(PREPARE)
    assert (images.shape, len(images)) == ((3, 16, 16), 16)
    assert images.names == tuple(item.name for item in found.items)
    assert np.array_equal(images.tensor()[8].numpy(), PREPARE(draw(101)))


def test_the_draw_is_a_function_of_the_seed(root):
    few = read(root, limit=5)
    assert [item.name for item in few.items] == [item.name for item in read(root, limit=5).items]
    assert np.bincount(few.of).tolist() == [5, 5]
    assert few.card.fingerprint != read(root).card.fingerprint


def test_copies_damage_and_imagenets_names_are_on_the_card(root):
    draw(3).save(root / "thing" / "copy.png")  # of dog/3.png
    (root / "dog" / "text.jpg").write_text("no image")
    draw(500).save(root / "thing" / "n01440764_tench.png")
    card = read(root).card
    assert card.counts == {"test": [7, 10]}
    assert card.conflicts == [["dog/3.png", "thing/copy.png"]]
    assert [(bad.path, bad.reason) for bad in card.quarantined] == [
        ("dog/text.jpg", "not an image, or its beginning is damaged")
    ]
    assert card.warnings[0].startswith("1 of the images come from ImageNet")
    assert card.warnings[1].startswith("Copies of other images here, left out: 1.")


def test_a_file_may_count_elsewhere(root):
    found = read(root, kind=lambda s, path: "dogs" if path.stem in ("0", "1") else s)
    assert np.bincount(found.of).tolist() == [9, 7]


def test_what_cannot_be_measured_is_refused_in_one_line(root):
    with pytest.raises(UserError, match=r"--dogs dog: .* is not there; a folder"):
        read(root / "dog")
    for number in range(4):
        (root / "dog" / f"{number}.png").unlink()
    with pytest.raises(UserError, match="--dogs: 3 readable images; 4 or more are wanted"):
        read(root)
