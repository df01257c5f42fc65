"""Drawings of a user's pictures: what they are called, and how they are written."""

from collections.abc import Collection
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from core.data.card import readable
from core.errors import UserError
from core.files import whole
from core.provenance import ROOT

PLACE = ROOT / "mlruns" / "pictures"
"""where drawings go unless `--out` says otherwise"""
DPI = 120


def places(pictures: Collection[str], folder: Path | None, what: str) -> dict[str, Path]:
    """Return the file that each picture's drawing goes to: `beach.jpg-WHAT.png`.

    It keeps the picture's suffix: beach.jpg and beach.png are two, in one call or in several.
    Pictures of one name are numbered, and no drawing goes to one of the pictures. folder: made
    when it is written to; None: <repo>/mlruns/pictures.
    """
    paths, taken = {}, {Path(name).expanduser().resolve() for name in pictures}
    for name in pictures:
        file, number = readable(Path(name).name), 1
        path = (folder or PLACE) / f"{file}-{what}.png"
        while path.resolve() in taken:
            number += 1
            path = path.with_name(f"{file}-{number}-{what}.png")
        taken.add(path.resolve())
        paths[name] = path
    return paths


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, and close it. Raises UserError for a file that cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            figure.savefig(file, dpi=DPI)
    except OSError as error:
        wanted = f"{error.strerror}; a folder to write to is wanted"
        raise UserError(f"--out {path.parent}: {wanted}") from error
    finally:
        plt.close(figure)
    print(f"  drawn: {path}")
