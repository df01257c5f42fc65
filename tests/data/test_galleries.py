"""Folders and tables of boxes become pictures; what cannot be used is named in one line."""

import shutil

import numpy as np
import pytest
from PIL import Image

from core.data.galleries import boxed, folder, gather, mark, read_boxes
from core.data.photos import embedded
from core.data.pictures import describe
from core.errors import UserError

HEADER = "file,left,top,width,height,ignore\n"


def save(path, shade=0, size=(40, 30), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade).save(path, **options)
    return path


@pytest.fixture
def people(tmp_path):
    root = tmp_path / "people"
    for index in range(4):
        save(root / f"{index}.png", (40 * index, 0, 0))
    return root


def test_a_flat_folder_and_one_with_sub_folders_are_listed(people):
    flat = folder(people, "people", face=True)
    assert [each.name for each in flat.pictures] == ["0.png", "1.png", "2.png", "3.png"]
    assert flat.name == f"{people.parent.name}/people"
    assert flat.size == (30, 40)
    assert all(each.face and each.boxes is None for each in flat.pictures)
    deep = save(people / "abc" / "x.png", (9, 9, 9))
    nested = folder(people, "people", face=False)
    assert nested.name == "people"
    assert nested.pictures[-1].name == "abc/x.png"
    assert nested.pictures[-1].load().tolist()[0][0] == [9, 9, 9]
    assert nested.fingerprint != flat.fingerprint
    assert deep.exists()


def test_bad_files_and_copies_are_named(people):
    (people / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (people / "empty.png").touch()
    (people / ".hidden").touch()
    shutil.copy(people / "1.png", people / "zcopy.png")
    found = folder(people, "people", face=True)
    reasons = {each.path.rsplit("/", 1)[1]: each.reason for each in found.quarantined}
    assert set(reasons) == {"broken.jpg", "empty.png", "zcopy.png"}
    assert reasons["zcopy.png"] == "copy of another file"
    assert len(found.pictures) == 4


def test_grey_alpha_palette_and_turned_files_come_upright_in_rgb(tmp_path):
    root = tmp_path / "odd"
    save(root / "a.png", 77, mode="L")
    save(root / "b.png", (10, 20, 30, 255), mode="RGBA")
    save(root / "c.gif", 5, mode="P")
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "d.jpg", (200, 0, 0), exif=exif)
    shapes = [each.load().shape for each in folder(root, "people", face=True).pictures]
    assert shapes == [(30, 40, 3)] * 3 + [(40, 30, 3)]


@pytest.mark.parametrize("name", ["lfw", "LFW-sample", "other"])
def test_the_bias_of_lfw_is_told(tmp_path, name):
    save(tmp_path / name / "face" / "1.png")
    warnings = folder(tmp_path / name / "face", "people", face=True).warnings
    assert ("Viola-Jones" in " ".join(warnings)) is (name != "other")


def test_missing_and_empty_folders_are_one_line(tmp_path):
    with pytest.raises(UserError, match=r"^--people folder:\S+no: there is no such folder$"):
        folder(tmp_path / "no", "people", face=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"^--others folder:\S+: no file; one image or more"):
        folder(tmp_path / "empty", "others", face=False)
    (tmp_path / "empty" / "x.txt").write_text("x")
    with pytest.raises(UserError, match="1 files, none readable"):
        folder(tmp_path / "empty", "others", face=False)


