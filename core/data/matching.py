"""Names in a table and the pictures they stand for: by whole path first, and never by guess."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from core.data.decode import SUFFIXES


class AmbiguousError(ValueError):
    """A name that several pictures have; the message is the name and two of them."""


def match(ids: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """Return for every id the index of its picture, None if there is none.

    names: of pictures, paths with / below one folder. An id is a string that names a picture by its
    whole path, or by the last parts of it; or its whole path ends an id, which then has folders
    that the set has not. A picture's suffix (.png, .jpg; of an id .5 is none) may be left out or be
    another. Folders that both have must agree. Raises AmbiguousError.
    """
    exact, whole, ends = (defaultdict[tuple[str, ...], list[int]](list) for _ in range(3))
    for index, name in enumerate(names):
        parts = _parts(name)
        exact[parts].append(index)
        for known in {parts, _bare(parts)}:
            whole[known].append(index)
            for start in range(len(known)):
                ends[known[start:]].append(index)

    def find(wanted: tuple[str, ...]) -> int | None:
        bare = _bare(wanted)
        tails = [parts[start:] for start in range(1, len(wanted)) for parts in (wanted, bare)]
        keys = [(exact, wanted), (ends, wanted), (ends, bare), *((whole, tail) for tail in tails)]
        places = next((index[key] for index, key in keys if key in index), [])
        if len(places) > 1:
            both = " and ".join(names[place] for place in places[:2])
            raise AmbiguousError(f"{'/'.join(wanted)} is {both}")
        return places[0] if places else None

    return [find(_parts(name)) for name in ids]


def _parts(name: str) -> tuple[str, ...]:
    """Split a path; accents are composed, as macOS' file names are not."""
    text = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return tuple(part for part in text.split("/") if part not in ("", "."))


def _bare(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the suffix of a picture's name."""
    if not parts or PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
        return parts
    return (*parts[:-1], PurePosixPath(parts[-1]).stem)
