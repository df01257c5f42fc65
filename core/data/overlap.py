"""Which classes of a data set a pretrained network has been trained on already."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"^(n\d{8}|\d+)[-._ ]+")


def shared_classes(classes: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the classes whose name is among the known ones.

    Names are compared without numbers in front (`001.`, `n02085620-`), case, punctuation and a
    last word `dog`: the course's German_shepherd_dog is ImageNet's German shepherd.
    """
    names = {_plain(name) for name in known}
    return [name for name in classes if _plain(name) in names]


def overlap_warnings(classes: Sequence[str], known: Sequence[str]) -> list[str]:
    """Say in a line how many classes a network trained on `known` has seen, if there are any."""
    shared = shared_classes(classes, known)
    if not shared:
        return []
    ids = sum(bool(re.match(r"n\d{8}", name)) for name in classes)
    images = f" {ids} carry ImageNet's own ids: the images are ImageNet's too." if ids else ""
    return [
        f"ImageNet overlap: {len(shared)} of {len(classes)} classes here are among the "
        f"{len(known):,} that the pretrained weights were trained on.{images} What a pretrained "
        "network scores on them says little of classes it has never seen."
    ]


def _plain(name: str) -> str:
    words = re.sub(r"[^a-z]+", " ", _NUMBER.sub("", name).lower()).split()
    return " ".join(words[:-1] if len(words) > 1 and words[-1] == "dog" else words)
