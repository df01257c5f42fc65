"""What files say beside their pictures, EXIF and chunks, loses none."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data.decoded import COLOURS, pixels, reason


def exif(*entries):
    """Pack an EXIF block by hand: (tag, type, count, four bytes) each, little-endian."""
    rows = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(4)


TURNED = (0x0112, 3, 1, struct.pack("<HH", 6, 0))


@pytest.mark.parametrize(
    "entry",
    [
        (0x0100, 2, 1, b"\xff" * 4),  # a width that is text
        (0x0100, 12, 1, struct.pack("<I", 8)),
        (0x010F, 5, 1, struct.pack("<I", 8)),  # a maker that is a number
        (0x8769, 9, 1, b"\xff" * 4),  # more of it at -1
        (0x8825, 6, 1, b"\xff" * 4),
    ],
)
def test_exif_that_cannot_be_written_again_loses_no_picture(tmp_path, entry):
    path = tmp_path / "phone.jpg"
    Image.fromarray(COLOURS).save(path, quality=95, exif=exif(TURNED, entry))
    with Image.open(path) as image, pytest.raises(Exception, match=r".+"):
        ImageOps.exif_transpose(image)
    upright = np.asarray(Image.open(path).convert("RGB").transpose(Image.Transpose.ROTATE_270))
    assert (pixels(path) == upright).all()


def test_exif_that_cannot_be_read_is_as_good_as_none(tmp_path):
    path = tmp_path / "phone.jpg"
    for block in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(40)):
        Image.fromarray(COLOURS).save(path, quality=95, exif=block)
        assert pixels(path).shape == COLOURS.shape


def chunk(name, content, crc=None):
    sum_ = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", sum_)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"tEXt", b"Comment\0" + bytes(70_000_000)),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"iCCP", b"p\0\7no such method"),
        chunk(b"tEXt", b"Comment\0damaged", crc=1),
        chunk(b"eXIf", b"II*\0\xff\xff\xff\xff", crc=1),
        chunk(b"gAMA", b""),
    ],
    ids=["zTXt", "iTXt", "tEXt", "iCCP", "iCCP method", "sum of text", "sum of EXIF", "gAMA"],
)
def test_what_a_png_says_beside_its_picture_loses_none(tmp_path, extra):
    path = tmp_path / "generated.png"
    Image.fromarray(COLOURS).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + extra + whole[33:])  # after the header
    assert (pixels(path) == COLOURS).all()
    path.write_bytes(whole[:33] + extra + whole[33:-80])  # and damage is damage
    assert reason(path)


def test_what_a_jpeg_says_beside_its_picture_loses_none(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(COLOURS).save(path, quality=95)
    whole, plain = path.read_bytes(), pixels(path)
    for marker in (0xE1, 0xE2, 0xED, 0xFE):
        for content in (
            b"Exif\0\0MM\0*",
            b"MPF\0II*\0\xff\xff\xff\xff",
            b"ICC_PROFILE\0",
            bytes(3),
        ):
            segment = struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
            path.write_bytes(whole[:2] + segment + whole[2:])
            assert (pixels(path) == plain).all()
