"""HAM10000's table: names classes and keeps a lesion's images on one side."""

import numpy as np
import pytest
from PIL import Image

from core.data.config import DataConfig
from core.data.duplicates import groups_of
from core.data.metadata import Row, read
from core.data.sources import load
from core.errors import UserError


@pytest.fixture
def ham(tmp_path):
    """Write 36 images of 18 lesions in the two folders that HAM10000 comes in."""
    random, lines = np.random.default_rng(0), ["lesion_id,image_id,dx,dx_type,age,sex"]
    for index in range(36):
        folder = tmp_path / f"HAM10000_images_part_{index % 2 + 1}"
        folder.mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"ISIC_{index:07}.png")
        dx = ("mel", "nv", "bkl")[index // 2 % 3]
        lines.append(f"HAM_{index // 2:07},ISIC_{index:07},{dx},histo,50,male")
    (tmp_path / "HAM10000_metadata.csv").write_text("\r\n".join(lines))
    return tmp_path


def test_classes_and_lesions_come_from_the_table(ham):
    rows = read(ham)
    assert rows["ISIC_0000002"] == Row("nevus", "HAM_0000001")
    splits = load(DataConfig(data=f"folder:{ham}"))
    assert splits.card.classes == ("melanoma", "nevus", "seborrheic_keratosis")
    for counts in splits.card.counts.values():
        assert all(count % 2 == 0 and count > 0 for count in counts)
    assert "lesion" in splits.card.split


def test_a_folder_without_a_table_is_as_before(tmp_path):
    assert read(tmp_path) == {}
    assert read(tmp_path / "missing") == {}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("id,dx\n1,mel\n", "image_id is wanted"), ("image_id\na\na\n", "names a twice")],
)
def test_a_table_that_cannot_be_right_is_refused(tmp_path, text, wanted):
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(UserError, match=wanted):
        read(tmp_path)


def test_owners_join_copies_into_chains():
    thumbs = np.eye(6, 256, dtype=np.float32) * 10
    digests = [b"a", b"b", b"c", b"a", b"e", b"f"]
    groups = groups_of(digests, thumbs, ["", "x", "y", "x", "", ""])
    assert groups[0] == groups[3] == groups[1]  # 0 is a copy of 3, which has the owner of 1
    assert len(set(groups.tolist())) == 4
    assert len(set(groups_of(digests, thumbs).tolist())) == 5
