"""What the study of transfer regimes says on the claims T1 to T5."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.evaluation.comparisons import paired
from core.evaluation.intervals import Estimate
from core.evaluation.verdicts import Decision, all_of, superior
from core.models.regimes import COURSE, STRATEGIES
from reports import tables
from reports.tables import Results
from reports.verdicts import Finding, claims

Hits = Mapping[str, NDArray[np.generic]]

FOUR = ("head", "cut", "fine-tune", "scratch")
"""the strategies of the course's table"""


def by_cell(results: Results) -> dict[tuple[str, str], Results]:
    """Sort the trials: (size, similarity) -> its own, in the study's order."""
    cells: dict[tuple[str, str], dict] = {}
    for trial, result in results.items():
        own = dict(trial.params)
        cells.setdefault((str(own["size"]), str(own["task"])), {})[trial] = result
    return dict(cells)


def findings(results: Results) -> dict[str, Finding]:
    """Test the claims."""
    hits = {cell: tables.scores(own, "correct") for cell, own in by_cell(results).items()}
    return {
        "T1": _beats_scratch(hits),
        "T2": _table(hits),
        "T3": _last_layer(hits),
        "T4": Finding(
            decision=None,
            lacking="It takes VGG16's ImageNet weights and the course's flowers; with "
            f"both, `{claims()['T4'].command}`.",
        ),
        "T5": _scale(hits),
    }


def _beats_scratch(hits: Mapping[tuple[str, str], Hits]) -> Finding:
    margin = claims()["T1"].margin
    small = {cell: each for cell, each in hits.items() if cell[0] == "small"}
    gaps = {cell: paired(each["fine-tune"], each["scratch"]) for cell, each in small.items()}
    return Finding(
        decision=all_of({", ".join(cell): superior(gap, margin) for cell, gap in gaps.items()}),
        names=tuple(f"{', '.join(cell)}: fine-tune - scratch" for cell in gaps),
        comment="In the small cells, all weights trained.",
    )


def _table(hits: Mapping[tuple[str, str], Hits]) -> Finding:
    """Hold the course's choice against every other of the four, in every cell."""
    margin = claims()["T2"].margin
    names, parts = [], []
    for cell, choice in COURSE.items():
        for other in FOUR:
            if other != choice:
                names.append(f"{', '.join(cell)}: {choice} - {other}")
                parts.append(superior(paired(hits[cell][choice], hits[cell][other]), -margin))
    return Finding(
        decision=all_of(dict(zip(names, parts, strict=True))),
        names=tuple(names),
        comment=f"Cells in which the course's choice is the best of the four: {_best(hits)}. For "
        "large and different the course allows fine-tuning as well as training from scratch.",
    )


def _best(hits: Mapping[tuple[str, str], Hits]) -> str:
    shown = []
    for cell, choice in COURSE.items():
        accuracy = {arm: float(np.asarray(hits[cell][arm], float).mean()) for arm in FOUR}
        if accuracy[choice] == max(accuracy.values()):
            shown.append(", ".join(cell))
    return "; ".join(shown) or "none"


def _last_layer(hits: Mapping[tuple[str, str], Hits]) -> Finding:
    own = hits["small", "similar"]
    gap = paired(own["head"], own["fine-tune"])
    return Finding(
        decision=superior(gap, -claims()["T3"].margin),
        names=("small, similar: head - fine-tune",),
    )


def _scale(hits: Mapping[tuple[str, str], Hits]) -> Finding:
    """Ask of every cell whether weights with the right mean and variance alone beat scratch."""
    margin = claims()["T5"].margin
    gaps = {cell: paired(each["statistics"], each["scratch"]) for cell, each in hits.items()}
    shares = "; ".join(f"{', '.join(cell)}: {_share(each)}" for cell, each in hits.items())
    parts: dict[str, Decision] = {
        ", ".join(cell): superior(gap, margin) for cell, gap in gaps.items()
    }
    return Finding(
        decision=all_of(parts),
        names=tuple(f"{', '.join(cell)}: mean and variance - scratch" for cell in gaps),
        comment=f"Share of fine-tuning's gain over scratch that mean and variance give: {shares}.",
    )


def _share(own: Hits) -> str:
    """Divide the control's gain by the whole gain, where there is one to divide by."""
    whole = paired(own["fine-tune"], own["scratch"])
    if whole.low <= 0:
        return f"no gain to divide ({_points(whole)})"
    low, value, high = share_of_gain(own)
    return f"{value:.0%} ({low:.0%} to {high:.0%})"


def share_of_gain(own: Hits, resamples: int = 2000) -> tuple[float, float, float]:
    """Return low, value, high of (statistics - scratch) / (fine-tune - scratch).

    The interval is the percentiles' of a bootstrap over seeds and images, drawn alike for all.
    """
    tops, bottoms = (own[a].astype(float) - own["scratch"] for a in ("statistics", "fine-tune"))
    (n_seeds, n_images), random = tops.shape, np.random.default_rng(0)
    drawn = np.empty(resamples)
    for index in range(resamples):
        rows = random.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds))
        columns = random.multinomial(n_images, np.full(n_images, 1 / n_images))
        drawn[index] = (rows @ tops @ columns) / (rows @ bottoms @ columns or np.nan)
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(tops.mean() / bottoms.mean()), float(high)


def _points(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:+.1f} points, {low:+.1f} to {high:+.1f}"


def summary(results: Results) -> dict[str, object]:
    """Return what else the page prints."""
    diverged = [t.key for t, r in results.items() if not np.isfinite(r.metrics["test/loss"])]
    return {
        "question": "Small or large, similar or different: which strategy of transfer is best?",
        "trials": {"complete": len(results), "diverged": diverged},
        "strategies": {name: each.label for name, each in STRATEGIES.items()},
    }
