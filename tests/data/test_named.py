"""Pictures that a user names: files and folders; what is none gets a line."""

import pytest
from PIL import Image

from core.data.named import NamedPictures
from core.errors import UserError


@pytest.fixture
def place(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    Image.new("RGB", (5, 6)).save(tmp_path / "good.png")
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    for name in ("b.png", "a.png", ".hidden.png", "below/c.png"):
        Image.new("RGB", (5, 6)).save(folder / name)
    (folder / "notes.txt").write_text("of the journey")
    return tmp_path


def test_a_folders_pictures_are_those_in_it_in_the_order_of_their_names(place, capsys):
    folder = place / "folder"
    pictures = NamedPictures([str(place / "good.png"), str(folder), str(folder / "a.png")], "IMAGE")
    shown = {name: image.size for name, image in pictures}
    wanted = (place / "good.png", folder / "a.png", folder / "b.png")
    assert list(shown.items()) == [(str(path), (5, 6)) for path in wanted]
    pictures.check()  # what is no picture in a folder is left out, and no error
    left_out = f"left out: {folder / 'notes.txt'}: not an image, or its beginning is damaged\n"
    assert capsys.readouterr().out == left_out


def test_what_is_no_picture_gets_one_line(place):
    names = [str(place / "text.jpg"), "https://a.b/c.jpg", "~no-such-user/a.jpg", "a" * 256]
    names += [str(place / "folder" / "below" / "empty"), "/no/such.jpg"]
    (place / "folder" / "below" / "empty").mkdir()
    reasons = ["not an image", "an address", "there is no such home folder", "File name too long"]
    reasons += ["no file in it", "there is no such file"]
    pictures = NamedPictures([*names, str(place / "good.png")], "IMAGE")
    assert [name for name, _ in pictures] == [str(place / "good.png")]
    wanted = {name: f"IMAGE {name}: {reason}" for name, reason in zip(names, reasons, strict=True)}
    for name in names:
        (line,) = [line for line in pictures.refused if line.startswith(wanted[name])]
        assert line.endswith("a picture file is wanted")
    with pytest.raises(UserError) as caught:
        pictures.check()
    assert str(caught.value).count("a picture file is wanted") == 6


def test_a_folder_without_a_picture_is_refused(place):
    (place / "folder" / "below" / "c.png").write_text("none any more")
    pictures = NamedPictures([str(place / "folder" / "below")], "--images")
    assert list(pictures) == []
    with pytest.raises(UserError, match=r"^--images \S+below: no picture in it; a picture file"):
        pictures.check()


def test_no_argument_is_no_error():
    pictures = NamedPictures([], "IMAGE")
    assert list(pictures) == []
    pictures.check()
