"""Picture files without what they say about the picture: text, profiles, previews, EXIF.

A picture is good where only that is damaged, or larger than a reader allows.

Source: PNG, ISO/IEC 15948, 5.3 (chunks); JPEG, ITU-T T.81, annex B (markers).
"""

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
LARGEST = 2**28  # bytes


def bare(content: bytes) -> bytes | None:
    """Return a PNG or JPEG file with nothing but its picture; None for any other file."""
    if len(content) > LARGEST:
        return None
    if content.startswith(PNG):
        return _png(content)
    return _jpeg(content) if content.startswith(JPEG) else None


def _png(content: bytes) -> bytes:
    """Keep the chunks without which there is no picture, and its transparency."""
    kept, at = [PNG], len(PNG)
    while at + 8 <= len(content):
        length, name = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        end = at + 12 + length
        if name[:1].isupper() or name == b"tRNS":
            kept.append(content[at:end])
        at = end
    return b"".join(kept)


def _jpeg(content: bytes) -> bytes:
    """Leave out applications' segments and comments, but JFIF's and Adobe's (colours)."""
    kept, at = [content[:2]], 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == 0xDA:  # the picture begins
            return b"".join([*kept, content[at:]])
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        if not (0xE1 <= marker <= 0xEF or marker == 0xFE) or marker == 0xEE:
            kept.append(content[at:end])
        at = end
    return b"".join([*kept, content[at:]])
