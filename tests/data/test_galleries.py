"""Folders and tables of boxes become pictures; what cannot be used is named in one line."""

import shutil

import numpy as np
import pytest
from PIL import Image

from core.data.boxes import read_boxes
from core.data.galleries import boxed, folder, gather, mark
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
    assert reasons["zcopy.png"] == "copy of 1.png"
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


@pytest.mark.parametrize(
    ("name", "biased"),
    [
        *((name, True) for name in ("lfw", "LFW-sample", "my_lfw_funneled", "lfwcrop", "1lfw")),
        *((name, False) for name in ("other", "halfway", "wolfwhistle", "selfweb", "calfwash")),
    ],
)
def test_the_bias_of_lfw_is_told_and_only_of_lfw(tmp_path, name, biased):
    save(tmp_path / name / "face" / "1.png")
    warnings = folder(tmp_path / name / "face", "people", face=True).warnings
    assert ("Viola-Jones" in " ".join(warnings)) is biased


def test_missing_and_empty_folders_are_one_line(tmp_path):
    with pytest.raises(
        UserError, match=r"^--people folder:\S+no: there is no such folder, here or below DATA_ROOT"
    ):
        folder(tmp_path / "no", "people", face=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"^--others folder:\S+: no file; one image or more"):
        folder(tmp_path / "empty", "others", face=False)
    (tmp_path / "empty" / "x.txt").write_text("x")
    with pytest.raises(UserError, match="1 files, none readable"):
        folder(tmp_path / "empty", "others", face=False)


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
    rows = read_boxes(table)
    with pytest.raises(UserError, match=r"^--boxes: own.png is neither beside .* 1 of 1 names"):
        mark([others], {"own.png": rows["own.png"]})
    with pytest.raises(UserError, match=r"^--boxes: own.png is .*; pictures there are wanted$"):
        mark([], {"own.png": rows["own.png"]})
    with pytest.raises(UserError, match=r"^--boxes: 2.png is \S+/people/2.png and \S+/2.png; a pa"):
        mark([others, others], {"2.png": rows["2.png"]})
    # A table beside the folder's own files marks these, and makes no second gallery.
    beside = people.parent / "beside.csv"
    beside.write_text(HEADER + "3.png,1,1,9,9,0\n")
    (same,), _ = gather([f"folder:{people}"], [], [beside], tmp_path)
    assert [each.boxes is not None for each in same.pictures] == [False, False, False, True]


def test_a_name_in_two_folders_is_refused_and_a_path_is_not(tmp_path, people):
    place = tmp_path / "marked"
    for index, name in enumerate(("one/x.png", "two/x.png", "x/y.png")):
        save(place / name, (0, 0, 100 + index))
    table = place / "boxes.csv"
    table.write_text(HEADER + "x.png,1,1,9,9,0\n")
    with pytest.raises(UserError, match=r"x.png is one/x.png and two/x.png; a path that only one"):
        boxed(table)
    table.write_text(HEADER + "two/x.png,1,1,9,9,0\n")
    gallery, elsewhere = boxed(table)
    assert ([each.name for each in gallery.pictures], elsewhere) == (["two/x.png"], {})
    table.write_text(HEADER + "two/x.png,1,1,9,9,0\nx,2,2,9,9,0\n")
    with pytest.raises(UserError, match=r"x is one/x.png and two/x.png"):
        boxed(table)
    table.write_text(HEADER + "y.png,1,1,9,9,0\ny,2,2,9,9,0\n")
    with pytest.raises(UserError, match=r"y.png and y are both x/y.png; one name is wanted"):
        boxed(table)
    save(place / "0.png", (0, 0, 77))  # the table's own; another one is in the folder given
    table.write_text(HEADER + "0.png,1,1,9,9,0\n")
    galleries, _ = gather([f"folder:{people}"], [], [table], tmp_path)
    assert [each.boxes is not None for each in galleries[0].pictures] == [False] * 4
    assert galleries[1].pictures[0].load()[0, 0].tolist() == [0, 0, 77]
    (place / "0.png").rename(place / "one" / "0.png")  # now either may be meant
    with pytest.raises(UserError, match=r"0.png is one/0.png and \S+/people/0.png"):
        gather([f"folder:{people}"], [], [table], tmp_path)


def test_a_box_outside_its_picture_is_refused_with_its_row(tmp_path, people):
    table = tmp_path / "boxes.csv"
    table.write_text(HEADER + "0.png,0,0,40,30,0\n1.png,30,0,11,9,0\n")
    with pytest.raises(UserError) as error:
        boxed(table)
    assert str(error.value) == (
        f"--boxes {table}: row 3: the box ends at 41, 9; a place in people/1.png, 40x30 pixels, "
        "is wanted"
    )
    with pytest.raises(UserError, match=r"row 3: the box ends at 41, 9; a place in 1.png"):
        gather([f"folder:{people}"], [], [table], tmp_path)


def test_a_folder_is_seen_as_by_all_readers(tmp_path, people):
    """Links are followed, hidden files skipped, loops and copies of folders named."""
    save(tmp_path / "elsewhere" / "9.png", (1, 99, 1))
    (people / "linked").symlink_to(tmp_path / "elsewhere")
    (people / "again").symlink_to(tmp_path / "elsewhere")
    (people / "up").symlink_to(people)
    (people / "._0.png").write_bytes(b"x")
    (people / "gone.png").symlink_to(people / "nothing")
    found = folder(people, "people", face=True)
    names = [each.name for each in found.pictures]
    assert names == ["0.png", "1.png", "2.png", "3.png", "again/9.png"]
    assert {each.path: each.reason for each in found.quarantined} == {
        "people/gone.png": "broken link",
        "people/linked": "the same folder as again",
        "people/up": "a link that leads back up",
    }


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
