"""What a reader must know about the data: where from, how many, what was left out and why."""

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

UNSEEN = ("Cc", "Cf", "Co", "Cn", "Zl", "Zp")
"""categories of characters that show nothing themselves"""


def readable(name: str | PurePath) -> str:
    """Return a file's name as one line of text that can be written, printed and drawn.

    Bytes that are no UTF-8, line breaks and what steers a terminal or the direction of writing
    become escapes.
    """
    text = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSEEN else c
        for c in text
    )


@dataclass(frozen=True)
class Quarantined:
    """A file that was left out."""

    path: str
    """relative to the folder"""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """The data card of a set of splits."""

    name: str
    source: str
    """where the images come from, as a sentence"""
    fingerprint: str
    """sha256 over pixels, labels and split, in hexadecimal"""
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    """(channels, height, width); where sizes differ, of the largest image, or 0 if unknown"""
    counts: dict[str, list[int]]
    """split -> images of each class"""
    split: str
    """how the split was made, as a sentence"""
    synthetic: bool = False
    warnings: list[str] = field(default_factory=list)
    """known biases and what was noticed on loading; printed beside every result"""
    quarantined: list[Quarantined] = field(default_factory=list)
    conflicts: list[list[str]] = field(default_factory=list)
    """groups of copies whose labels differ; the images' names"""

    @property
    def baseline(self) -> float:
        """Return the test accuracy of always naming the largest training class."""
        return baseline(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Say in one line what was loaded."""
        sizes = ", ".join(f"{sum(counts):,} {split}" for split, counts in self.counts.items())
        shape = "x".join(map(str, self.shape)) if all(self.shape) else "each of its own size"
        told = [f"{self.name}: {sizes}", f"{len(self.classes)} classes, {shape}"]
        if self.quarantined:
            first, n = self.quarantined[0], len(self.quarantined)
            files = f"{n:,} files, such as" if n > 1 else "1 file,"
            told.append(f"left out: {files} {first.path} ({first.reason})")
        if self.conflicts:
            n, first_name = len(self.conflicts), self.conflicts[0][0]
            told.append(f"copies with different labels: {n:,}, such as {first_name}")
        return "; ".join(told)


def baseline(card: Mapping[str, Any]) -> float:
    """Return the test accuracy of always naming the largest training class, of a stored card."""
    train, test = card["counts"]["train"], card["counts"]["test"]
    return float(test[train.index(max(train))] / sum(test))
