"""Whatever is in the file, out comes an upright RGB image, or a reason of a few words."""

import os
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from core.data import decode as module
from core.data.decode import UnreadableError, decode, scale
from tests.data.decoded import COLOURS, pixels, reason

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tiff", "webp"])
def test_lossless_rgb_comes_out_as_it_went_in(tmp_path, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(COLOURS).save(path, lossless=True)
    assert (pixels(path) == COLOURS).all()


def test_the_content_counts_and_not_the_name(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(COLOURS).save(path, format="PNG")
    assert (pixels(path) == COLOURS).all()


def test_grey_is_repeated(tmp_path):
    grey = COLOURS[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (pixels(tmp_path / "grey.png") == grey[..., None]).all()
    Image.fromarray(grey > 127).save(tmp_path / "bits.png")
    assert (pixels(tmp_path / "bits.png") == 255 * (grey[..., None] > 127)).all()


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bits_are_scaled_and_not_clipped(tmp_path, suffix):
    deep = np.array([[0, 128, 257, 32768], [40000, 65278, 65407, 65535]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
    seen = pixels(tmp_path / f"deep.{suffix}")
    assert (seen == np.round(deep / 257)[..., None]).all()
    assert seen[0, 0, 0] == 0
    assert seen[1, 3, 0] == 255


def test_cmyk_follows_its_definition(tmp_path):
    cmyk = RANDOM.integers(0, 256, (4, 5, 4), dtype=np.uint8)
    Image.fromarray(cmyk, mode="CMYK").save(tmp_path / "print.tiff")
    ink = cmyk.astype(int)
    expected = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    assert np.abs(pixels(tmp_path / "print.tiff") - expected).max() <= 1
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    assert np.abs(pixels(tmp_path / "red.jpg") - np.array([255, 0, 0])).max() <= 3


def test_palette_is_looked_up(tmp_path):
    image = Image.fromarray(COLOURS).quantize(16)
    image.save(tmp_path / "palette.png")
    palette = np.array(image.getpalette()).reshape(-1, 3)
    assert (pixels(tmp_path / "palette.png") == palette[np.asarray(image)]).all()


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_of_an_animation_the_first_frame_counts(tmp_path, suffix):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"film.{suffix}", save_all=True, append_images=frames[1:])
    assert (pixels(tmp_path / f"film.{suffix}") == [255, 0, 0]).all()


def test_transparency_lies_over_white(tmp_path):
    alpha = RANDOM.integers(0, 256, (6, 9, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([COLOURS, alpha], 2)).save(tmp_path / "rgba.png")
    share = alpha / 255
    expected = COLOURS * share + 255 * (1 - share)
    assert np.abs(pixels(tmp_path / "rgba.png") - expected).max() <= 1
    Image.new("P", (3, 3), 0).save(tmp_path / "hole.gif", transparency=0)
    assert (pixels(tmp_path / "hole.gif") == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    stored = Image.fromarray(COLOURS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    turns = {  # EXIF 2.3, table 6: where the stored row 0 and column 0 belong
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
        8: lambda x: np.rot90(x),
    }
    assert (pixels(tmp_path / "turned.png") == turns[orientation](COLOURS)).all()
    decode(tmp_path / "turned.png").save(tmp_path / "again.png")  # and not once more
    assert (pixels(tmp_path / "again.png") == turns[orientation](COLOURS)).all()


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "tiff", "bmp"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_half_a_file_is_no_image(tmp_path, suffix, share):
    noise = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{suffix}")
    content = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"half.{suffix}").write_bytes(content[: int(share * len(content))])
    assert 3 < len(reason(tmp_path / f"half.{suffix}")) <= 80


def test_each_fault_has_its_own_words(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("<html>404 not found</html>")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    Image.fromarray(RANDOM.random((4, 4)).astype(np.float32)).save(tmp_path / "float.tiff")
    assert reason(tmp_path / "empty.jpg") == "empty file"
    assert reason(tmp_path / "text.png") == "not an image, or its beginning is damaged"
    assert reason(tmp_path / "link.png") == "broken link"
    assert "symbolic link" in reason(tmp_path / "loop.png")
    assert "floating-point" in reason(tmp_path / "float.tiff")


def test_a_pipe_or_a_folder_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    assert reason(tmp_path / "pipe.png") == "not a regular file"
    assert reason(tmp_path / "folder.png") == "not a regular file"


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("1", (8000, 8000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 100_000
    monkeypatch.setattr(module, "_to_rgb", lambda _: pytest.fail("was decoded"))
    assert reason(tmp_path / "bomb.png") == "8000x8000 pixels, more than 50 million"
    Image.new("1", (40_000, 10_000)).save(tmp_path / "huge.png")  # beyond Pillow's own bound
    assert reason(tmp_path / "huge.png") == "more than 50 million pixels"


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp"])
def test_damaged_files_give_an_image_or_a_reason(tmp_path, suffix):
    """Fuzz: nothing but UnreadableError may come out, whatever Pillow's plugins raise."""
    path, chance = tmp_path / f"image.{suffix}", random.Random(0)
    Image.fromarray(COLOURS).save(path)
    whole = path.read_bytes()
    refused = 0
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content)
        try:
            assert decode(path).mode == "RGB"
        except UnreadableError:
            refused += 1
    assert refused > 10


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20))
def test_scaling_gives_the_shape_and_only_where_needed(height, width, to_height, to_width):
    image = Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8))
    seen = scale(image, (to_height, to_width))
    assert seen.shape == (3, to_height, to_width)
    assert seen.dtype == np.uint8
    fitted = ImageOps.fit(image, (to_width, to_height), Image.Resampling.BICUBIC)
    same = (height, width) == (to_height, to_width)
    expected = np.asarray(image if same else fitted)
    assert (seen == expected.transpose(2, 0, 1)).all()


def test_the_centre_is_kept():
    striped = np.zeros((10, 30, 3), dtype=np.uint8)
    striped[:, 10:20] = 255
    assert (scale(Image.fromarray(striped), (10, 10)) == 255).all()


def test_no_format_runs_a_program(tmp_path, monkeypatch):
    """Pillow knows EPS, and starts Ghostscript on it, whatever the file is called."""
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("was run"))
    for name in ("figure.eps", "photo.jpg"):
        Image.fromarray(COLOURS).save(tmp_path / name, format="EPS")
        assert reason(tmp_path / name) == "not an image, or its beginning is damaged"


def write_deep(path, values):
    """Write values of 16 bits as grey, or with 2, 3 or 4 channels, as PNG or TIFF."""
    import cv2

    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[values.shape[2]]
    assert cv2.imwrite(str(path), values[..., order])


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_white_is_that_of_the_fewest_bits_that_hold_all(tmp_path, suffix, channels, bits):
    white = 2**bits - 1
    values = RANDOM.integers(0, white, (5, 4, channels), endpoint=True).astype(np.uint16)
    values[0, 0] = white
    path = tmp_path / f"deep.{suffix}"
    write_deep(path, values)
    expected = (
        np.round(values / white * 255) if channels == 3 else values.repeat(3, 2) / white * 255
    )
    assert (pixels(path) == expected.round()).all()
    assert module.measure(path)[1] == white
    said = np.asarray(decode(path, white=65535))
    assert (said == (values.repeat(3 // channels, 2) / 65535 * 255).round()).all()


def test_opacity_is_of_16_bits_whatever_the_colours(tmp_path):
    values = np.full((2, 2, 4), 4095, dtype=np.uint16)
    values[..., :3] = 0
    values[0, :, 3] = [0, 65535]
    values[1, :, 3] = [32768, 65535]
    values[1, 1, :3] = 4095
    write_deep(tmp_path / "deep.png", values)
    assert pixels(tmp_path / "deep.png")[..., 0].tolist() == [[255, 0], [127, 255]]


def test_a_user_is_told_which_white_was_taken(tmp_path, capsys):
    values = np.full((2, 2, 1), 4000, dtype=np.uint16)
    write_deep(tmp_path / "deep.png", values)
    assert np.asarray(module.decode_named(str(tmp_path / "deep.png"))).max() == 249
    assert capsys.readouterr().err == (
        f"{tmp_path}/deep.png: 1 files have 16 bits a value, none above 4,000: 4,095 was taken for "
        "white (12 bits).\n"
    )


def test_values_of_32_bits_are_no_picture(tmp_path):
    Image.fromarray(np.array([[70_000, 1]], dtype=np.int32)).save(tmp_path / "deep.tiff")
    assert reason(tmp_path / "deep.tiff").startswith("values of 32 bits")
