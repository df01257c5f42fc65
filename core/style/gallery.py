"""Painted pictures as a data set and as files."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from core.data.card import Card, Quarantined
from core.errors import UserError
from core.files import whole
from core.models.config import RANDOM
from core.provenance import ROOT
from core.results import Result, Trial
from core.style.config import StyleConfig
from core.style.pictures import PAIRS, Pair, animation, pair, png, read, read_all

UNTRAINED = (
    "The weights of {} are random: styles are transferred through an untrained network "
    "(He, Wang, Hopcroft 2016, arXiv 1606.04801)."
)


def read_pairs(
    content: str, style: str, config: StyleConfig, more: int = 0
) -> tuple[list[Pair], list[Quarantined]]:
    """Read and scale pictures: every content (a folder may hold several) meets the style.

    config: resolved. more: embedded pairs to add, of pictures not named. Returns the pairs, and
    the files of a folder that could not be read. Raises UserError, one line.
    """
    contents, quarantined = read_all(content, "CONTENT")
    manner = read(style, "STYLE")
    both = [(each, manner) for each in contents]
    free = [(c, s) for c, s in PAIRS.items() if not {content, style} & {c, s}]
    both += [(read(c, "CONTENT"), read(s, "STYLE")) for c, s in free[:more]]
    return [pair(*each, config) for each in both], quarantined


def card(
    pairs: Sequence[Pair], backbone: str, weights: str, quarantined: list[Quarantined]
) -> Card:
    """Describe the pairs that a study paints, and the network it paints them with.

    weights: as `core.models.config` says.
    """
    digest = sha256()
    for each in pairs:
        for pixels in (each.pixels, each.style_pixels):
            digest.update(repr(tuple(pixels.shape)).encode() + pixels.numpy().tobytes())
    what = str(pairs[0]) if len(pairs) == 1 else f"{len(pairs)} pairs"
    _, height, width = pairs[0].pixels.shape
    return Card(
        name=f"{what}, {backbone} ({Path(weights).name})",
        source="; ".join(map(str, pairs)),
        fingerprint=digest.hexdigest(),
        classes=(),
        shape=(3, height, width),
        counts={},
        split="none, every picture is painted",
        warnings=[UNTRAINED.format(backbone)] if weights == RANDOM else [],
        quarantined=quarantined,
    )


def save(folder: Path | None, results: Mapping[Trial, Result]) -> None:
    """Write each picture and its animation, print where.

    folder: made if need be; None: <repo>/mlruns/pictures. A picture is called by its content, its
    style, with their suffixes (beach.jpg and beach.png are two), and its seed unless that is 0.
    Raises UserError where it cannot be written.
    """
    folder = folder or ROOT / "mlruns" / "pictures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for trial, result in results.items():
            content, style = (name for _, name in trial.params)
            name = f"{content}-as-{style}" + (f"-{trial.seed}" if trial.seed else "")
            name = name.replace("/", "-")  # of sub-folders
            frames = list(result.arrays["frames"])
            for suffix, encoded in (("png", png(frames[-1])), ("gif", animation(frames))):
                with whole(folder / f"{name}.{suffix}") as file:
                    file.write_bytes(encoded)
            print(f"picture: {folder / name}.png, and how it came about: {name}.gif")
    except OSError as error:
        raise UserError(f"--out {folder}: a folder to write to is wanted: {error}") from error
