"""Readers beside the networks: published ones, and the user's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.card import Card, Quarantined
from core.data.images import InMemory, Splits
from core.errors import UserError
from reports.skin import exhibits, tasks
from reports.skin.readers import against, beside, packed, published, read, stored
from tests.reports.skin.lesions import CLASSES, COUNTS, LABELS, N, labels


def test_published_readers_are_shares_with_a_citation():
    readers = published()
    assert len(readers) == len({reader.name for reader in readers}) >= 8
    for reader in readers:
        assert 0 < reader.sensitivity < 1
        assert 0 < reader.specificity < 1
        assert any(char.isdigit() for char in reader.citation)
    assert sum(reader.dermoscopic for reader in readers) == 3


def test_our_specificity_stands_beside_the_readers_of_the_same_task():
    truth = np.arange(100) < 40
    scores = np.stack([np.where(truth, 1.0, 0.0)] * 2)
    frame = beside("net", scores, truth, published())
    near = np.array([reader.dermoscopic for reader in published()])
    assert (frame.loc[near, "net, specificity there"] == 1).all()
    assert frame.loc[~near, "net, specificity there"].isna().all()


@pytest.fixture
def splits():
    names = tuple(f"test/c/ISIC_{i}.jpg" for i in range(N))
    images = InMemory(
        torch.zeros(N, 3, 4, 4, dtype=torch.uint8), labels=torch.from_numpy(LABELS), names=names
    )
    card = Card(
        name="isic2017",
        source="made up",
        fingerprint="0",
        classes=CLASSES,
        shape=(3, 4, 4),
        counts={side: list(COUNTS) for side in ("train", "val", "test")},
        split="none",
    )
    return Splits(images, images, images, card)


def test_own_readers_are_read_and_checked(tmp_path, splits):
    path = tmp_path / "readers.csv"
    path.write_text("reader,sensitivity,specificity\nDr A,0.8,0.7\n")
    (reader,) = read(path, splits, "melanoma")
    assert (reader.name, reader.sensitivity, reader.specificity) == ("Dr A", 0.8, 0.7)
    path.write_text("reader,sensitivity,specificity\nDr A,80,0.7\n")
    with pytest.raises(UserError, match="Dr A, sensitivity 80"):
        read(path, splits, "melanoma")
    path.write_text("reader,sensitivity\nDr A,0.8\n")
    with pytest.raises(
        UserError, match="the column specificity is not among reader, sensitivity; a"
    ):
        read(path, splits, "melanoma")


def test_readers_of_the_same_images_are_compared_in_pairs(tmp_path, splits, study):
    path = tmp_path / "calls.csv"
    # 5 of 60 melanomas missed, 10 of 180 others called; shuffled, one suffix left on; 20 unseen.
    said = [int(i < 55 or 60 <= i < 70) for i in range(N)]
    order = [i for i in np.random.default_rng(0).permutation(N).tolist() if i < N - 20]
    rows = [f"Dr B,ISIC_{i}{'.jpg' * (i == 3)},{said[i]}" for i in order]
    path.write_text("\n".join(["reader,image,call", *rows]))
    (reader,) = read(path, splits, "melanoma")
    assert reader.sensitivity == pytest.approx(55 / 60)
    assert reader.specificity == pytest.approx(150 / 160)
    perfect = np.tile(LABELS == 0, (3, 1))
    (row,) = against(perfect, LABELS == 0, [reader]).to_dict("records")
    assert row["sensitivity, ours - theirs"] == pytest.approx(5 / 60)
    assert row["specificity, ours - theirs"] == pytest.approx(10 / 160)
    assert row["sensitivity, ours - theirs_low"] > 0
    alone = replace(reader, calls={0: True, **dict.fromkeys(range(60, 90), False)})
    (row,) = against(perfect, LABELS == 0, [alone]).to_dict("records")
    assert np.isnan(row["sensitivity, ours - theirs"])  # one melanoma says nothing of others
    assert row["specificity, ours - theirs"] == 0
    coords, arrays = packed((reader,), N)
    shared = labels(**arrays)
    shared.coords.update(coords)
    kept = study(shared, pretrained={"skill": 40.0})
    assert stored(kept) == (reader,)
    (shown,) = exhibits.own_readers(kept).frame().to_dict("records")
    assert shown["images"] == N - 20
    task = tasks.melanoma(kept)
    ours = (task.scores("pretrained") >= task.chosen("pretrained")[:, None])[:, :60].mean()
    assert shown["sensitivity, ours - theirs"] == pytest.approx(ours - 55 / 60)
    assert shown["specificity, ours - theirs"] == pytest.approx(10 / 160)
    assert "Dr B: 1" in exhibits.doctors(kept).frame()["readers"].tolist()
    path.write_text("reader,image,call\nDr B,ISIC_9999,1\n")
    with pytest.raises(UserError, match="row 2: Dr B, ISIC_9999: none of our test images; one of"):
        read(path, splits, "melanoma")
    path.write_text("reader,image,call\nDr B,ISIC_1,1\nDr B,ISIC_1,0\n")
    with pytest.raises(UserError, match="ISIC_1: once"):
        read(path, splits, "melanoma")
    path.write_text("reader,image,call\nDr B,ISIC_1,2\n")
    with pytest.raises(UserError, match="row 2: Dr B, call 2: 0 or 1 is wanted"):
        read(path, splits, "melanoma")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["Dr A,0.8,"], "row 2: specificity is empty; a value is wanted"),
        (["Dr A,0.8,0.7", ",0.8,0.7"], "row 3: reader is empty; a value is wanted"),
        (["Dr A,0.8"], "row 2: 2 cells; 3, as in row 1, are wanted"),
        (["Dr A,nan,0.7"], "row 2: Dr A, sensitivity nan: a share from 0 to 1 is wanted"),
        (["Dr A,0.8,much"], "row 2: Dr A, specificity much: a share from 0 to 1 is wanted"),
        ([], "no rows below the header; a CSV table with the columns reader"),
    ],
)
def test_a_row_of_readers_that_cannot_be_right_is_named(tmp_path, splits, rows, problem):
    path = tmp_path / "readers.csv"
    path.write_text("\n".join(["reader,sensitivity,specificity", *rows]))
    with pytest.raises(UserError) as error:
        read(path, splits, "melanoma")
    assert str(error.value).startswith(f"--readers readers.csv: {problem}")
    path.write_bytes(b"reader,sensitivity,specificity\nM\xfcller,0.8,0.7")
    with pytest.raises(UserError, match=r"^--readers readers.csv: row 2 is not UTF-8 \(byte 0xfc"):
        read(path, splits, "melanoma")


def test_calls_are_those_of_the_whole_path_and_never_of_another_picture(tmp_path):
    """Names repeat in two classes; one picture was left out."""
    names = [f"test/{kind}/{n}.png" for kind in ("melanoma", "nevus") for n in range(4)]
    images = InMemory(
        torch.zeros(8, 1, 2, 2, dtype=torch.uint8),
        labels=torch.arange(8) // 4,
        names=tuple(names),
    )
    card = Card(
        name="set", source="", fingerprint="", classes=("melanoma", "nevus"), shape=(1, 2, 2),
        counts={}, split="", quarantined=[Quarantined("test/nevus/9.png", "truncated")],
    )  # fmt: skip
    splits = Splits(images, images, images, card)
    path = tmp_path / "calls.csv"
    calls = [
        f"doc,{name.removeprefix('test/')},{int(n not in (3, 7))}" for n, name in enumerate(names)
    ]
    path.write_text("\n".join(["reader,image,call", *calls]))
    (reader,) = read(path, splits, "melanoma")
    assert (reader.sensitivity, reader.specificity) == (0.75, 0.25)
    assert reader.calls == {n: n not in (3, 7) for n in range(8)}
    for row, problem in {
        "doc,3.png,1": "3.png is test/melanoma/3.png and test/nevus/3.png; a path that only one",
        "doc,keratosis/3.png,1": "row 2: doc, keratosis/3.png: none of our test images; one of our",
        "doc,9,1": "row 2: doc, 9: an image that was left out; one of our test images, such as",
    }.items():
        path.write_text(f"reader,image,call\n{row}\n")
        with pytest.raises(UserError) as error:
            read(path, splits, "melanoma")
        assert str(error.value).startswith(f"--readers calls.csv: {problem}")
    path.write_text("\n".join(["reader,image,call", *calls[:4]]))
    with pytest.raises(UserError, match="doc: images of both kinds are wanted"):
        read(path, splits, "melanoma")


def test_readers_of_one_name_are_kept_apart(study):
    twice = (published()[0], published()[0])
    coords, arrays = packed(twice, N)
    shared = labels(**arrays)
    shared.coords.update(coords)
    kept = stored(study(shared, pretrained={}))
    assert [reader.name for reader in kept] == ["Marchetti 2018", "Marchetti 2018 (2)"]
    assert [reader.sensitivity for reader in kept] == [0.82, 0.82]
