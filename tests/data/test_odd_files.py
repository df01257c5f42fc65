"""700 odd files: each is read or named, by all readers alike, and the counts add up."""

import io
import json
import os
import random
import struct
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from core.data import folders, galleries, strata
from core.data.card import UNSEEN
from core.data.config import DataConfig
from core.data.decode import decode
from core.data.sources import load

FILES = 700
MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpg": ("L", "RGB", "CMYK"),
    "gif": ("L", "P", "RGB", "RGBA"),
    "bmp": ("1", "L", "P", "RGB", "RGBA"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
    "webp": ("RGB", "RGBA"),
    "ppm": ("1", "L", "RGB", "I;16"),
    "ico": ("RGB", "RGBA"),
    "tga": ("L", "P", "RGB", "RGBA"),
    "jp2": ("L", "RGB", "RGBA"),
    "avif": ("RGB", "RGBA"),
}
KNOWN = {"webp": "webp", "jp2": "jpg_2000", "avif": "avif"}
EXACT = {"png", "bmp", "tiff", "ppm"}
WAYS = (*("whole",) * 3, "cut", "flipped", "flipped", "zeros", "joined", "chunk", "other")
PARTS = (
    "photo",
    "IMG 0001",
    "50 % $x^2$",
    "_",
    "-rf",
    "日本",
    "é",
    "a\nb",
    "..",
    "\u202egpj",
    "\xa0",
)


def picture(chance):
    """Encode a small picture, perhaps with EXIF or more frames; returns also what is to be read."""
    kinds = [name for name in MODES if name not in KNOWN or features.check(KNOWN[name])]
    suffix = chance.choice(kinds)
    mode, size = chance.choice(MODES[suffix]), (chance.randint(1, 40), chance.randint(1, 40))
    noise = np.random.default_rng(chance.getrandbits(32))
    if mode in ("I;16", "I", "F"):
        most = chance.choice([255, 4095, 65535, 70_000 if mode == "I" else 65535])
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(noise.integers(0, most, size[::-1], endpoint=True).astype(kind))
    else:
        image = Image.fromarray(noise.integers(0, 256, (*size[::-1], 4), dtype=np.uint8))
        image = image.convert("RGB").convert(mode) if mode in ("CMYK", "P") else image.convert(mode)
    options, out = {}, io.BytesIO()
    if suffix in ("jpg", "png", "webp", "tiff") and chance.random() < 0.4:
        options["exif"] = exif(chance)
    if suffix in ("gif", "webp") and chance.random() < 0.3:
        options |= {"save_all": True, "append_images": [image.rotate(90)]}
    try:
        image.save(out, Image.registered_extensions()[f".{suffix}"], **options)
    except Exception:  # a mode that this format has not, or EXIF that cannot be written
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG")
    known = suffix in EXACT and mode in ("1", "L", "RGB") and not options
    return out.getvalue(), suffix, image.convert("RGB") if known else None


def exif(chance):
    """Make EXIF with an orientation, and perhaps entries that are nonsense."""
    entries = [struct.pack("<HHIHH", 0x0112, 3, 1, chance.randint(0, 9), 0)]
    for _ in range(chance.randint(0, 2)):
        tag = chance.choice([0x100, 0x10F, 0x8769, 0x8825, 0xA005, chance.getrandbits(16)])
        kind, count = chance.randint(0, 14), chance.choice([0, 1, 2, 2**31])
        value = chance.choice([8, 2**32 - 1, chance.getrandbits(32)])
        entries.append(struct.pack("<HHII", tag, kind, count, value))
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(entries) + bytes(4)


def chunk(chance):
    """Make a PNG chunk that says something beside the picture, or damages it."""
    name = chance.choice([b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"gAMA", b"tRNS", b"abCd"])
    content = chance.choice(
        [b"", b"k\0v", b"k\0\0" + zlib.compress(bytes(3_000_000)), chance.randbytes(30)]
    )
    sum_ = zlib.crc32(name + content) if chance.random() < 0.7 else chance.getrandbits(32)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", sum_)


def bomb(chance):
    """Make a PNG of a few bytes that says it is large."""
    sides = struct.pack(">II", chance.choice([1, 8_000, 2**31 - 1]), chance.choice([0, 9_000]))
    header = b"IHDR" + sides + bytes([8, 2, 0, 0, 0])
    body = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + body


