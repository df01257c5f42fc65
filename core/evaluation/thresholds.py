"""Thresholds chosen on validation images, and what they are worth on others.

Scores are (n,) or (seeds, n) float, higher meaning positive; a score at or above the threshold
calls an image positive. A prevalence is the share of positives where the test would be used.
"""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate, mean, share_law
from core.evaluation.roc import check_scores, roc_points
from core.evaluation.shares import Predictive

Rule = Literal["sensitivity", "youden", "cost"]


def choose_threshold(
    scores: ArrayLike,
    labels: ArrayLike,
    rule: Rule,
    target: float = 0.95,
    miss_cost: float = 10.0,
    prevalence: float | None = None,
) -> float:
    """Choose one seed's threshold on validation images.

    scores: (n,). "sensitivity": the highest threshold that reaches `target`; "youden": the
    greatest sensitivity + specificity; "cost": the least expected cost, where a missed positive
    costs `miss_cost` false alarms at `prevalence` (the images' own share if None). Raises
    ValueError as `roc.check_scores`.

    Source: Youden, Cancer 3 (1950) 32-35; Metz, Seminars in Nuclear Medicine 8 (1978) 283-298.
    """
    false_alarms, sensitivity, threshold = roc_points(scores, labels)
    if rule == "sensitivity":
        return float(threshold[np.flatnonzero(sensitivity >= target - 1e-12)[0]])
    if rule == "youden":
        return float(threshold[1:][np.argmax((sensitivity - false_alarms)[1:])])
    share = float(np.asarray(labels, float).mean()) if prevalence is None else prevalence
    cost = miss_cost * share * (1 - sensitivity) + (1 - share) * false_alarms
    return float(threshold[np.argmin(cost)])


def rates(
    scores: ArrayLike, labels: ArrayLike, thresholds: ArrayLike, prevalence: float
) -> dict[str, Estimate]:
    """Estimate sensitivity, specificity, ppv and npv at frozen thresholds.

    thresholds: one, or one a seed. PPV and NPV are those at `prevalence`, not at the images' own
    share; their intervals follow from sensitivity and specificity at half the error each, and
    so cover at least as often as promised; NaN where no image is called. Raises ValueError as
    `roc.check_scores`, and unless 0 < prevalence < 1.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence: {prevalence}, wanted a share between 0 and 1")
    table, truth = check_scores(scores, labels)
    called = table >= np.broadcast_to(np.asarray(thresholds, float), len(table))[:, None]
    hits = called[:, truth], ~called[:, ~truth]
    sensitivity, specificity = map(_share, hits)
    sides = {
        "ppv": (sensitivity, specificity, prevalence),
        "npv": (specificity, sensitivity, 1 - prevalence),
    }
    predictive = {}
    for name, (right, quiet, share) in sides.items():
        law = Predictive(right.law, quiet.law, share)
        predictive[name] = Estimate.of(
            Components(np.nan, np.nan, np.nan, len(table), truth.size),
            law,
            f"from sensitivity and specificity at prevalence {prevalence:g}",
            bounds=(0.0, 1.0),
        )
    return {"sensitivity": sensitivity, "specificity": specificity, **predictive}


def _share(hits: NDArray[np.bool_]) -> Estimate:
    """Estimate the share of hits; seeds that agree on one image say no more of others than one."""
    if hits.shape[1] > 1:
        return mean(hits)
    value = float(hits.mean())
    parts = Components(0.0, value * (1 - value), 0.0, 1, 1)
    law, over = share_law(value, parts), "Clopper-Pearson over one image"
    return Estimate.of(parts, law, over, bounds=(0.0, 1.0))


def net_benefit(
    probabilities: ArrayLike,
    labels: ArrayLike,
    thresholds: ArrayLike,
    prevalence: float | None = None,
) -> pd.DataFrame:
    """Weigh true against false calls at every threshold probability: the decision curve.

    probabilities: (n,) or (seeds, n), right for `prevalence` (None: the images' own share), at
    which the benefit is computed. Returns threshold, benefit, benefit_low, benefit_high (NaN
    where no image is called), all (calling everyone positive); calling no one has 0. In true
    calls per image. Raises ValueError as `roc.check_scores`, and for a threshold outside (0, 1).

    Source: Vickers, Elkin, Medical Decision Making 26 (2006) 565-574.
    """
    table, truth = check_scores(probabilities, labels)
    observed, rows = float(truth.mean()), []
    share = observed if prevalence is None else prevalence
    for threshold in np.asarray(thresholds, float):
        if not 0 < threshold < 1:
            raise ValueError(f"thresholds: {threshold}, wanted between 0 and 1")
        odds = threshold / (1 - threshold)
        worth = np.where(truth, share / observed, -odds * (1 - share) / (1 - observed))
        benefits = np.where(table >= threshold, worth, 0.0)
        benefit = mean(benefits) if benefits.any() else None
        bounds = (benefit.value, benefit.low, benefit.high) if benefit else (0.0, np.nan, np.nan)
        rows.append((threshold, *bounds, share - odds * (1 - share)))
    names = ["threshold", "benefit", "benefit_low", "benefit_high", "all"]
    return pd.DataFrame(rows, columns=names)
