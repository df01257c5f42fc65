"""Sets of the library `datasets`: what a folder of the same pictures gives, and no network."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from core.data import hub
from core.data.config import DataConfig
from core.data.images import OnDisk
from core.data.sources import load
from core.data.stamp import stamp
from core.errors import UserError

datasets = pytest.importorskip("datasets", reason="the extra hf is not installed")
CLASSES = ["cat", "dog", "not seen"]


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "root"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def encoded(seed):
    values = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).resize((12, 12), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def rows(seeds, label):
    return [({"bytes": encoded(seed), "path": None}, label) for seed in seeds]


def split(pairs, label=None, **more):
    images, labels = zip(*pairs, strict=True)
    kind = label or datasets.ClassLabel(names=CLASSES)
    features = {"image": datasets.Image(), "label": kind, **dict.fromkeys(more, kind)}
    values = {"image": images, "label": labels, **more}
    return datasets.Dataset.from_dict(values, datasets.Features(features))


def saved(found, folder):
    found.save_to_disk(folder)
    return f"hf:{folder}"


@pytest.fixture
def sides(tmp_path):
    """A set with the sides train and test; a copy on both, damage, and what has no label."""
    broken = [({"bytes": encoded(0)[:60], "path": None}, 0), (None, 1)]
    unknown = [({"bytes": encoded(99), "path": None}, -1)]
    train = rows(range(10), 0) + rows(range(10, 25), 1) + broken + unknown
    test = rows(range(50, 53), 0) + rows([60, 61, 10], 1)
    parts = {"test": split(test), "train": split(train), "spare": split(rows([70], 0))}
    return saved(datasets.DatasetDict(parts), tmp_path / "set")


def test_a_set_is_what_the_folder_of_its_pictures_is(sides, tmp_path):
    found = load(DataConfig(data=sides))
    for side, label, seeds in (
        *(("train", "cat", range(10)), ("train", "dog", range(10, 25))),
        *(("test", "cat", range(50, 53)), ("test", "dog", [60, 61, 10])),
    ):
        folder = tmp_path / "folder" / side / label
        folder.mkdir(parents=True)
        for place, seed in enumerate(seeds):
            (folder / f"{place:02}.png").write_bytes(encoded(seed))
    expected = load(DataConfig(data=f"folder:{tmp_path / 'folder'}"))
    assert found.card.fingerprint == expected.card.fingerprint
    assert found.card.counts["test"] == [3, 3]
    assert found.card.warnings == expected.card.warnings  # the copy is left out of training
    assert found.card.name == "hf:set"
    assert found.train.names[0] == "train/0000000"
    assert {each.path: each.reason for each in found.card.quarantined} == {
        "train/0000025": "truncated",
        "train/0000026": "empty file",
        "train/0000027": "no label",
        "spare": f"a split of another name than {', '.join(hub.SIDES)}",
    }


def test_pictures_are_written_once_and_streamed(sides, monkeypatch):
    first = load(DataConfig(data=sides))
    monkeypatch.setattr(hub, "_write", lambda *_: pytest.fail("written twice"))
    again = load(DataConfig(data=sides, memory=0))
    assert isinstance(again.train, OnDisk)
    assert again.train.tensor().equal(first.train.tensor())


def test_a_set_saved_anew_is_another(sides, tmp_path):
    before = stamp(DataConfig(data=sides))
    assert before == stamp(DataConfig(data=sides))
    shutil.rmtree(tmp_path / "set")
    saved(split(rows(range(10), 0) + rows(range(10, 20), 1)), tmp_path / "set")
    assert before != stamp(DataConfig(data=sides))
    assert load(DataConfig(data=sides)).card.counts["train"] == [6, 6]  # one split is divided


def test_a_folder_is_read_by_the_library(tmp_path):
    for label, start in (("a", 0), ("b", 20)):
        for seed in range(start, start + 10):
            (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / label / f"{seed}.png").write_bytes(encoded(seed))
    card = load(DataConfig(data=f"hf:{tmp_path / 'set'}")).card
    assert (card.classes, card.counts["train"]) == (("a", "b"), [6, 6])


def test_labels_may_be_words(tmp_path):
    pairs = rows(range(10), "one") + rows(range(10, 20), "two")
    data = saved(split(pairs, datasets.Value("string")), tmp_path / "set")
    assert load(DataConfig(data=data)).card.classes == ("one", "two")


def test_columns_that_are_none_or_many_are_one_line(tmp_path):
    pairs = rows(range(4), 0)
    two = split(pairs, fine=[1] * 4).rename_column("label", "coarse")
    with pytest.raises(UserError, match=r"hf:.*: 2 columns of classes among image, coarse, fine; "):
        load(DataConfig(data=saved(two, tmp_path / "two")))
    with pytest.raises(UserError, match=r"0 columns of pictures among label; one, or one called"):
        load(DataConfig(data=saved(split(pairs).remove_columns("image"), tmp_path / "none")))


def test_a_set_that_is_not_there_is_one_line():
    with pytest.raises(UserError, match=r"^--data hf:nobody/nothing: .* is wanted$") as caught:
        load(DataConfig(data="hf:nobody/nothing"))
    assert "\n" not in str(caught.value)


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"the package datasets \(pip install '.\[hf\]'\) is"):
        load(DataConfig(data="hf:nobody/nothing"))


def test_a_write_that_fails_leaves_nothing(sides, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_content", lambda cell: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load(DataConfig(data=sides))
    assert not list((tmp_path / "root/hf").iterdir())
