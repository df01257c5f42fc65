"""Sets of the `datasets` library: hf:NAME from its hub, or hf:PATH of one that lies here.

The pictures are written once to DATA_ROOT/hf, as the files that they were before they came into the
set; from there they are read like any folder's: decoded, quarantined, divided and streamed by it.
"""

import importlib.util
import os
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.config import check
from core.data.config import DataConfig
from core.data.layout import Entry, Layout
from core.data.listing import SIDES, side_of
from core.errors import UserError, one_line

FOLDER = "hf"
LABELS = ("label", "labels")
"""names of a column of classes that does not say of itself that it is one"""


def unpacked(config: DataConfig) -> tuple[Path, Layout]:
    """Return the folder that holds the pictures of `hf:...`, written if need be, and its files.

    Sides are the set's splits; a set of one split has none. Pictures without a label are left out.
    Raises UserError where the library, the set, its one column of pictures or of labels is missing.
    """
    splits = _open(config)
    features = next(iter(splits.values())).features
    image = _column(config, features, "image", "pictures", _kinds(features, "Image"))
    classes = _kinds(features, "ClassLabel") or [name for name in features if name in LABELS]
    label = _column(config, features, "label", "classes", classes)
    key = sha256(repr([(name, part._fingerprint) for name, part in splits.items()]).encode())
    root = config.data_root / FOLDER / f"{config.name[3:]}-{key.hexdigest()[:16]}"
    if not root.is_dir():
        _write(splits, image, root)
    layout = Layout()
    for name, part in splits.items():
        side = "train" if len(splits) == 1 else side_of(name)
        if side is None:
            reason = f"a split of another name than {', '.join(SIDES)}"
            layout.left_out.append((root / name, reason))
            continue
        for index, text in enumerate(_texts(part, label)):
            path = root / name / f"{index:07}"
            if text is None:
                layout.left_out.append((path, "no label"))
            else:
                layout.entries.append(Entry(path, text, side))
    return root, layout


def _open(config: DataConfig) -> dict[str, Any]:
    """Return the splits of the set by name."""
    there = importlib.util.find_spec("datasets") is not None
    check("data", config.data, there, "the package datasets (pip install '.[hf]')")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets

    name = config.data.partition(":")[2]
    path = Path(name).expanduser()
    try:
        if any((path / file).is_file() for file in ("state.json", "dataset_dict.json")):
            loaded = datasets.load_from_disk(path)
        else:
            cache = config.data_root / FOLDER / "cache"
            loaded = datasets.load_dataset(str(path) if path.exists() else name, cache_dir=cache)
    except Exception as error:  # of the library's own kinds and of all that it is made of
        reason = one_line(f"{type(error).__name__}: {error}")[:200]
        wanted = "a set that the hub or this folder has"
        raise UserError(f"--data {config.data}: {reason}; {wanted} is wanted") from error
    return {**loaded} if isinstance(loaded, dict) else {"train": loaded}


def _kinds(features: Any, kind: str) -> list[str]:
    return [name for name, feature in features.items() if type(feature).__name__ == kind]


def _column(config: DataConfig, features: Any, usual: str, what: str, names: Sequence[str]) -> str:
    """Return the only one of these columns, or that of the usual name."""
    if usual in names or len(names) == 1:
        return usual if usual in names else names[0]
    seen = f"{len(names)} columns of {what} among {', '.join(features)}"
    raise UserError(f"--data {config.data}: {seen}; one, or one called {usual}, is wanted")


def _texts(part: Any, label: str) -> list[str | None]:
    """Return the class of each picture; None without one, which the hub writes as -1."""
    named = getattr(part.features[label], "int2str", str)
    return [None if value in (None, -1) else named(value) for value in part[label]]


def _write(splits: dict[str, Any], image: str, root: Path) -> None:
    """Write all pictures as they are encoded: whole or not at all."""
    import datasets

    partial = root.with_name(f".{root.name}-{os.getpid()}")
    try:
        for name, part in splits.items():
            (partial / name).mkdir(parents=True)
            cells = part.cast_column(image, datasets.Image(decode=False))[image]
            for index, cell in enumerate(tqdm(cells, f"unpacking {name}", disable=None)):
                (partial / name / f"{index:07}").write_bytes(_content(cell))
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _content(cell: dict[str, Any] | None) -> bytes:
    """Return the encoded picture, nothing where there is none."""
    if cell is None:
        return b""
    if cell["bytes"] is not None:
        return bytes(cell["bytes"])
    path = Path(cell["path"])
    return path.read_bytes() if path.is_file() else b""
