"""What the study says on the lesson's claims S1 to S3."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.evaluation.intervals import mean
from core.evaluation.verdicts import all_of, equivalent, superior
from core.style.config import StyleConfig
from reports.tables import Results
from reports.verdicts import Finding, claims

PUBLISHED = {400: 49_116_588.0, 800: 9_944_565.0, 1200: 5_173_624.5, 1600: 3_145_412.75}
PUBLISHED |= {2000: 2_023_719.125}
"""step -> total loss printed in the course's notebook (VGG19, octopus and hockney, 400 pixels)"""
FIRST, LAST = 400, 2000


def table(results: Results, name: str) -> dict[str, NDArray[np.float64]]:
    """Collect a metric: arm -> (seeds, pairs) float64, NaN where it is missing."""
    rows: dict[str, dict[int, list[float]]] = {}
    for trial, result in results.items():
        own = rows.setdefault(trial.arm, {}).setdefault(trial.seed, [])
        own.append(result.metrics.get(name, np.nan))
    return {arm: np.array(list(seeds.values())) for arm, seeds in rows.items()}


def findings(results: Results, arms: Mapping[str, StyleConfig]) -> dict[str, Finding]:
    """Test the claims on the results of a study."""
    layers = [arm for arm in arms if arm.startswith("layer ")]
    betas = {arm: float(config.beta or 0) for arm, config in arms.items() if arm.startswith("beta")}
    lengths, smooth = (table(results, f"artefact/length{end}") for end in ("", "_smooth"))
    lost = table(results, "shares/content")
    left = table(results, "shares/style")
    return {
        "S1": _fall(results),
        "S2": _scale(*(np.stack([each[arm] for arm in layers]) for each in (lengths, smooth))),
        "S3": _control(
            np.array(list(betas.values())),
            np.stack([left[arm] for arm in betas]),
            np.stack([lost[arm] for arm in betas]),
        ),
    }


def fall(results: Results) -> NDArray[np.float64]:
    """Return log10 of the published arm's loss at step 400 over that at 2000, (seeds, pairs).

    The notebook prints the loss before a step's update, the first being 1. Empty if the arm is
    shorter.
    """
    rows: dict[int, list[float]] = {}
    for trial, result in results.items():
        total = result.arrays["losses"][:, 0]
        if trial.arm == "published" and len(total) > LAST:
            rows.setdefault(trial.seed, []).append(np.log10(total[FIRST - 1] / total[LAST - 1]))
    return np.array(list(rows.values()))


def _fall(results: Results) -> Finding:
    seen = fall(results)
    if not seen.size:
        return Finding(decision=None, lacking=f"`--published-steps {LAST}` or more.")
    target = float(np.log10(PUBLISHED[FIRST] / PUBLISHED[LAST]))
    return Finding(
        decision=equivalent(mean(seen), claims()["S1"].margin, target=target),
        names=(f"log10 of the loss at step {FIRST} over that at {LAST}",),
        unit="decades",
        images="pair",
        comment=(
            f"Published: {target:.2f} decades. The losses themselves compare only with VGG19's "
            "own weights at 400 pixels. The interval is over pairs of pictures, of which the "
            "course had one."
        ),
    )


def slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit a line to each column: x (n,), y (n, ...) -> least squares slopes (...)."""
    centred = x - x.mean()
    return np.tensordot(centred, y, 1) / np.square(centred).sum()


def _scale(lengths: NDArray[np.float64], smooth: NDArray[np.float64]) -> Finding:
    """Judge the claim on artefacts. lengths, smooth: (layers, seeds, pairs), pixels."""
    n = len(lengths)
    if n < 3 or not np.isfinite(lengths).all():
        missing = int((~np.isfinite(lengths)).sum())
        lacking = f"A network of 3 or more resolutions and artefacts in all pictures ({n}; "
        return Finding(decision=None, lacking=f"{lacking}{missing} pictures without).")
    places = np.arange(n, dtype=float)
    fall_ = mean(-slopes(places, np.log2(lengths)))
    other = mean(-slopes(places, np.log2(smooth)))
    shown = ", ".join(f"{each:.1f}" for each in np.median(lengths, (1, 2)))
    return Finding(
        decision=superior(fall_, claims()["S2"].margin),
        names=("log2 of artefact length, fall from one layer to the next deeper",),
        unit="doublings",
        images="pair",
        comment=(
            f"Median artefact length by layer, the earliest first: {shown} pixels. "
            f"{_page(lengths, 'shorter', 'longer', 'deeper layer')} With the noise from pixel to "
            f"pixel smoothed away the fall is {other.value:.2f} ({other.low:.2f} to "
            f"{other.high:.2f}; {lengths.shape[2]} pairs)."
        ),
    )


def _control(
    betas: NDArray[np.float64], left: NDArray[np.float64], lost: NDArray[np.float64]
) -> Finding:
    """Judge the claim on beta. left, lost: (betas, seeds, pairs), shares of style and content."""
    decades = np.log10(betas)
    closer = superior(mean(-slopes(decades, np.log10(left))), claims()["S3"].margin)
    farther = superior(mean(slopes(decades, np.log10(lost))), claims()["S3"].margin)
    return Finding(
        decision=all_of({"gap to the style, fall": closer, "content lost, growth": farther}),
        names=("gap to the style, fall", "content lost, growth"),
        unit="decades a decade of beta / alpha",
        images="pair",
        comment=f"Gap to the style: {_page(left, 'smaller', 'larger', 'larger beta')}",
    )


def _page(values: NDArray[np.float64], less: str, more: str, along: str) -> str:
    """Say what Page's trend test sees; values: (conditions, seeds, pairs), blocks are pairs."""
    blocks = values.mean(1).T  # seeds of a pair share its pictures: they are no blocks of their own
    up = stats.page_trend_test(blocks)
    down = stats.page_trend_test(blocks[:, ::-1])
    return (
        f"Page's trend test over {len(blocks)} pairs: p = {up.pvalue:.2g} for {more} and "
        f"{down.pvalue:.2g} for {less} with a {along}."
    )


def summary(results: Results) -> dict[str, object]:
    """Return what else the page prints: the question, how many pictures."""
    return {
        "question": "Which layers and which weights put a style into a picture?",
        "trials": {"complete": len(results), "diverged": []},
    }


def names(results: Results) -> Sequence[str]:
    """Return the arms in the study's order."""
    return list(dict.fromkeys(trial.arm for trial in results))
