"""One run instead of many: would it have printed what was published, would it have shown it?

A published number is most often one run's, on one set of test images. Setting a mean over many
seeds beside it asks the wrong question; what a single run prints spreads much wider.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from core.evaluation.components import Components
from core.evaluation.decisions import Decision, judge
from core.evaluation.intervals import Estimate, mean, wilson
from core.evaluation.laws import Part, Student

WITHIN = 1.959964
"""standard deviations of single runs that count as what one run would print: the middle 95 %"""


def predicted(hits: ArrayLike, successes: int, n: int, *, same_images: bool = False) -> Decision:
    """Judge the claim that one run of ours would print what was published.

    hits: (seeds, images) bool, ours; successes of n test images: the published run's. same_images:
    the published run saw the very images that ours did. Refuted if the published share lies
    outside the prediction interval for one run (one seed, n images) around our mean. Supported if
    it lies in the middle 95 % of single runs, 1.96 standard deviations, even where our mean and
    that deviation are only known so well: a test by the noncentral t, exact where one source of
    chance is all. Neither where our runs do not differ, which tells no deviation. Raises ValueError
    as `mean` and `wilson`.
    """
    ours, share = mean(hits), wilson(successes, n).value
    run = one_run(ours.components, n, same_images=same_images)
    around = ours.components.parts[: 1 if same_images else None]  # in the order of `one_run`
    spread = tuple(
        Part(one.variance + ours_.variance, one.df) for one, ours_ in zip(run, around, strict=True)
    )
    prediction = Estimate.of(
        ours.components,
        Student(ours.value, spread),
        f"prediction of one run on {n} images, t over {ours.components.units}",
        bounds=(0.0, 1.0),
    )
    decision = Decision(
        estimate=prediction,
        margin=WITHIN * _deviation(run),
        target=share,
        p_supported=_as_near(abs(share - ours.value), run, around),
        p_refuted=2 * min(prediction.p(share, "greater"), prediction.p(share, "less"))
        if _deviation(run) > 0  # NaN of one seed
        else 1.0,
        test="predicted",
    )
    return judge(decision)


def _deviation(parts: tuple[Part, ...]) -> float:
    return float(np.sqrt(sum(part.variance for part in parts)))


def _as_near(gap: float, run: tuple[Part, ...], around: tuple[Part, ...]) -> float:
    """Return the chance of a gap as small, were the truth WITHIN deviations of one run off.

    1 where nothing is known of these.
    """
    spread, se = _deviation(run), _deviation(around)
    if not spread or not se:
        return 1.0
    df = spread**4 / sum(part.variance**2 / part.df for part in run)
    return float(stats.nct.cdf(gap / se, df, WITHIN * spread / se))


def one_run(parts: Components, n_images: int, *, same_images: bool = False) -> tuple[Part, ...]:
    """Return the variance of what one seed prints on n images, by what is drawn anew."""
    if same_images:
        return (Part(parts.seeds, parts.n_seeds - 1),)
    one = parts.resized(1, n_images)
    seeds = [Part(one.seeds, parts.n_seeds - 1)] if parts.n_seeds > 1 else []
    return (*seeds, Part(one.images / n_images, parts.n_images - 1))


def shown_by_one_run(estimate: Estimate, null: float = 0.0) -> float:
    """Return the chance that a single run prints a number on the same side of null as ours.

    estimate: of a difference over seeds (and images). 0.5 where nothing is known either way; our
    own uncertainty is part of the chance.
    """
    parts = estimate.components
    run = parts.resized(1, parts.n_images)
    total = run.se**2 + parts.se**2
    gap = abs(estimate.value - null)
    if total == 0:
        return 1.0 if gap else 0.5
    df = min(part.df for part in parts.parts)
    return float(stats.t.cdf(gap / np.sqrt(total), df))
