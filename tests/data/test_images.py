"""Batches: their order is a function of (seed, epoch), and memory and files give the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.data.decode import decode, scale
from core.data.images import (
    Files,
    InMemory,
    OnDisk,
    Splits,
    concatenated,
    order,
    sequential,
)
from core.device import derive, seeded

CPU = torch.device("cpu")


def load(path):  # at the top of the module: DataLoader's processes must find it
    return torch.from_numpy(scale(decode(path), (5, 4)))


@pytest.fixture
def pair(tmp_path):
    """The same 23 images in memory and on disk."""
    random, paths = np.random.default_rng(0), []
    for index in range(23):
        paths.append(tmp_path / f"{index}.png")
        pixels = random.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(paths[-1])
    labels = torch.arange(23) % 3
    files = Files(paths, (3, 5, 4), load)
    return InMemory(torch.stack([files[i] for i in range(23)]), labels=labels), OnDisk(
        files, labels=labels
    )


@given(st.integers(0, 300), st.integers(0, 2**31), st.integers(1, 1000))
def test_order_is_a_permutation_and_a_function_of_its_key(n, seed, epoch):
    first = order(n, seed, epoch)
    assert first.sort().values.tolist() == list(range(n))
    torch.rand(3)  # global state plays no part
    assert torch.equal(order(n, seed, epoch), first)


def test_orders_of_other_keys_differ():
    keys = [(seed, epoch) for seed in range(6) for epoch in range(1, 6)]
    assert len({tuple(order(50, *key).tolist()) for key in keys}) == len(keys)


def test_every_place_is_equally_likely():
    places = torch.stack([order(8, seed, 1) for seed in range(2000)])
    counts = torch.stack([(places == value).sum(0) for value in range(8)])
    assert (counts - 250).abs().max() < 5 * (250 * 7 / 8) ** 0.5


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.lists(st.integers(0, 9)))
def test_derived_seeds_of_different_keys_differ(one, other):
    assert derive(*one) == derive(*one)
    assert 0 <= derive(*one) < 2**63
    # A trailing zero is no new key to SeedSequence; keys of one use have one length.
    if len(one) == len(other) and one != other:
        assert derive(*one) != derive(*other)


def test_seeded_restores_what_was():
    torch.manual_seed(1)
    expected = torch.rand(4)
    torch.manual_seed(1)
    with seeded(3, 4):
        inside = torch.rand(4)
    assert torch.equal(torch.rand(4), expected)
    with seeded(3, 4):
        assert torch.equal(torch.rand(4), inside)


def test_sequential_covers_everything_once_in_order():
    assert [batch.tolist() for batch in sequential(5, 2)] == [[0, 1], [2, 3], [4]]


def test_batches_are_the_images_at_the_indices(pair):
    held, _ = pair
    batches = order(23, 7, 1).split(10)
    seen = list(held.stream(batches, CPU))
    assert [len(labels) for _, labels in seen] == [10, 10, 3]  # the short last batch
    for index, (pixels, labels) in zip(batches, seen, strict=True):
        assert pixels.dtype == torch.float32
        assert torch.equal(pixels, held.pixels[index].float() / 255)
        assert torch.equal(labels, index % 3)


@pytest.mark.parametrize("seeds", [None, (0, 1, 5)])
def test_files_and_memory_give_the_same(pair, seeds):
    if seeds is None:
        batches = order(23, 7, 1).split(10)
    else:  # (seeds, batch): every seed has its own images in a step, some shared
        batches = torch.stack([order(23, seed, 2) for seed in seeds]).split(10, dim=1)
    held, streamed = (list(images.stream(batches, CPU)) for images in pair)
    assert len(held) == len(streamed) == 3
    for index, one, other in zip(batches, held, streamed, strict=True):
        assert one[0].shape == (*index.shape, 3, 5, 4)
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_streaming_leaves_the_global_generator_alone(pair):
    """Dropout draws from it: an image must not train otherwise because it lies on disk."""
    states = []
    for images in pair:
        torch.manual_seed(0)
        list(images.stream(sequential(23, 10), CPU))
        states.append(torch.random.get_rng_state())
    assert torch.equal(*states)


def test_take_and_to(pair):
    index = torch.tensor([4, 2, 2])
    for images in pair:
        part = images.take(index).to(CPU)
        assert len(part) == 3
        assert part.shape == (3, 5, 4)
        assert part.labels.tolist() == [1, 2, 2]
        assert part.names == ("image-00004", "image-00002", "image-00002")
    held, streamed = (images.take(index) for images in pair)
    assert torch.equal(held.tensor(), streamed.tensor())
    splits = Splits(pair[0], pair[1], held, card=None).to(CPU)
    assert splits.val.files is pair[1].files


def test_concatenated_are_in_memory_in_order(pair):
    joined = concatenated([images.take(torch.tensor([3, 1])) for images in reversed(pair)])
    assert torch.equal(joined.pixels, pair[0].pixels[[3, 1, 3, 1]])
    assert joined.labels.tolist() == [0, 1, 0, 1]
    assert joined.names == ("image-00003", "image-00001") * 2


def test_every_image_has_one_name(pair):
    named = replace(pair[0], names=tuple(map(str, range(23))))
    assert named.mirrored().take(torch.tensor([7, 5])).names == ("7", "5")
    with pytest.raises(ValueError, match="names: 22, wanted one for each of 23 images"):
        replace(pair[0], names=named.names[1:])
