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
    table = read(ham)
    assert table.rows["ISIC_0000002"] == Row("nevus", "HAM_0000001")
    assert table.is_labelled
    splits = load(DataConfig(data=f"folder:{ham}"))
    assert splits.card.classes == ("melanoma", "nevus", "seborrheic_keratosis")
    for counts in splits.card.counts.values():
        assert all(count % 2 == 0 and count > 0 for count in counts)
    assert "lesion" in splits.card.split


def test_a_folder_without_a_table_is_as_before(tmp_path):
    for root in (tmp_path, tmp_path / "missing"):
        table = read(root)
        assert table.rows == {}
        assert table.find(["a/1.png"]) == [None]
        assert table.warnings(["a/1.png"], [None]) == []


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"id,dx\n1,mel\n", "the column image_id is not among id, dx; a CSV table with the col"),
        (b"image_id\na\na\n", "row 3: names a twice; once is wanted"),
        (b"image_id,dx\na,nv\nb,\n", "row 3: dx is empty; a class is wanted"),
        (b"image_id,dx\na,nv\n,mel\n", "row 3: image_id is empty; a value is wanted"),
        (b"image_id,note\n000,M\xfcller\n", "row 2 is not UTF-8 (byte 0xfc); a table saved as CSV"),
        ("image_id\na\n".encode("utf-16"), "row 1 is not UTF-8 (byte 0xff); a table saved as"),
        (b"", "an empty file; a CSV table with the columns image_id is wanted"),
        (b"image_id,dx\n", "no rows below the header; a CSV table"),
        (b"image_id,dx\na,nv\nb,nv,1\n", "row 3: 3 cells; 2, as in row 1, are wanted"),
        (b"image_id,dx\na\n", "row 2: 1 cells; 2, as in row 1, are wanted"),
        (b'image_id,dx\n"a,nv\nb,nv\n', "row 2: unexpected end of data; a CSV table"),
        (b"image_id;dx\na;nv\n", "the column image_id is not among image_id;dx; a CSV table"),
        (b"image_id,image_id\na,b\n", "the column image_id is twice; a CSV table"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(tmp_path, content, wanted):
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert str(error.value).startswith(f"--data: metadata.csv: {wanted}")


def test_a_folder_two_tables_and_hidden_ones(tmp_path):
    (tmp_path / "._HAM_metadata.csv").write_bytes(bytes(200))
    assert read(tmp_path).rows == {}
    (tmp_path / "Metadata.CSV").write_text("\ufeffimage_id , patient_id\r\n a ,p1 ,\r\n,,\r\n")
    assert read(tmp_path).rows == {"a": Row(group="p1")}
    (tmp_path / "old_metadata.csv").mkdir()
    with pytest.raises(UserError, match=r"Metadata.CSV and old_metadata.csv lie in .*; one table"):
        read(tmp_path)
    (tmp_path / "Metadata.CSV").unlink()
    with pytest.raises(UserError, match=r"old_metadata.csv: not a regular file; a CSV table"):
        read(tmp_path)


@pytest.fixture
def eight(tmp_path):
    """Write eight pictures each of cats and dogs; names repeat."""
    for index, folder in enumerate(("cat", "dog")):
        (tmp_path / folder).mkdir()
        for number in range(8):
            pixels = np.random.default_rng(10 * index + number).integers(
                0, 256, (8, 8, 3), np.uint8
            )
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.{index}.png")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["{0}.{1}.png", "{0}.{1}", "{2}/{0}.{1}.png", "{2}/{0}.{1}", "{2}\\{0}.{1}.JPG"]
)
def test_an_image_is_known_with_and_without_suffix_and_folder(eight, name):
    """Four images of a patient: no patient may be on two sides."""
    rows = [
        f"{name.format(number, index, folder)},p{index}{number // 4}"
        for index, folder in enumerate(("cat", "dog"))
        for number in range(8)
    ]
    (eight / "metadata.csv").write_text("image_id,patient_id\n" + "\n".join(rows))
    with pytest.raises(UserError, match=r"'cat' has 2 images .* of one patient or lesion, once"):
        load(DataConfig(data=f"folder:{eight}"))
    found = read(eight).find(["cat/0.0.png", "dog/4.1.png", "dog/notes.txt"])
    assert found == [Row(group="p00"), Row(group="p11"), None]


