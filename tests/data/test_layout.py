"""Sides of a split under their usual names; what may be a side or not is refused."""

from itertools import product

import pytest
from PIL import Image

from core.data.layout import read
from core.errors import UserError


@pytest.fixture
def root(tmp_path):
    return tmp_path / "set"


def fill(root, *folders, n=1):
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for index in range(n):
            Image.new("RGB", (2, 2)).save(root / folder / f"{index}.png")


def sides(root, **options):
    found = read(root, **options)
    return {(each.path.parent.relative_to(root).as_posix(), each.side) for each in found.entries}


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        *product(("train", "Training"), ("val", "valid", "VALIDATION", "dev"), ("test", "Testing")),
        ("TRAIN", "Dev", "TEST"),
    ],
)
def test_usual_names_are_sides(root, train, val, test):
    fill(root, *(f"{side}/{name}" for side in (train, val, test) for name in "ab"))
    names = {train: "train", val: "val", test: "test"}
    assert sides(root) == {(f"{a}/{b}", side) for a, side in names.items() for b in "ab"}
    assert {each.label for each in read(root).entries} == {"a", "b"}


def test_two_names_of_one_side_are_one_side(root):
    fill(root, "train/a", "train/b", "val/a", "dev/b")
    assert sides(root) == {
        ("train/a", "train"), ("train/b", "train"), ("val/a", "val"), ("dev/b", "val")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (
            ["Testing/a", "Testing/b", "val/a", "val/b"],
            "sides Testing, val; a folder train is want",
        ),
        (
            ["train/a", "train/b", "holdout/a", "holdout/c"],
            "holdout: sides of a split by names tha",
        ),
        (["seg_train/a", "seg_test/a"], "seg_test, seg_train: sides of a split by names that are"),
        (["seg_train/seg_train/a", "seg_test/seg_test/a"], "seg_test, seg_train: sides of a split"),
        (["Test/a", "Test/b", "TrainSet/a", "TrainSet/b"], "TrainSet: sides of a split by names"),
        (["train", "test"], "test and train are sides of a split without a sub-folder per class"),
    ],
)
def test_what_may_be_sides_is_refused(root, folders, words):
    fill(root, *folders)
    with pytest.raises(UserError) as error:
        read(root)
    assert str(error.value).startswith(f"--data folder:{root}: {words}")


@pytest.mark.parametrize(
    "folders",
    [
        ["car", "plane", "train"],
        ["benign/40X", "benign/100X", "malignant/40X", "malignant/100X"],
        ["test", "control"],
        ["train station", "test tube"],
    ],
)
def test_classes_are_classes(root, folders):
    fill(root, *folders)
    assert sides(root) == {(folder, "train") for folder in folders}


def test_all_that_is_left_out_is_named(root):
    fill(root, "train/a", "train/b", "test", "extra/deep")
    for place in (root, root / "train", root / "train" / "a"):
        Image.new("RGB", (2, 2)).save(place / "beside.JPG")
        (place / "._beside.JPG").touch()
    (root / "train" / "c").mkdir()
    (root / "README.txt").touch()
    found = read(root)
    assert {each.path.relative_to(root).as_posix() for each in found.entries} == {
        "train/a/0.png", "train/a/beside.JPG", "train/b/0.png"
    }  # fmt: skip
    assert {
        path.relative_to(root).as_posix(): why.split(" (")[0] for path, why in found.left_out
    } == {
        "beside.JPG": "in no class's folder",
        "train/beside.JPG": "in no class's folder",
        "train/c": "a folder without a file",
        "test/0.png": "beside the sides",
        "extra/deep/0.png": "beside the sides",
    }


def test_links_below_a_class_are_followed_once(root, tmp_path):
    fill(root, "a/own", "b")
    fill(tmp_path, "elsewhere")
    for name in ("a/linked", "a/twice", "b/linked"):
        (root / name).symlink_to(tmp_path / "elsewhere")
    (root / "a" / "own" / "up").symlink_to(root)
    (tmp_path / "elsewhere" / "back").symlink_to(root / "a")
    found = read(root)
    assert sides(root) == {
        (name, "train") for name in ("a/own", "a/linked", "b", "b/linked", "b/linked/back/own")
    }
    assert {path.relative_to(root).as_posix(): why for path, why in found.left_out} == {
        "a/linked/back": "a link that leads back up",
        "a/own/up": "a link that leads back up",
        "a/twice": "the same folder as linked",
        "b/linked/back/linked": "the same folder as linked",
        "b/linked/back/own/up": "a link that leads back up",
        "b/linked/back/twice": "the same folder as linked",
    }