def test_boxes_are_read_as_corners(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text(HEADER + "a.png,1,2,10,20,0\na.png,5,5,2,2,1\nb.png,0,0,3,4,\n")
    found = read_boxes(table)
    assert list(found) == ["a.png", "b.png"]
    assert [each.tolist() for each in found["a.png"]] == [[[1, 2, 11, 22]], [[5, 5, 7, 7]]]
    assert [each.shape for each in found["b.png"]] == [(1, 4), (0, 4)]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", HEADER + "a.png,1,2,x,4,0\n", HEADER + "a.png,1,2\n", "\x00", HEADER[:9]]
)
def test_what_is_no_table_is_one_line(tmp_path, text):
    table = tmp_path / "boxes.csv"
    table.write_text(text)
    if text in ("\x00", HEADER[:9]):
        assert read_boxes(table) == {}
        return
    with pytest.raises(UserError, match=r"^--boxes \S+: .*file, left, top, width, height") as error:
        read_boxes(table)
    assert "\n" not in str(error.value)


def test_a_table_brings_its_own_pictures_and_marks_those_of_folders(tmp_path, people):
    place = tmp_path / "marked"
    save(place / "images" / "own.png", (1, 2, 3))
    table = place / "boxes.csv"
    table.write_text(HEADER + "own.png,1,1,9,9,0\n2.png,3,3,5,5,0\n")
    own, elsewhere = boxed(table)
    assert [each.name for each in own.pictures] == ["images/own.png"]
    assert own.pictures[0].boxes.tolist() == [[1, 1, 10, 10]]
    assert list(elsewhere) == ["2.png"]
    others = folder(people, "others", face=False)
    (marked,) = mark([others], elsewhere)
    assert [each.name for each in marked.pictures] == ["0.png", "1.png", "3.png"]
    assert marked.warnings[-1].endswith("show a face and were left out: 2.png")
    (known,) = mark([folder(people, "people", face=True)], elsewhere)
    assert known.pictures[2].boxes.tolist() == [[3, 3, 8, 8]]
    assert marked.fingerprint != others.fingerprint
    for name, where in {"own.png": "neither beside", "2.png": "in several places"}.items():
        rows = {name: (own.pictures[0].boxes, own.pictures[0].ignored)}
        with pytest.raises(UserError, match=rf"^--boxes: {name} is {where}"):
            mark([others, others], rows)
    # A table beside the folder's own files marks these, and makes no second gallery.
    beside = people.parent / "beside.csv"
    beside.write_text(HEADER + "3.png,1,1,9,9,0\n")
    (same,), _ = gather([f"folder:{people}"], [], [beside], tmp_path)
    assert [each.boxes is not None for each in same.pictures] == [False, False, False, True]


def test_folders_are_looked_for_below_the_root_too(tmp_path, people):
    found, others = gather([], ["folder:people"], [], tmp_path)
    assert (len(found[0].pictures), others) == (4, [found[0].name])
    with pytest.raises(UserError, match="every set once"):
        gather(["folder:people"], ["folder:people"], [], tmp_path)


def test_embedded_pictures_are_as_described():
    photos, patches = embedded()
    assert len(photos.pictures) == 20
    assert [each.name for each in photos.pictures if each.face] == [
        "astronaut",
        "camera",
        "grace_hopper",
    ]
    for each in photos.pictures:
        image = each.load()
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        inside = [image.shape[1], image.shape[0]] * 2
        assert ((each.boxes >= 0) & (each.boxes <= inside)).all()
    assert [each.face for each in patches.pictures] == [True] * 100 + [False] * 100
    assert patches.pictures[0].load().shape == (150, 150, 3)
    card = describe([photos, patches])
    assert card.name == "photos + lfw-patches"
    assert card.counts == {"test": [103, 117]}
    assert card.shape == (3, 1411, 1411)
    assert any("Viola-Jones" in line for line in card.warnings)


def test_samples_are_seeded_and_stratified():
    patches = embedded()[1]
    one, same, other = patches.sample(7, 0), patches.sample(7, 0), patches.sample(7, 1)
    assert [p.name for p in one.pictures] == [p.name for p in same.pictures]
    assert [p.name for p in one.pictures] != [p.name for p in other.pictures]
    assert [p.face for p in one.pictures] == [True] * 7 + [False] * 7
    assert len(patches.sample(1000, 0).pictures) == 200
