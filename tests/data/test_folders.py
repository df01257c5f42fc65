"""Folders of images: both layouts, what is left out and said, and nothing from the file system."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from core.data.config import DataConfig
from core.data.images import OnDisk
from core.data.sources import load
from core.data.stamp import stamp
from core.errors import UserError


def picture(seed, size=(12, 12)):
    values = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.NEAREST)


def fill(folder, seeds, size=(12, 12)):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        picture(seed, size).save(folder / f"{seed:03}.png")
    return folder


@pytest.fixture
def flat(tmp_path):
    root = tmp_path / "flat"
    fill(root / "cat", range(10))
    fill(root / "dog", range(10, 25))
    return root


def config(root, **options):
    return DataConfig(data=f"folder:{root}", **options)


def test_flat_folders_are_divided(flat):
    splits = load(config(flat))
    assert splits.card.classes == ("cat", "dog")
    assert splits.card.counts == {"train": [6, 9], "val": [2, 3], "test": [2, 3]}
    assert splits.card.shape == (3, 12, 12)
    every = torch.cat([splits.train.pixels, splits.val.pixels, splits.test.pixels])
    originals = [np.asarray(picture(seed)).transpose(2, 0, 1) for seed in range(25)]
    assert sorted(each.numpy().tobytes() for each in every) == sorted(
        each.tobytes() for each in originals
    )


@pytest.mark.parametrize("valid", ["valid", "val"])
def test_the_courses_layout_keeps_its_sides(tmp_path, valid):
    sides = {"train": 0, valid: 100, "test": 200}
    for side, start in sides.items():
        fill(tmp_path / side / "a", range(start, start + 5))
        fill(tmp_path / side / "b", range(start + 50, start + 53))
    splits = load(config(tmp_path))
    assert splits.card.counts == {name: [5, 3] for name in ("train", "val", "test")}
    assert splits.card.split == "as the source has it"
    for part, start in zip((splits.train, splits.val, splits.test), sides.values(), strict=True):
        seeds = [*range(start, start + 5), *range(start + 50, start + 53)]
        expected = [np.asarray(picture(seed)).transpose(2, 0, 1) for seed in seeds]
        assert (part.pixels.numpy() == np.stack(expected)).all()
        assert part.labels.tolist() == [0] * 5 + [1] * 3


def test_a_class_called_train_is_a_class(tmp_path):
    for number, name in enumerate(("car", "plane", "train")):
        fill(tmp_path / name, range(10 * number, 10 * number + 5))
    assert load(config(tmp_path)).card.classes == ("car", "plane", "train")


def test_deep_hidden_odd_and_foreign_names(tmp_path):
    root = tmp_path / "ein Ordner, größer # 1"
    fill(root / "3" / "deeper" / "still", range(5))
    fill(root / "10 日本", range(5, 10))
    fill(root / ".thumbnails", range(10, 15))
    picture(20).save(root / "3" / "._001.png")
    (root / "3" / "not a\nphoto é.png").write_text("hello")
    (root / "README.txt").write_text("files beside the class folders belong to no class")
    card = load(config(root)).card
    assert card.classes == ("10 日本", "3")
    assert sum(map(sum, card.counts.values())) == 10
    assert [each.path for each in card.quarantined] == ["3/not a\\nphoto é.png"]
    assert card.name == "folder:ein Ordner, größer # 1"
    assert card.source == "the folder ein Ordner, größer # 1, one sub-folder per class"


def test_names_that_are_no_text_are_written_as_bytes(flat):
    fill(flat / os.fsdecode(b"caf\xe9"), range(50, 55))
    fill(flat / os.fsdecode(b"caf\xe8"), range(60, 65))
    (flat / "cat" / os.fsdecode(b"\xff.png")).touch()
    card = load(config(flat)).card
    assert card.classes == (r"caf\xe8", r"caf\xe9", "cat", "dog")
    assert card.quarantined[0].path == r"cat/\xff.png"
    assert str(card.as_dict()).encode()
    with pytest.raises(UserError, match="a text in UTF-8 is wanted"):
        config(os.fsdecode(b"caf\xe9"))


def test_what_cannot_be_read_is_listed_and_the_rest_goes_on(flat):
    (flat / "cat" / "000.png").write_bytes(b"")
    content = (flat / "dog" / "010.png").read_bytes()
    (flat / "dog" / "010.png").write_bytes(content[:60])
    (flat / "dog" / "a.jpg").write_text("plain text")
    card = load(config(flat)).card
    assert [each.path for each in card.quarantined] == [
        "cat/000.png",
        "dog/010.png",
        "dog/a.jpg",
    ]
    assert card.quarantined[0].reason == "empty file"
    assert sum(map(sum, card.counts.values())) == 23
    assert "left out: 3 files, such as cat/000.png (empty file)" in str(card)


def test_nothing_depends_on_the_file_system(flat, tmp_path, monkeypatch):
    first = load(config(flat))
    other = tmp_path / "elsewhere"
    for path in sorted(flat.rglob("*.png"), reverse=True):  # other inodes, made in another order
        target = other / path.relative_to(flat)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    listed, scanned = os.listdir, os.scandir

    class Backwards:
        def __init__(self, path):
            with scanned(path) as entries:
                self.left = iter(list(entries)[::-1])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.left)

    monkeypatch.setattr(os, "listdir", lambda path=".": listed(path)[::-1])
    monkeypatch.setattr(os, "scandir", Backwards)
    second = load(config(other))
    assert first.card.fingerprint == second.card.fingerprint
    for part in ("train", "val", "test"):
        one, two = getattr(first, part), getattr(second, part)
        assert torch.equal(one.pixels, two.pixels)
        assert torch.equal(one.labels, two.labels)


def test_links_to_folders_are_followed_once_and_loops_not_at_all(flat, tmp_path):
    elsewhere = fill(tmp_path / "elsewhere", range(50, 55))
    (flat / "bird").symlink_to(elsewhere)  # a class may lie on another disk
    (flat / "cat" / "up").symlink_to(flat)
    (flat / "cat" / "self").symlink_to(flat / "cat" / "self")
    (flat / "all").symlink_to(flat)
    card = load(config(flat)).card
    assert card.classes == ("bird", "cat", "dog")
    assert sum(map(sum, card.counts.values())) == 30
    up = "a link that leads back up"
    assert {each.path: each.reason for each in card.quarantined} == {
        "all": up,
        "cat/self": "Too many levels of symbolic links",
        "cat/up": up,
    }


def test_size(flat):
    assert load(config(flat, size=5)).card.shape == (3, 5, 5)
    fill(flat / "cat", [90], size=(20, 10))
    assert load(config(flat)).card.shape == (3, 64, 64)
    fill(flat / "dog", [91], size=(300, 10))
    assert load(config(flat)).card.shape == (3, 64, 64)


def test_large_sets_stay_on_disk_and_give_the_same(flat):
    fill(flat / "cat", [90], size=(30, 20))
    held, streamed = load(config(flat)), load(config(flat, memory=0))
    assert isinstance(streamed.train, OnDisk)
    assert held.card == streamed.card
    assert held.train.shape == streamed.train.shape
    assert torch.equal(held.test.labels, streamed.test.labels)
    assert torch.equal(held.test.pixels, streamed.test.tensor())
    assert held.test.names == streamed.test.names


@pytest.mark.parametrize("made", [[], ["only"], ["only", "empty"]])
def test_a_folder_without_two_classes_is_refused(tmp_path, made):
    root = tmp_path / "data"
    root.mkdir()
    for name in made:
        (root / name).mkdir()
    if made:
        fill(root / "only", range(5))
    with pytest.raises(UserError) as caught:
        load(config(root))
    seen = f"{5 if made else 0} readable images of {1 if made else 0} classes"
    if "empty" in made:
        seen += ", and 1 left out (empty: a folder without a file)"
    assert str(caught.value).startswith(f"--data folder:{root}: {seen}; ")
    assert "\n" not in str(caught.value)


def test_a_folder_of_rubbish_says_why(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").touch()
    with pytest.raises(UserError, match=r"2 left out \(a/x.jpg: empty file\)"):
        load(config(tmp_path))


def test_a_missing_folder_and_a_file_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="there is no such folder"):
        load(config(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"--data folder:.*file: a folder is wanted"):
        config(tmp_path / "file")


def test_a_folder_below_the_data_root_is_found_unless_one_is_here(flat, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    below = DataConfig(data=f"folder:{flat.name}", data_root=flat.parent)
    assert load(below).card.fingerprint == load(config(flat)).card.fingerprint
    assert stamp(below) == stamp(config(flat))
    (tmp_path / "elsewhere" / flat.name).mkdir()
    with pytest.raises(UserError, match="for each of two"):
        load(below)


def test_a_folder_that_may_not_be_read_is_no_silent_gap(flat, monkeypatch):
    fill(flat / "dog" / "secret", [80, 81])
    listed = os.listdir

    def guarded(path="."):
        if "secret" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "listdir", guarded)
    with pytest.raises(UserError, match="secret may not be read: Permission denied"):
        load(config(flat))


def test_a_few_images_are_too_few(flat):
    fill(flat / "rare", [70, 71])
    with pytest.raises(UserError, match="class 'rare' has 2 images"):
        load(config(flat))
