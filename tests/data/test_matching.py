"""A name is a string: whole path first, then its end, and never a picture of another folder."""

import unicodedata

import pytest

from core.data.matching import AmbiguousError, match

NAMES = ("train/mel/0.png", "train/nv/0.png", "train/nv/1.jpg", "test/mel/2.png", "1.3.6.png")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("train/mel/0.png", 0),
        ("mel/0", 0),
        ("nv/0.png", 1),
        ("./nv\\0.PNG ", 1),
        ("1", 2),
        ("1.jpg", 2),
        ("1.png", 2),  # saved in another format
        ("/home/me/set/train/nv/1.jpg", 2),
        ("test/nv/1.jpg", None),  # another folder's
        ("2.5", None),
        ("1.3.6", 4),
        ("1.3", None),
        ("elsewhere/1.3.6.png", 4),
        ("", None),
    ],
)
def test_names_stand_for_pictures(name, place):
    assert match([name], NAMES) == [place]


def test_what_several_pictures_are_called_is_refused():
    with pytest.raises(AmbiguousError, match=r"^0 is train/mel/0.png and train/nv/0.png$"):
        match(["0"], NAMES)
    with pytest.raises(AmbiguousError, match=r"^a is x/a.jpg and x/a.png$"):
        match(["a"], ["x/a.jpg", "x/a.png"])
    assert match(["a.jpg", "x/a.png"], ["x/a.jpg", "x/a.png"]) == [0, 1]


def test_a_whole_path_wins_over_the_end_of_another():
    assert match(["0.png", "a"], ["deep/0.png", "0.png", "a.png", "a"]) == [1, 3]


def test_ids_with_dots_are_no_file_names():
    ids = [f"1.3.6.1.4.1.9590.100.1.2.{i}" for i in range(8)]
    assert match(ids, ids[::-1]) == list(range(7, -1, -1))
    assert match([f"{each}.png" for each in ids], ids) == list(range(8))


def test_composed_and_decomposed_accents_are_the_same():
    name = "Müller é.png"
    assert match([unicodedata.normalize("NFC", name)], [unicodedata.normalize("NFD", name)]) == [0]
