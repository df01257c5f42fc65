"""Augmentation keeps shapes and contents, and follows the seed."""

import torch
from PIL import Image

from core.data.augment import mirror_and_shift
from core.data.folders import Loader
from core.data.images import Files, InMemory, OnDisk
from core.device import seeded


def test_mirrored_on_disk_and_in_memory_are_alike(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for index, path in enumerate(paths):
        Image.effect_noise((9, 7), 50 + index).convert("RGB").save(path)
    files = Files(paths, (3, 7, 9), Loader((7, 9), None))
    labels = torch.tensor([0, 1])
    held = InMemory(torch.stack([files[0], files[1]]), labels=labels)
    on_disk = OnDisk(files, labels=labels).mirrored()
    assert torch.equal(held.mirrored().pixels, on_disk.tensor())
    assert torch.equal(held.mirrored().pixels[0, :, :, 0], held.pixels[0, :, :, -1])
    assert repr(on_disk.files.decode) != repr(files.decode)  # or the cache would mix them up


def test_shifts_show_parts_of_the_image_and_follow_the_seed():
    rows = torch.arange(28.0).view(1, 1, 28, 1).expand(64, 1, 28, 28)
    with seeded(1):
        one = mirror_and_shift(rows)
    with seeded(1):
        assert torch.equal(mirror_and_shift(rows), one)
    assert one.shape == rows.shape
    moves = {int(image[0, 10, 0]) - 10 for image in one}
    assert moves == {-2, -1, 0, 1, 2}  # 28 / 14, all of them among 64 images


def test_half_of_the_images_are_mirrored():
    columns = torch.arange(28.0).view(1, 1, 1, 28).expand(200, 1, 28, 28)
    with seeded(2):
        out = mirror_and_shift(columns)
    turned = (out[:, 0, 0, 10] > out[:, 0, 0, 17]).float().mean()
    assert 0.4 < turned < 0.6