def test_a_table_that_fits_no_or_few_images_is_refused(eight):
    rows = [f"00{number},p{number}" for number in range(16)]
    (eight / "metadata.csv").write_text("image_id,patient_id\n" + "\n".join(rows))
    with pytest.raises(UserError) as error:
        load(DataConfig(data=f"folder:{eight}"))
    assert str(error.value).startswith(
        "--data: 16 of 16 images have no row in metadata.csv, such as cat/0.0.png; its image_id is "
        "000 or the like; the images' names"
    )
    rows = [f"cat/{number}.0,p{number}" for number in range(8)] + ["dog/1.1,p9"]
    (eight / "metadata.csv").write_text("image_id,patient_id\n" + "\n".join(rows))
    card = load(DataConfig(data=f"folder:{eight}")).card
    assert card.warnings == [
        "7 of 16 images have no row in metadata.csv: dog/0.1.png, dog/2.1.png, dog/3.1.png ..."
    ]


def test_an_image_without_a_class_is_left_out_and_named(eight):
    rows = [f"{number}.{index},{['mel', 'nv'][index]}" for index in (0, 1) for number in range(7)]
    (eight / "metadata.csv").write_text("image_id,dx\n" + "\n".join(rows))
    card = load(DataConfig(data=f"folder:{eight}")).card
    assert card.classes == ("melanoma", "nevus")
    assert [(each.path, each.reason) for each in card.quarantined] == [
        ("cat/7.0.png", "no row in metadata.csv"),
        ("dog/7.1.png", "no row in metadata.csv"),
    ]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["0"], "0 is cat/0.png and dog/0.png; a path that only one image has is wanted"),
        (["cat/0", "cat/0.png"], "cat/0 and cat/0.png are both cat/0.png; one row an image"),
    ],
)
def test_ambiguous_names_are_refused(tmp_path, rows, problem):
    for folder in ("cat", "dog"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (3, 3), folder and "red").save(tmp_path / folder / "0.png")
    (tmp_path / "metadata.csv").write_text("image_id\n" + "\n".join(rows))
    with pytest.raises(UserError) as error:
        load(DataConfig(data=f"folder:{tmp_path}"))
    assert str(error.value).startswith(f"--data: metadata.csv: {problem}")


def test_sides_without_sub_folders_take_their_classes_from_the_table(tmp_path):
    lines = ["image_id,dx"]
    for side, number in (("train", 0), ("Testing", 50)):
        (tmp_path / side).mkdir()
        for index in range(number, number + 10):
            pixels = np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / side / f"{index}.png")
            lines.append(f"{index},{('mel', 'nv')[index % 2]}")
    with pytest.raises(
        UserError, match="Testing and train are sides of a split without a sub-fold"
    ):
        load(DataConfig(data=f"folder:{tmp_path}"))
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    card = load(DataConfig(data=f"folder:{tmp_path}")).card
    assert card.counts == {"train": [4, 4], "val": [1, 1], "test": [5, 5]}


def test_owners_join_copies_into_chains():
    thumbs = np.eye(6, 256, dtype=np.float32) * 10
    digests = [b"a", b"b", b"c", b"a", b"e", b"f"]
    groups = groups_of(digests, thumbs, ["", "x", "y", "x", "", ""])
    assert groups[0] == groups[3] == groups[1]  # 0 is a copy of 3, which has the owner of 1
    assert len(set(groups.tolist())) == 4
    assert len(set(groups_of(digests, thumbs).tolist())) == 5
