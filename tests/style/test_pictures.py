"""Every picture is read, scaled and coloured, or refused in one line."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2yiq

from core.errors import UserError
from core.style import pictures
from core.style.config import StyleConfig
from core.style.gallery import card, save
from core.style.pictures import PAIRS, NamedImage, Standard, pair, read, read_all, shrink


def noise(width, height, mode="RGB", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    return Image.fromarray(pixels, "RGBA").convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK", "1"])
def test_any_mode_becomes_three_channels(tmp_path, mode):
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    noise(40, 50, mode).save(path)
    found = pair(read(str(path), "CONTENT"), read("gravel", "STYLE"), StyleConfig().resolve())
    assert found.pixels.shape == (3, 50, 40)
    assert found.pixels.dtype == torch.float32
    assert 0 <= found.pixels.min() < found.pixels.max() <= 1


def test_sizes_follow_the_longer_side():
    config = StyleConfig(size=64).resolve()
    found = pair(NamedImage("a", noise(200, 100)), NamedImage("b", noise(50, 40)), config)
    assert found.pixels.shape == (3, 32, 64)
    assert found.style_pixels.shape == (3, 40, 50)  # smaller: as it is
    course = StyleConfig(size=64, mode="published").resolve()
    squashed = pair(NamedImage("a", noise(200, 100)), NamedImage("b", noise(50, 40)), course)
    assert squashed.style_pixels.shape == squashed.pixels.shape


@pytest.mark.parametrize("size", [(1, 1), (31, 60), (4000, 100)])
def test_what_is_too_small_or_too_long_is_refused(size):
    seen = rf"CONTENT a: {size[0]}x{size[1]} pixels, .*; 32 or more a side are wanted"
    with pytest.raises(UserError, match=seen):
        shrink(NamedImage("a", noise(*size)), 256, "CONTENT")


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"STYLE .*nothing.png: there is no such file"):
        read(str(tmp_path / "nothing.png"), "STYLE")
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"CONTENT .*broken.jpg: a picture is wanted: not an image"):
        read(str(tmp_path / "broken.jpg"), "CONTENT")
    Image.new("1", (10_000, 6_000)).save(tmp_path / "huge.png")
    with pytest.raises(UserError, match=r"huge.png: a picture is wanted: 10000x6000 pixels"):
        read(str(tmp_path / "huge.png"), "CONTENT")


def test_a_folder_gives_its_pictures_and_names_the_others(tmp_path):
    noise(40, 40).save(tmp_path / "b.png")
    noise(40, 40, seed=1).save(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    found, quarantined = read_all(str(tmp_path), "CONTENT")
    assert [each.name for each in found] == ["a.jpg", "b.png"]
    assert [each.path for each in quarantined] == ["notes.txt"]
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="a folder with pictures is wanted"):
        read_all(str(tmp_path / "none"), "CONTENT")


def test_embedded_pairs_share_no_picture_and_need_no_download():
    names = [*PAIRS, *PAIRS.values()]
    assert len(set(names)) == len(names)
    for name in names:
        assert min(read(name, "CONTENT").image.size) >= 256


def test_standard_pixels_come_back():
    pixels = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    standard = Standard((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    torch.testing.assert_close(standard.undo(standard.apply(pixels)), pixels)
    black, white = standard.limits
    torch.testing.assert_close(standard.apply(torch.zeros(3, 1, 1)), black)
    torch.testing.assert_close(standard.apply(torch.ones(3, 1, 1)), white)


def test_the_contents_colours_are_kept():
    source = torch.Generator().manual_seed(0)
    content, painted = (0.3 + 0.4 * torch.rand(3, 8, 9, generator=source) for _ in range(2))
    found = pictures.recolour(painted, content)
    yiq, own, other = (rgb2yiq(each.permute(1, 2, 0).numpy()) for each in (found, content, painted))
    np.testing.assert_allclose(yiq[..., 1:], own[..., 1:], atol=2e-3)  # chrominance
    np.testing.assert_allclose(yiq[..., 0], other[..., 0], atol=2e-3)  # luminance


def test_luminance_is_matched():
    source = torch.Generator().manual_seed(0)
    content = 0.3 + 0.4 * torch.rand(3, 20, 20, generator=source)
    grey, style = pictures.luminance_only(content, torch.rand(3, 30, 30, generator=source))
    assert torch.equal(grey[0], grey[2])
    assert style[0].mean() == pytest.approx(grey[0].mean().item(), abs=1e-3)
    assert style[0].std() == pytest.approx(grey[0].std().item(), rel=0.02)


def test_an_animation_plays_its_frames():
    frames = [np.full((12, 10, 3), value, np.uint8) for value in (0, 128, 255)]
    with Image.open(io.BytesIO(pictures.animation(frames))) as image:
        assert (image.n_frames, image.size) == (3, (10, 12))
        seen = []
        for index in range(3):
            image.seek(index)
            seen.append(int(np.asarray(image.convert("L")).mean()))
    assert seen == pytest.approx([0, 128, 255], abs=4)


def test_the_card_tells_pictures_and_random_weights_apart():
    config = StyleConfig(size=64).resolve()
    one = pair(read("astronaut", "CONTENT"), read("gravel", "STYLE"), config)
    other = pair(read("coffee", "CONTENT"), read("gravel", "STYLE"), config)
    first, second = (card([each], "vgg19", "random", []) for each in (one, other))
    assert first.name == "astronaut as gravel, vgg19 (random)"
    assert "random" in first.warnings[0]
    assert first.fingerprint != second.fingerprint
    assert card([one, other], "vgg19", "/a/b/file.pth", []).name == "2 pairs, vgg19 (file.pth)"
    assert card([one], "vgg19", "imagenet", []).warnings == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*: a folder to write to is wanted"):
        save(tmp_path / "file", {})
