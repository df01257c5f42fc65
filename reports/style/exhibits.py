"""Tables and figures of style transfer: pictures, curves, and what the claims rest on."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from core.results import Exhibit, Trial

from core.evaluation.intervals import mean
from core.style.config import StyleConfig
from core.style.pictures import Pair, to_bytes
from reports.style import figures
from reports.style.findings import FIRST, LAST, PUBLISHED, table
from reports.tables import Results, columns

SHOWN = 8
"""pairs in a grid of pictures; all are in MLflow"""
POINTS = 200
"""steps of a curve that are drawn"""


def exhibits(
    results: Results, pairs: Sequence[Pair], arms: Mapping[str, StyleConfig]
) -> list[Exhibit]:
    """Draw the pictures and curves, and for a study what its verdicts rest on."""
    layers = [arm for arm in arms if arm.startswith("layer ")]
    if not layers:
        return [_grid("pictures", "", results, pairs, list(arms)), _curves(results)]
    betas = [arm for arm in arms if arm.startswith("beta ")]
    return [
        _summary(results),
        _grid("layers", ", style from one layer alone", results, pairs, layers),
        _lengths(results, layers),
        _grid("betas", ", by weight of the style", results, pairs, [*betas, "published"]),
        _shares(results, {arm: float(arms[arm].beta or 0) for arm in betas}),
        _fall(results),
    ]


def rows(results: Results) -> pd.DataFrame:
    """List every picture: arm, seed, content, style, and what was measured of it."""
    return pd.DataFrame(
        [
            {
                "arm": trial.arm,
                "seed": trial.seed,
                **dict(trial.params),
                "content lost": result.metrics.get("shares/content", np.nan),
                "gap to the style": result.metrics.get("shares/style", np.nan),
                "artefact length": result.metrics.get("artefact/length", np.nan),
            }
            for trial, result in results.items()
        ]
    )


def _grid(
    name: str, what: str, results: Results, pairs: Sequence[Pair], arms: Sequence[str]
) -> Exhibit:
    shown = list(pairs)[:SHOWN]
    cells = {
        (str(pair), title): picture
        for pair in shown
        for title, picture in _row(pair, results, arms).items()
    }
    frame = rows(results)
    left_out = f"; {len(pairs) - SHOWN} more are in MLflow" if len(pairs) > SHOWN else ""
    caption = f"Contents, styles and what was painted{what}, seed 0{left_out}."
    figure = figures.pictures(cells)
    units = {"artefact length": "pixels"}
    return Exhibit(name, caption, frame[frame["arm"].isin(arms)], figure, units)


def _row(pair: Pair, results: Results, arms: Sequence[str]) -> dict[str, np.ndarray]:
    where = (("content", pair.content), ("style", pair.style))
    painted = {arm: results[Trial(arm, 0, where)].arrays["frames"][-1] for arm in arms}
    return {"content": to_bytes(pair.pixels), "style": to_bytes(pair.style_pixels), **painted}


def curves(results: Results, points: int = POINTS) -> pd.DataFrame:
    """Return the losses by step: arm, seed, content, style, step, loss, value; thinned to `points`.

    loss: total, content, tv, style_1, ... as the arm's mode has them, before their weights.
    """
    parts = []
    for trial, result in results.items():
        values = result.arrays["losses"]
        names = [n.removeprefix("final/") for n in result.metrics if n.startswith("final/")]
        kept = np.unique(np.linspace(0, len(values) - 1, points).round().astype(int))
        wide = pd.DataFrame(values[kept], columns=names).assign(step=kept)
        long = wide.melt("step", var_name="loss", value_name="value")
        parts.append(long.assign(arm=trial.arm, seed=trial.seed, **dict(trial.params)))
    return pd.concat(parts, ignore_index=True)


def _curves(results: Results) -> Exhibit:
    frame = curves(results)
    caption = (
        "Losses by step, before their weights: total, content, style of each layer (1 is the "
        "earliest), total variation. A line is a picture."
    )
    return Exhibit("losses", caption, frame, figures.losses(frame))


def _summary(results: Results) -> Exhibit:
    measures = {
        "artefact length": table(results, "artefact/length"),
        "gap to the style": table(results, "shares/style"),
        "content lost": table(results, "shares/content"),
    }
    found = []
    for arm, values in measures["artefact length"].items():
        cells: dict[str, object] = {"arm": arm}
        for name, each in measures.items():
            known = bool(np.isfinite(each[arm]).all())
            cells |= columns(name, mean(each[arm], bounds=(0.0, np.inf)) if known else None)
        found.append(cells | {"seeds": values.shape[0], "pairs": values.shape[1]})
    caption = (
        "What was painted, mean over pairs of pictures with its 95 % interval: length of the "
        "artefacts in pixels, share of the gap to the style that is left, share of the content "
        "lost (1: as far from it as a flat picture)."
    )
    return Exhibit("arms", caption, pd.DataFrame(found), units={"artefact length": "pixels"})


def _lengths(results: Results, layers: Sequence[str]) -> Exhibit:
    frame = rows(results)
    frame = frame[frame["arm"].isin(layers)]
    caption = (
        "Length of the artefacts (distance at which their autocorrelation falls to 1/e) against "
        "the one layer that gave the style, 1 the earliest. A line is a pair of pictures, the "
        "thick one their geometric mean."
    )
    return Exhibit("artefacts", caption, frame, figures.lengths(frame, list(layers)))


def _shares(results: Results, betas: Mapping[str, float]) -> Exhibit:
    frame = rows(results)
    frame = frame[frame["arm"].isin(betas)].assign(beta=lambda f: f["arm"].map(betas))
    caption = (
        "Gap to the style that is left, and content lost, against beta (alpha as given). A line is "
        "a pair of pictures, the thick one their geometric mean."
    )
    return Exhibit("control", caption, frame, figures.control(frame))


def _fall(results: Results) -> Exhibit:
    published = {t: r for t, r in results.items() if t.arm == "published"}
    frame = curves(published)
    frame = frame[frame["loss"] == "total"].reset_index(drop=True)
    long = all(len(r.arrays["losses"]) > LAST for r in published.values())
    course = {step: value / PUBLISHED[FIRST] for step, value in PUBLISHED.items()} if long else {}
    against = FIRST if long else 0
    caption = (
        f"Total loss in the course's mode as a multiple of that at step {against}; a line is a "
        "pair of pictures." + (" Dots: printed in the course's notebook (VGG19)." if long else "")
    )
    return Exhibit("published-loss", caption, frame, figures.fall(frame, against, course))