def odd(chance):
    """Make a file's content, a suffix that fits it or not, and what is to be read if known."""
    content, suffix, pixels = picture(chance)
    what = chance.choice(WAYS)
    if what == "cut":
        content = content[: chance.randrange(len(content))]
    elif what == "flipped":
        changed = bytearray(content)
        for _ in range(chance.randint(1, 12)):
            changed[chance.randrange(len(changed))] = chance.getrandbits(8)
        content = bytes(changed)
    elif what == "zeros":
        start = chance.randrange(len(content))
        content = content[:start] + bytes(50) + content[start + 50 :]
    elif what == "joined":
        content = chance.choice(
            [content + content, content + chance.randbytes(99), b"\n" + content]
        )
    elif what == "chunk" and suffix == "png":
        content = content[:33] + chunk(chance) + content[33:]
    elif what == "other":
        rest = (b"", b"<html>404</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"%PDF-1.7", bytes(99))
        content = chance.choice([*rest, chance.randbytes(300), bomb(chance)])
    if chance.random() < 0.15:
        suffix = chance.choice(["jpg", "png", "txt", "eps", "JPEG", "tif", ""])
    return content, suffix, pixels if what == "whole" else None


def named(chance, taken):
    """Make a file name that nobody would choose, and that is new."""
    while True:
        text = "".join(chance.choice(PARTS) for _ in range(chance.randint(1, 4)))
        hidden = chance.choice(["._", "."]) if chance.random() < 0.05 else ""
        raw = os.fsencode(f"{hidden}{text}{chance.randint(0, 999)}")
        if chance.random() < 0.1:
            raw += bytes([chance.randint(128, 255)])
        if chance.random() < 0.02:
            raw += b"x" * (200 - len(raw))
        name = os.fsdecode(raw)
        if name not in taken:
            taken.add(name)
            return name


def fill(root, seed):
    """Write a folder of two classes; returns its files that are seen: path -> pixels, if known."""
    chance, taken, seen = random.Random(seed), set(), {}
    places = [root / part for part in ("cat", "dog", "cat/more", "dog/a/b", "cat/.hidden")]
    for place in places:
        place.mkdir(parents=True)
    (root / "dog" / "up").symlink_to(root)
    for _ in range(FILES):
        content, suffix, pixels = odd(chance)
        path = chance.choices(places, [4, 4, 2, 2, 1])[0] / f"{named(chance, taken)}.{suffix}"
        special = chance.random()
        if path.name[0] != "." and path.parent.name != ".hidden":
            seen[path] = pixels if special >= 0.03 else None
        if special < 0.01:
            os.mkfifo(path)
        elif special < 0.03:
            path.symlink_to(chance.choice([root / "nothing", path]))
        else:
            path.write_bytes(content)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_every_file_is_read_or_named_and_all_readers_agree(tmp_path, seed):
    root = tmp_path / "set"
    seen = fill(root, seed)
    total = len(seen)
    assert total > 0.7 * FILES

    found = folders.read(root, DataConfig(data=f"folder:{root}", memory=0))
    reasons = {each.path: each.reason for each in found.quarantined}
    assert reasons.pop("dog/up") == "a link that leads back up"
    names = found.images.names
    assert len(names) + len(reasons) == len({*names, *reasons}) == total
    assert min(len(names), len(reasons)) > 0.2 * total
    for name, reason in reasons.items():
        assert 3 < len(reason) <= 80
        assert not any(unicodedata.category(c) in UNSEEN for c in name + reason)
        assert (name + reason).encode()
    known = [entry for entry in found.entries if seen[entry.path]]
    assert len(known) > 20
    for entry in known:
        assert decode(entry.path).tobytes() == seen[entry.path].tobytes()
    assert all(decode(entry.path).mode == "RGB" for entry in found.entries[::5])
    assert found.images.take(torch.tensor([0])).tensor().shape == (1, 3, 64, 64)

    gallery = galleries.folder(root, "people", face=True)
    copies = [each.path for each in gallery.quarantined if each.reason.startswith("copy of ")]
    assert {each.name for each in gallery.pictures} | {c.removeprefix("set/") for c in copies} == {
        *names
    }
    bad = {each.path for each in gallery.quarantined} - {*copies}
    assert bad == {f"set/{name}" for name in (*reasons, "dog/up")}

    kept = strata.read({"all": [Path("set")]}, tmp_path, 2 * FILES, 0, "study")
    assert {each.path for each in kept.card.quarantined} == bad
    assert {each.name.removeprefix("set/") for each in kept.items} <= {*names}

    card = load(DataConfig(data=f"folder:{root}")).card
    assert json.dumps(card.as_dict(), ensure_ascii=False).encode()
    assert card.quarantined == found.quarantined
    left_out = [int(line.split()[0]) for line in card.warnings if "are copies of" in line]
    assert sum(map(sum, card.counts.values())) + sum(left_out) == len(names)
