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
from core.style.gallery import Gallery, open_gallery, save
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


def named(*names):
    return tuple(NamedImage(name, noise(60, 40, seed=k)) for k, name in enumerate(names))


def test_the_card_tells_pictures_and_random_weights_apart():
    one, other = (
        Gallery(named(content), named("gravel"), crossed=False) for content in ("one", "two")
    )
    first, second = (each.card("vgg19", "random") for each in (one, other))
    assert first.name == "one as gravel, vgg19 (random)"
    assert "random" in first.warnings[0]
    assert first.fingerprint != second.fingerprint
    changed = Gallery((NamedImage("one", noise(60, 40, seed=9)),), named("gravel"), crossed=False)
    assert changed.card("vgg19", "random").fingerprint != first.fingerprint
    several = Gallery(named("a", "b"), named("c", "d"), crossed=False)
    assert several.card("vgg19", "/a/b/file.pth").name == "a as c and others, vgg19 (file.pth)"
    crossed = Gallery(named("a", "b"), named("c"), crossed=True)
    assert crossed.card("vgg19", "x").name == "2 contents as 1 styles, vgg19 (x)"
    assert one.card("vgg19", "imagenet").warnings == []


def test_pairs_are_the_given_one_then_embedded_ones_of_other_pictures():
    config = StyleConfig(size=64).resolve()
    alone = open_gallery("astronaut", "gravel", more=False)
    assert [(p.content, p.style) for p in alone.pairs(config)] == [("astronaut", "gravel")]
    several = open_gallery("chelsea", "gravel", more=True)
    found = [(p.content, p.style) for p in several.pairs(config)]
    assert found[0] == ("chelsea", "gravel")
    assert found[1:] == [(c, s) for c, s in PAIRS.items() if c not in ("chelsea", "astronaut")]
    assert [(p.content, p.style) for p in several.pairs(config, 2)] == found[:2]
    with pytest.raises(UserError, match="--pairs 9: 4 at most, or a folder of contents or styles"):
        several.pairs(config, 9)


def test_what_is_asked_for_does_not_change_the_data():
    """More pairs than before are the same study, so that only they are painted."""
    several = open_gallery("astronaut", "gravel", more=True)
    before = several.card("vgg19", "random").fingerprint
    several.pairs(StyleConfig(size=64).resolve(), 3)
    assert several.card("vgg19", "random").fingerprint == before


@pytest.mark.parametrize(
    ("n", "wanted"),
    [
        (None, "ac ad ae bc bd be"),
        (100, "ac ad ae bc bd be"),
        (5, "ac ad bc bd"),  # as many contents as possible: they are what an interval is over
        (2, "ac bc"),
    ],
)
def test_of_a_folder_every_content_meets_every_style(n, wanted):
    crossed = Gallery(named("a", "b"), named("c", "d", "e"), crossed=True)
    pairs = crossed.pairs(StyleConfig(size=64).resolve(), n)
    assert " ".join(pair.content + pair.style for pair in pairs) == wanted


@pytest.mark.parametrize("folder", ["contents", "styles"])
def test_a_folder_of_either_is_crossed(tmp_path, folder):
    (tmp_path / folder).mkdir()
    for name in ("a.png", "b.png"):
        noise(40, 40).save(tmp_path / folder / name)
    (tmp_path / folder / "notes.txt").write_text("no picture")
    given = {"contents": "astronaut", "styles": "gravel", folder: str(tmp_path / folder)}
    found = open_gallery(given["contents"], given["styles"], more=True)
    assert (len(found.contents), len(found.styles)) == ((2, 1) if folder == "contents" else (1, 2))
    assert found.crossed
    assert [each.path for each in found.quarantined] == ["notes.txt"]


def test_small_copies_of_any_shape_are_shared():
    contents = (NamedImage("a", noise(60, 40)), NamedImage("b", noise(512, 256)))
    shared = Gallery(contents, named("c", "d"), crossed=False).shared(["layer 1"])
    assert shared.coords["original"] == ("content a", "content b", "style c", "style d")
    assert shared.order == {"arm": ("layer 1",), "content": ("a", "b"), "style": ("c", "d")}
    dims, values = shared.arrays["originals"]
    assert dims == ("original", "row", "column", "channel")
    held = np.isfinite(values[..., 0])
    assert [(h.any(1).sum(), h.any(0).sum()) for h in held[:2]] == [(40, 60), (64, 128)]
    whole = np.asarray(contents[0].image)
    assert np.array_equal((values[0, :40, :60].astype(float) * 255).round(), whole)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*: a folder to write to is wanted"):
        save(tmp_path / "file", [])
