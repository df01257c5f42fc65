"""What tells a set of image files from another, without decoding any."""

from hashlib import file_digest, sha256
from pathlib import Path

from core.data.config import DataConfig
from core.data.hub import unpacked
from core.data.listing import below
from core.data.pets import FOLDER
from core.data.sources import TORCHVISION
from core.data.threads import in_threads


def stamp(config: DataConfig) -> str | None:
    """Return a text that changes with the files of a set: for an embedded set, its name.

    For others it hashes names and contents of all files that a reader would list, of a table beside
    them and behind links too. What was made from the set can be kept under it. None where the files
    are not there, or not yet.
    """
    kind = config.data.partition(":")[0]
    places = {"isic2017": "isic2017", "oxford-pets": FOLDER}
    places |= {name: folder for name, (_, folder) in TORCHVISION.items()}
    if kind not in ("folder", "hf", *places):
        return config.data
    if kind == "hf":
        root, _ = unpacked(config)
    else:
        root = config.folder if kind == "folder" else config.data_root / places[kind]
    if not root.is_dir():
        return None
    files = below(root).files
    digests = in_threads(_content, files, f"reading {root.name}")
    rows = [(str(p.relative_to(root)), digest) for p, digest in zip(files, digests, strict=True)]
    return f"{kind} {sha256(repr(rows).encode()).hexdigest()}"


def _content(path: Path) -> str:
    """Hash a file; what is no regular file has no content."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
