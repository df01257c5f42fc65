"""The embedded sets, torchvision's where they are at hand, and one line where they are not."""

import socket
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from core.data.card import Card, Quarantined
from core.data.config import DataConfig
from core.data.sources import LFW_BIAS, load
from core.errors import UserError


def every(splits):
    parts = (splits.train, splits.val, splits.test)
    return torch.cat([part.pixels for part in parts]), torch.cat([part.labels for part in parts])


def test_digits_are_scikit_learns():
    splits, found = load(DataConfig()), load_digits()
    pixels, labels = every(splits)
    assert pixels.dtype == torch.uint8
    assert splits.train.shape == (1, 8, 8)
    assert splits.card.classes == tuple("0123456789")

    def rows(images, truth):
        return sorted(zip(map(bytes, images.reshape(len(images), -1)), truth, strict=True))

    scaled = np.round(found.images / 16 * 255).astype(np.uint8)
    assert rows(pixels.numpy(), labels.tolist()) == rows(scaled, found.target.tolist())
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [1078, 360, 359]
    assert sum(map(sum, splits.card.counts.values())) == 1797
    parts = (splits.train, splits.val, splits.test)
    places = [int(name.removeprefix("image-")) for part in parts for name in part.names]
    assert torch.equal(labels, torch.from_numpy(found.target)[places])


def test_patches_are_faces_first_and_warn_of_the_bias():
    splits = load(DataConfig(data="lfw-patches"))
    _, labels = every(splits)
    assert splits.train.shape == (1, 25, 25)
    assert splits.card.classes == ("not a face", "face")
    assert labels.bincount().tolist() == [100, 100]
    assert LFW_BIAS in splits.card.warnings


def test_loading_twice_gives_the_same():
    one, two = load(DataConfig(split_seed=3)), load(DataConfig(split_seed=3))
    assert one.card == two.card
    assert torch.equal(one.train.pixels, two.train.pixels)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")]
)
def test_torchvision_sets_keep_their_test_images(real_data, name, folder):
    root = real_data(f"{folder}/raw").parents[1]
    splits = load(DataConfig(data=name, data_root=root))
    sizes = [len(part) for part in (splits.train, splits.val, splits.test)]
    assert sizes[2] == 10_000
    assert 59_000 < sizes[0] + sizes[1] <= 60_000
    assert abs(sizes[1] - 12_000) < 100
    assert splits.train.shape == (1, 28, 28)
    assert sum(splits.card.counts["test"]) == 10_000
    assert splits.card.split == "train and test as the source has them; val a fifth of the " + (
        "training images each, by class, copies kept together, seed 0"
    )
    from torchvision import datasets

    official = getattr(datasets, folder)(root, train=False)
    assert torch.equal(splits.test.pixels[:, 0], official.data)
    assert torch.equal(splits.test.labels, official.targets)
    assert splits.test.names[42] == "test-00042"
    assert len({*splits.train.names, *splits.val.names}) == sizes[0] + sizes[1]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_a_missing_set_is_one_line_and_soon(tmp_path, monkeypatch, name):
    def unreachable(*_, **__):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load(DataConfig(data=name, data_root=tmp_path / "no sets here"))
    line = str(caught.value)
    assert time.monotonic() - start < 20
    assert "\n" not in line
    assert line.startswith(f"--data-root {tmp_path / 'no sets here'}: ")
    assert "cannot be downloaded" in line
    assert "DATA_ROOT" in line
    assert socket.getdefaulttimeout() is None


def test_a_damaged_set_is_one_line(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (raw / f"{part}-{kind}").write_bytes(b"\0\0\x08\x03 cut off")
    with pytest.raises(UserError, match="MNIST in MNIST/raw is damaged") as caught:
        load(DataConfig(data="mnist", data_root=tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", ["imagenet", "folder:", "Digits", ""])
def test_an_unknown_set_is_refused(data):
    with pytest.raises(
        UserError, match=r"--data .*: one of digits, lfw-patches, drawn-digits, lesions, mnist"
    ):
        DataConfig(data=data)


@pytest.mark.parametrize(
    ("option", "value"), [("size", 0), ("split_seed", -1), ("memory", -1.0), ("memory", np.nan)]
)
def test_impossible_options_are_refused(option, value):
    with pytest.raises(UserError, match=f"--{option.replace('_', '-')} {value}"):
        DataConfig(**{option: value})


def test_the_card_says_it_in_one_line_and_in_plain_values():
    card = Card(
        name="folder:skin",
        source="the folder skin",
        fingerprint="0" * 64,
        classes=("a", "b"),
        shape=(3, 64, 48),
        counts={"train": [700, 500], "val": [10, 20], "test": [30, 70]},
        split="as the source has it",
        quarantined=[Quarantined("a/x.jpg", "empty file")],
        conflicts=[["a/1.jpg", "b/2.jpg"]],
    )
    assert str(card) == (
        "folder:skin: 1,200 train, 30 val, 100 test; 2 classes, 3x64x48; left out: 1 file, a/x.jpg "
        "(empty file); copies with different labels: 1, such as a/1.jpg"
    )
    assert card.baseline == 0.3  # a is the largest in training, whatever it is in test
    assert card.as_dict()["quarantined"] == [{"path": "a/x.jpg", "reason": "empty file"}]
