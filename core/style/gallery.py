"""The pictures of a study: which are painted, as a data set, and as files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.card import Card, Quarantined
from core.errors import UserError
from core.files import whole
from core.models.config import RANDOM
from core.provenance import ROOT
from core.style.config import StyleConfig
from core.style.easel import PICTURE, STEPS
from core.style.pictures import PAIRS, THUMB, NamedImage, Pair, pair, read, read_all, thumbnail
from core.trials import Array, Shared, Trial

UNTRAINED = (
    "The weights of {} are random: styles are transferred through an untrained network "
    "(He, Wang, Hopcroft 2016, arXiv 1606.04801)."
)


@dataclass(frozen=True)
class Gallery:
    """The pictures that a study may paint, whichever of them are asked for."""

    contents: tuple[NamedImage, ...]
    styles: tuple[NamedImage, ...]
    crossed: bool
    """every content meets every style; else the first the first, the second the second, ..."""
    quarantined: tuple[Quarantined, ...] = ()
    """files of a folder that could not be read"""

    def pairs(self, config: StyleConfig, n: int | None = None) -> list[Pair]:
        """Scale the first pairs, at most n of them; of crossed ones the most contents.

        config: resolved. Raises UserError where there are fewer, and for a picture too small.
        """
        if self.crossed:
            n = n or len(self.contents) * len(self.styles)
            contents = self.contents[:n]
            chosen = [(c, s) for c in contents for s in self.styles[: n // len(contents)]]
        else:
            chosen = list(zip(self.contents, self.styles, strict=True))
            if n is not None and n > len(chosen):
                wanted = f"{len(chosen)} at most, or a folder of contents or styles,"
                raise UserError(f"--pairs {n}: {wanted} are wanted")
            chosen = chosen[:n]
        return [pair(content, style, config) for content, style in chosen]

    def card(self, backbone: str, weights: str) -> Card:
        """Describe the pictures, and the network that paints them.

        weights: as `core.models.config` says.
        """
        digest = sha256(str(self.crossed).encode())
        for picture in (*self.contents, *self.styles):
            pixels = np.asarray(picture.image)
            digest.update(repr((picture.name, pixels.shape)).encode() + pixels.tobytes())
        what = f"{self.contents[0].name} as {self.styles[0].name}"
        if self.crossed:
            what = f"{len(self.contents)} contents as {len(self.styles)} styles"
        elif len(self.contents) > 1:
            what += " and others"
        width, height = self.contents[0].image.size
        return Card(
            name=f"{what}, {backbone} ({Path(weights).name})",
            source=", ".join(picture.name for picture in (*self.contents, *self.styles)),
            fingerprint=digest.hexdigest(),
            classes=(),
            shape=(3, height, width),
            counts={},
            split="none, every picture is painted",
            warnings=[UNTRAINED.format(backbone)] if weights == RANDOM else [],
            quarantined=list(self.quarantined),
        )

    def shared(self, arms: Iterable[str]) -> Shared:
        """Return what all trials share: `originals` (original, row, column, channel), small.

        An original is called `content NAME` or `style NAME`.
        """
        small = {f"content {picture.name}": thumbnail(picture.image) for picture in self.contents}
        small |= {f"style {picture.name}": thumbnail(picture.image) for picture in self.styles}
        names = {
            "arm": tuple(arms),
            "content": tuple(picture.name for picture in self.contents),
            "style": tuple(picture.name for picture in self.styles),
        }
        originals: Array = (("original", "row", "column", "channel"), _padded(list(small.values())))
        return Shared({"original": tuple(small)}, {"originals": originals}, names)


def _padded(pictures: list[NDArray[np.float16]]) -> NDArray[np.float16]:
    """Stack pictures of any shape, NaN where they have no pixels."""
    stacked = np.full((len(pictures), THUMB, THUMB, 3), np.nan, np.float16)
    for place, picture in zip(stacked, pictures, strict=True):
        place[: picture.shape[0], : picture.shape[1]] = picture
    return stacked


def open_gallery(content: str, style: str, *, more: bool) -> Gallery:
    """Read the pictures: one content and one style, or a folder of either.

    more: embedded pairs besides, of pictures not named, where no folder is given. Raises UserError,
    one line.
    """
    contents, bad = read_all(content, "CONTENT")
    styles, others = read_all(style, "STYLE")
    if any(Path(path).expanduser().is_dir() for path in (content, style)):
        return Gallery(tuple(contents), tuple(styles), True, (*bad, *others))
    named = {contents[0].name, styles[0].name}
    free = [(c, s) for c, s in PAIRS.items() if more and not named & {c, s}]
    contents += [read(c, "CONTENT") for c, _ in free]
    styles += [read(s, "STYLE") for _, s in free]
    return Gallery(tuple(contents), tuple(styles), crossed=False)


def save(folder: Path | None, pictures: Iterable[tuple[Trial, Mapping[str, bytes]]]) -> None:
    """Write each picture and its animation, print where.

    folder: made if need be; None: <repo>/mlruns/pictures. pictures: trials and their files. A
    picture is called by its content, its style, with their suffixes (beach.jpg and beach.png are
    two), and its seed unless that is 0. Raises UserError where it cannot be written.
    """
    folder = folder or ROOT / "mlruns" / "pictures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for trial, files in pictures:
            name = "{content}-as-{style}".format(**trial.levels)
            name += f"-{trial.seed}" if trial.seed else ""
            name = name.replace("/", "-")  # of sub-folders
            for suffix, kept in (("png", PICTURE), ("gif", STEPS)):
                with whole(folder / f"{name}.{suffix}") as file:
                    file.write_bytes(files[kept])
            print(f"picture: {folder / name}.png, and how it came about: {name}.gif")
    except OSError as error:
        raise UserError(f"--out {folder}: a folder to write to is wanted: {error}") from error
