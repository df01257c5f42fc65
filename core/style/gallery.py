"""Painted pictures as a data set and as files."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from core.data.card import Card, Quarantined
from core.errors import UserError
from core.provenance import ROOT
from core.results import Result, Trial
from core.style.pictures import Pair, animation, png

RANDOM = (
    "The weights of {} are random: styles are transferred through an untrained network "
    "(He, Wang, Hopcroft 2016, arXiv 1606.04801)."
)


def card(
    pairs: Sequence[Pair], backbone: str, weights: str, quarantined: list[Quarantined]
) -> Card:
    """Describe the pairs that a study paints, and the network it paints them with.

    weights: random, default or the path of a file.
    """
    digest = sha256()
    for pair in pairs:
        for pixels in (pair.pixels, pair.style_pixels):
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
        warnings=[RANDOM.format(backbone)] if weights == "random" else [],
        quarantined=quarantined,
    )


def save(folder: Path | None, results: Mapping[Trial, Result]) -> None:
    """Write each picture and its animation, print where.

    folder: made if need be; None: <repo>/mlruns/pictures. A picture is called by its content, its
    style, and its seed unless that is 0. Raises UserError where it cannot be written.
    """
    folder = folder or ROOT / "mlruns" / "pictures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for trial, result in results.items():
            content, style = (Path(str(name)).stem for _, name in trial.params)
            name = f"{content}-as-{style}" + (f"-{trial.seed}" if trial.seed else "")
            frames = list(result.arrays["frames"])
            (folder / f"{name}.png").write_bytes(png(frames[-1]))
            (folder / f"{name}.gif").write_bytes(animation(frames))
            print(f"picture: {folder / name}.png, and how it came about: {name}.gif")
    except OSError as error:
        raise UserError(f"--out {folder}: a folder to write to is wanted: {error}") from error
