"""Two copies never fall on two sides, whatever the labels, the groups and the source's sides."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

from core.data.assembly import in_memory
from core.data.config import DataConfig
from core.data.duplicates import CONTRAST, THRESHOLD, groups_of, thumbnails
from core.data.images import InMemory
from core.data.sources import load
from core.data.splits import NAMES, conflicts, divide
from core.errors import UserError


def smooth(n, seed=0, side=16):
    """Random images unlike each other, (n, 3, side, side) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 4), dtype=np.uint8)
    return torch.from_numpy(coarse.repeat(side // 4, 2).repeat(side // 4, 3))


@st.composite
def labelled(draw):
    """Labels of 2 or 3 classes, groups that ignore them, and sides as a source may give them."""
    n = draw(st.integers(20, 60))
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    sides = draw(st.sampled_from([("train",), ("train", "test"), ("train", "val"), NAMES]))
    labels = random.integers(0, draw(st.integers(2, 3)), n)
    groups = random.integers(0, draw(st.integers(n // 2, 2 * n)), n)
    groups = np.unique(groups, return_inverse=True)[1]
    return labels, groups, random.choice(sides, n, p=_shares(len(sides)))


def _shares(k):
    return [1.0] if k == 1 else [0.6, *[0.4 / (k - 1)] * (k - 1)]


@given(labelled(), st.integers(0, 5))
def test_copies_never_fall_on_two_sides(drawn, seed):
    labels, groups, sides = drawn
    classes = [f"class {k}" for k in range(labels.max() + 1)]
    try:
        side = divide(labels, groups, sides, seed, classes)
    except UserError:
        return  # a class with too few images, or a side that is all copies
    kept = side != ""
    for group in np.unique(groups[kept]):
        assert len(set(side[kept & (groups == group)])) == 1
    assert set(side[kept]) == set(NAMES)
    if "test" in sides:  # whole, and nothing else may join it
        assert ((side == "test") == (sides == "test")).all()
    if "val" in sides:
        assert (sides[side == "val"] == "val").all()
    copies_of_later = np.array(
        [
            any(NAMES.index(other) > NAMES.index(own) for other in sides[groups == group])
            for own, group in zip(sides, groups, strict=True)
        ]
    )
    assert (kept == ~copies_of_later).all()  # nothing else is left out
    assert (divide(labels, groups, sides, seed, classes) == side).all()


@given(st.integers(0, 999), st.integers(5, 40))
def test_without_copies_a_fifth_of_each_class_goes_to_each_side(seed, n):
    labels = np.repeat([0, 1], [n, 2 * n])
    side = divide(labels, np.arange(3 * n), np.full(3 * n, "train"), seed, "ab")
    for label, size in ((0, n), (1, 2 * n)):
        for name in ("val", "test"):
            assert abs((side[labels == label] == name).sum() - size / 5) <= 1


def test_another_seed_gives_another_split():
    labels, groups = np.arange(60) % 2, np.arange(60)
    one, two = (divide(labels, groups, np.full(60, "train"), seed, "ab") for seed in (0, 1))
    assert (one != two).any()


def test_too_few_images_to_divide_are_one_line():
    labels, groups = np.array([0] * 9 + [1] * 5), np.array([*range(9), 9, 9, 9, 10, 10])
    with pytest.raises(UserError, match="class 'rare' has 2 images to train on") as caught:
        divide(labels, groups, np.full(14, "train"), 0, ["often", "rare"])
    assert "3 or more are wanted" in str(caught.value)


@given(st.integers(6, 30), st.integers(0, 30), st.integers(0, 99))
def test_patients_with_images_of_both_classes_are_divided(both, one, seed):
    groups = np.array([*np.repeat(np.arange(both), 2), *range(both, both + one)])
    labels = np.array([*np.tile([0, 1], both), *np.zeros(one, int)])
    side = divide(labels, groups, np.full(len(labels), "train"), seed, "ab")
    for name in NAMES:
        assert set(labels[side == name]) == {0, 1}
    for group in range(both):
        assert len(set(side[groups == group])) == 1
    if both >= 15:
        assert abs((side == "test").mean() - 0.2) < 0.1


def test_groups_that_leave_a_side_without_a_class_are_one_line():
    groups, labels = np.repeat(np.arange(3), 2), np.tile([0, 1], 3)
    with pytest.raises(UserError, match="class 'a' has no image for val, as copies, and images of"):
        divide(labels, groups, np.full(6, "train"), 0, "ab")


def test_a_validation_side_of_copies_only_is_refused():
    labels = np.array([0, 1] * 6)
    groups = np.array([*range(8), 4, 5, 6, 7])
    given_sides = np.array(["train"] * 4 + ["val"] * 4 + ["test"] * 4)
    with pytest.raises(UserError, match="all 4 val images are copies of test images"):
        divide(labels, groups, given_sides, 0, "ab")


def test_conflicts_are_listed_by_name():
    labels, groups = np.array([0, 1, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 0])
    assert conflicts(labels, groups, "abcdef") == [["a", "b", "f"]]
    assert conflicts(labels, np.arange(6), "abcdef") == []


def test_copies_saved_anew_or_scaled_are_found_and_others_are_not():
    whole = astronaut()[:500, :500].reshape(5, 100, 5, 100, 3).swapaxes(1, 2)
    pictures = list(whole.reshape(25, 100, 100, 3))  # pieces of one photograph

    def compressed(pixels):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format="JPEG", quality=50)
        return np.asarray(Image.open(file))

    def rescaled(pixels):
        small = Image.fromarray(pixels).resize((80, 80), Image.Resampling.BICUBIC)
        return np.asarray(small.resize((100, 100), Image.Resampling.BICUBIC))

    copies = [change(each) for change in (compressed, rescaled) for each in pictures[:10]]
    every = torch.from_numpy(np.stack([*pictures, *copies]).transpose(0, 3, 1, 2).copy())
    groups = groups_of([each.tobytes() for each in every.numpy()], thumbnails(every))
    assert (groups[:10] == groups[25:35]).all()
    assert (groups[:10] == groups[35:]).all()
    assert len(set(groups.tolist())) == 25


def test_near_pairs_equal_a_slow_search():
    random = np.random.default_rng(1)
    centres = random.random((60, 256))
    centres[20:] *= random.uniform(0.001, 0.3, (40, 1))  # two thirds are dark
    least = np.minimum(THRESHOLD, CONTRAST * centres.std(1, keepdims=True))
    noise = least * random.normal(0, 1 / np.sqrt(2), (3, 60, 256))
    thumbs = (centres + noise * random.uniform(0.5, 1.4, (3, 60, 1))).reshape(-1, 256)
    thumbs = thumbs.astype(np.float32)
    n = len(thumbs)
    gaps = np.sqrt(np.square(thumbs[:, None].astype(float) - thumbs[None]).mean(-1))
    contrast = thumbs.std(1)
    near = gaps < np.minimum(THRESHOLD, CONTRAST * np.minimum(contrast[:, None], contrast))
    for _ in range(n):  # chains
        near = near @ near
    groups = groups_of([bytes([0, i]) for i in range(1, n + 1)], thumbs)
    assert ((groups[:, None] == groups[None]) == near).all()
    assert 60 < len(set(groups.tolist())) < n  # some near, some not


def test_equal_digests_are_copies_and_chains_are_groups():
    thumbs = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (4, 1))
    thumbs[1] += 0.9 * THRESHOLD
    thumbs[2] += 1.8 * THRESHOLD
    thumbs[3] += 100 * THRESHOLD
    assert groups_of([b"a", b"b", b"c", b"d"], thumbs).tolist() == [0, 0, 0, 1]
    assert groups_of([b"a"] * 4, np.repeat(thumbs[:1], 4, 0)).tolist() == [0] * 4


def test_thumbnails_are_area_means():
    pixels = torch.randint(0, 256, (3, 3, 32, 48), dtype=torch.uint8)
    expected = pixels.float().reshape(3, 3, 16, 2, 16, 3).mean((3, 5)) / 255
    assert np.allclose(thumbnails(pixels), expected.flatten(1), atol=1e-6)


def assemble(pixels, labels, sides):
    images = InMemory(pixels, labels=torch.as_tensor(labels))
    card = {"source": "made here", "classes": ("a", "b")}
    return in_memory(DataConfig(), images, np.asarray(sides), card)


def test_leaks_are_closed_counted_and_conflicts_named():
    pixels = smooth(30)
    pixels[0] = pixels[29]  # train and test, and another label
    pixels[1] = pixels[20]  # train and validation, again
    pixels[2] = pixels[22]  # the same label
    labels = np.arange(30) % 2
    splits = assemble(pixels, labels, ["train"] * 18 + ["val"] * 6 + ["test"] * 6)
    assert splits.card.counts == {"train": [7, 8], "val": [3, 3], "test": [3, 3]}
    assert splits.card.warnings == ["Copies of test or validation images, left out of training: 3."]
    assert splits.card.conflicts == [
        ["image-00000", "image-00029"],
        ["image-00001", "image-00020"],
    ]
    assert torch.equal(splits.train.pixels, pixels[3:18])


def test_the_fingerprint_follows_pixels_labels_and_split():
    pixels, labels, sides = smooth(30), np.arange(30) % 2, ["train"] * 30
    before = assemble(pixels, labels, sides).card.fingerprint
    assert assemble(pixels.clone(), labels.copy(), list(sides)).card.fingerprint == before
    other = pixels.clone()
    other[17, 0, 3, 3] += 1
    swapped = labels.copy()
    swapped[[4, 5]] = swapped[[5, 4]]
    changed = [
        assemble(other, labels, sides),
        assemble(pixels, swapped, sides),
        assemble(pixels, labels, ["train"] * 24 + ["test"] * 6),
        load(DataConfig(split_seed=1)),
        load(DataConfig()),
    ]
    prints = [before, *(each.card.fingerprint for each in changed)]
    assert len(set(prints)) == len(prints)
