"""Drawings of a user's pictures have names of their own, and are written or refused in a line."""

from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from PIL import Image

from core.errors import UserError
from core.provenance import ROOT
from reports.drawings import places, save


def test_pictures_of_one_name_have_drawings_of_their_own(tmp_path):
    names = ["a/dog.jpg", "b/dog.png", "dog-2.gif", "c/dog.jpg", "cat.jpg"]
    found = places(names, tmp_path, "breed")
    assert [path.name for path in found.values()] == [
        *("dog.jpg-breed.png", "dog.png-breed.png", "dog-2.gif-breed.png"),
        *("dog.jpg-2-breed.png", "cat.jpg-breed.png"),
    ]
    assert list(found) == names
    assert {path.parent for path in found.values()} == {tmp_path}
    names = [str(tmp_path / name) for name in ("a.jpg", "a.jpg-breed.png")]
    found = places(names, tmp_path, "breed")  # no drawing takes a picture's place
    assert found[names[0]].name == "a.jpg-2-breed.png"
    assert places(["a.jpg"], None, "faces") == {"a.jpg": ROOT / "mlruns/pictures/a.jpg-faces.png"}


def test_a_figure_is_written_below_new_folders_and_closed(tmp_path, capsys):
    before = plt.get_fignums()
    path = tmp_path / "new" / "x.png"
    save(plt.figure(figsize=(2, 1)), path)
    with Image.open(path) as image:
        assert image.size == (240, 120)
    assert f"drawn: {path}" in capsys.readouterr().out
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"^--out \S+/file: .*; a folder to write to is wanted$"):
        save(plt.figure(), tmp_path / "file" / "x.png")
    assert plt.get_fignums() == before
    assert sorted(p.name for p in Path(tmp_path / "new").iterdir()) == ["x.png"]
