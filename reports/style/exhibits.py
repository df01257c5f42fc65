"""Tables and figures of style transfer: pictures, curves, and what the claims rest on."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core import dataset
from reports import tables
from reports.lessons import Exhibit
from reports.scores import mean
from reports.style import figures
from reports.style.claims import FIRST, LAST, PUBLISHED, arms_of, beta_of, by_content, lesson

SHOWN = 8
"""pairs in a grid of pictures; all are in MLflow"""
POINTS = 200
"""steps of a curve that are drawn"""
MEASURES = {
    "shares/content": "content lost",
    "shares/style": "gap to the style",
    "artefact/length": "artefact length",
}
UNITS = {"artefact length": "pixels"}
PICTURE = ["arm", "seed", "content", "style"]


def plain(study: xr.Dataset) -> list[str]:
    """List the arms that no study varies: the modes."""
    varied = (*arms_of(study, "layer"), *arms_of(study, "beta"))
    return [arm for arm in study["arm"].values.tolist() if arm not in varied]


def rows(study: xr.Dataset, arms: Sequence[str]) -> pd.DataFrame:
    """List every picture of some arms: arm, seed, content, style, and what was measured of it."""
    frame = study[list(MEASURES)].sel(arm=list(arms)).to_dataframe().query("trained")
    return frame.reset_index().rename(columns=MEASURES)[[*PICTURE, *MEASURES.values()]]


def pixels(values: xr.DataArray) -> NDArray[np.float32]:
    """Return a picture (H, W, 3) in [0, 1], without the places that larger ones fill."""
    held = values.dropna("row", how="all").dropna("column", how="all")
    return held.transpose("row", "column", "channel").values.astype(np.float32)


def _grid(study: xr.Dataset, arms: Sequence[str], what: str) -> Exhibit | None:
    if not arms:
        return None
    frame = rows(study, arms)
    drawn = frame[frame["seed"] == 0]
    pairs = list(dict.fromkeys(zip(drawn["content"], drawn["style"], strict=True)))
    cells = {}
    for content, style in pairs[:SHOWN]:
        row = f"{content} as {style}"
        for kind, name in (("content", content), ("style", style)):
            cells[row, kind] = pixels(study["originals"].sel(original=f"{kind} {name}"))
        for arm in drawn[(drawn["content"] == content) & (drawn["style"] == style)]["arm"]:
            where = {"arm": arm, "seed": 0, "content": content, "style": style}
            cells[row, arm] = pixels(study["picture"].sel(where))
    left_out = f"; {len(pairs) - SHOWN} more are in MLflow" if len(pairs) > SHOWN else ""
    return Exhibit(
        photographic=True,
        caption=f"Contents, styles and what was painted{what}, seed 0{left_out}.",
        table=frame,
        figure=partial(figures.pictures, cells),
        units=UNITS,
    )


@lesson.exhibit
def pictures(study: xr.Dataset) -> Exhibit | None:
    """Return what was painted in the mode asked for."""
    return _grid(study, plain(study), "")


@lesson.exhibit
def losses(study: xr.Dataset) -> Exhibit | None:
    """Return the losses by step."""
    modes = plain(study)
    if not modes:
        return None
    frame = curves(study, modes)
    return Exhibit(
        deep=True,
        caption="Losses by step, before their weights: total, content, style of each layer (1 is "
        "the earliest), total variation. A line is a picture.",
        table=frame,
        figure=partial(figures.losses, frame),
    )


def curves(study: xr.Dataset, arms: Sequence[str], points: int = POINTS) -> pd.DataFrame:
    """Return the losses by step: arm, seed, content, style, step, loss, value; thinned to `points`.

    Step 0 is the loss before the first update.
    """
    names = [str(name) for name in study.data_vars if str(name).startswith("loss/")]
    kept = np.unique(np.linspace(1, study.sizes["epoch"], points).round().astype(int))
    chosen = study[names].sel(arm=list(arms), epoch=kept)
    wide = chosen.to_dataframe().query("trained").reset_index()
    wide["step"] = wide["epoch"] - 1
    long = wide.melt([*PICTURE, "step"], names, "loss", "value").dropna(ignore_index=True)
    return long.assign(loss=long["loss"].str.removeprefix("loss/"))


@lesson.exhibit
def published_loss(study: xr.Dataset) -> Exhibit | None:
    """Return the fall of the loss in the course's mode."""
    if "published" not in study["arm"].values or study.sizes["epoch"] <= LAST:
        return None
    frame = curves(study, ["published"])
    frame = frame[frame["loss"] == "total"].reset_index(drop=True)
    course = {step: value / PUBLISHED[FIRST] for step, value in PUBLISHED.items()}
    return Exhibit(
        caption=f"Total loss in the course's mode as a multiple of that at step {FIRST}; a line is "
        "a pair of pictures. Dots: printed in the course's notebook (VGG19).",
        table=frame,
        figure=partial(figures.fall, frame, FIRST, course),
    )


@lesson.exhibit
def arms(study: xr.Dataset) -> Exhibit | None:
    """Return what was measured of every arm of a study."""
    rows = []
    for arm in (*arms_of(study, "layer"), *arms_of(study, "beta")):
        row: dict[str, object] = {"arm": arm}
        for name, title in MEASURES.items():
            values = dataset.table(by_content(study[name].sel(arm=arm)))
            enough = values.size > 1 and bool(np.isfinite(values).all())
            row |= tables.columns(title, mean(values, (0, np.inf)) if enough else None)
        sizes = values.shape
        rows.append(row | dict(zip(("seeds", "contents"), sizes, strict=True)))
    if not rows:
        return None
    return Exhibit(
        caption="What was painted, mean over contents with its 95 % interval: share of the content "
        "lost (1: as far from it as a flat picture), share of the gap to the style that is left, "
        "length of the artefacts in pixels.",
        table=pd.DataFrame(rows),
        units=UNITS,
    )


@lesson.exhibit
def layers(study: xr.Dataset) -> Exhibit | None:
    """Return what each layer alone paints."""
    return _grid(study, arms_of(study, "layer"), ", style from one layer alone")


@lesson.exhibit
def artefacts(study: xr.Dataset) -> Exhibit | None:
    """Return the length of the artefacts by layer."""
    alone = arms_of(study, "layer")
    if not alone:
        return None
    frame = rows(study, alone)
    return Exhibit(
        caption="Length of the artefacts (distance at which their autocorrelation falls to 1/e) "
        "against the one layer that gave the style, 1 the earliest. A line is a pair of pictures, "
        "the thick one their geometric mean.",
        table=frame,
        figure=partial(figures.lengths, frame, alone),
        units=UNITS,
    )


@lesson.exhibit
def betas(study: xr.Dataset) -> Exhibit | None:
    """Return what each weight of the style paints."""
    return _grid(study, arms_of(study, "beta"), ", by weight of the style")


@lesson.exhibit
def control(study: xr.Dataset) -> Exhibit | None:
    """Return gap to the style and content lost by beta."""
    chosen = arms_of(study, "beta")
    if not chosen:
        return None
    frame = rows(study, chosen)
    frame = frame.assign(beta=frame["arm"].map(beta_of))
    return Exhibit(
        caption="Gap to the style that is left, and content lost, against beta (alpha as given). A "
        "line is a pair of pictures, the thick one their geometric mean.",
        table=frame,
        figure=partial(figures.control, frame),
        units=UNITS,
    )
