"""From an estimate to a verdict on a claim: supported, refuted or undecided.

A claim is supported when the opposite is rejected, refuted when the claim itself is. Failing to
reject either is no verdict. Each of the two errors, a false "supported" and a false "refuted",
has a probability of alpha at most: 2.5 %, together 5 %, as a 95 % interval has.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from core.evaluation.comparisons import holm, mcnemar, paired
from core.evaluation.decisions import Decision, Levels, judge, outside, settle, withhold
from core.evaluation.intervals import Estimate, arithmetic
from core.evaluation.power import ALPHA


def superior(estimate: Estimate, margin: float = 0.0) -> Decision:
    """Judge the claim that the true value exceeds margin (non-inferiority if it is negative).

    Supported if the one-sided test rejects "at most margin", refuted if it rejects "at least
    margin".
    """
    estimate = estimate.strict()
    decision = Decision(
        estimate=estimate,
        margin=margin,
        p_supported=estimate.p(margin, "greater"),
        p_refuted=estimate.p(margin, "less"),
        test="superior",
    )
    return judge(decision)


def more_often(a: ArrayLike, b: ArrayLike) -> Decision:
    """Judge the claim that a is right on more images than b; both are fixed, so there is one seed.

    a, b: (images,) bool, the same images. The p values are exact McNemar's, the interval is
    consistent with them. Raises ValueError as `mcnemar`.
    """
    p_supported, p_refuted = mcnemar(a, b, "greater"), mcnemar(a, b, "less")
    estimate = paired(np.atleast_2d(a), np.atleast_2d(b), deterministic=True)
    decision = Decision(
        estimate=estimate, p_supported=p_supported, p_refuted=p_refuted, test="superior"
    )
    return judge(decision)


def equivalent(estimate: Estimate, margin: float, target: float = 0.0) -> Decision:
    """Judge the claim that the true value lies less than margin from target.

    Supported if two one-sided tests place it between the bounds. Refuted if it lies outside,
    the p value being exact for a truth on a bound: the near tail and the far one. Raises
    ValueError unless margin is positive.

    Source: Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680.
    """
    if not margin > 0:
        raise ValueError(f"margin: {margin}, wanted a positive number")
    estimate, low, high = estimate.strict(), target - margin, target + margin
    near, far = outside(estimate, target, margin)
    decision = Decision(
        estimate=estimate,
        margin=margin,
        p_supported=max(estimate.p(low, "greater"), estimate.p(high, "less")),
        p_refuted=min(1.0, near + far),
        test="equivalent",
        target=target,
    )
    return judge(decision)


def exact(value: float, target: float, tolerance: float) -> Decision:
    """Judge arithmetic: whether value is at most tolerance from target. There is no chance in it.

    It takes no part in a family's adjustment.
    """
    holds = abs(value - target) <= tolerance
    return Decision(
        verdict="supported" if holds else "refuted",
        estimate=arithmetic(value),
        margin=tolerance,
        target=target,
        p_supported=0.0 if holds else 1.0,
        p_refuted=1.0 if holds else 0.0,
        test="exact",
    )


def all_of(parts: Mapping[str, Decision], comment: str = "") -> Decision:
    """Judge a claim that holds only if all its parts do. parts: what is measured -> its decision.

    comment: what to read beside the verdict.

    Supported if every part is: the whole is false only if some part is, whose own test then errs
    with probability alpha, so nothing needs adjusting. Refuted if any part is after Holm over
    the parts, of which the smallest p value times their number is the first step. Raises
    ValueError without parts.

    Source: Berger, Technometrics 24 (1982) 295-300 (intersection-union test).
    """
    if not parts:
        raise ValueError("parts: none, wanted at least 1")
    tested = sum(not part.is_arithmetic for part in parts.values())
    whole = replace(
        next(iter(parts.values())),
        p_supported=max(part.p_supported for part in parts.values()),
        p_refuted=min(1.0, max(tested, 1) * min(part.p_refuted for part in parts.values())),
        parts=dict(parts),
        looks={},
        withheld="",
        wanted=None,
        comment=comment,
    )
    return judge(whole)


def withheld(decision: Decision, diverged_a: ArrayLike, diverged_b: ArrayLike) -> Decision:
    """Withhold a verdict on means where one arm diverged on seeds on which the other did not.

    diverged_a, diverged_b: (seeds,) bool. Divergence is an outcome of its own: a mean over the
    seeds that are left compares what was selected. Where both arms diverged on the same seeds, or
    none did, the decision stands as it is. Raises ValueError if the shapes differ.
    """
    first, second = np.asarray(diverged_a, bool), np.asarray(diverged_b, bool)
    if first.shape != second.shape or first.ndim != 1:
        seen = f"shapes {first.shape} and {second.shape}"
        raise ValueError(f"diverged_a, diverged_b: {seen}, wanted (seeds,) twice")
    return withhold(decision, "diverged") if (first != second).any() else decision


def decide_family(
    decisions: Mapping[str, Decision], size: int | None = None
) -> dict[str, Decision]:
    """Judge a lesson's claims together: p values and verdicts after Holm.

    size: how many claims the lesson has as published, if some have no decision (arithmetic, which
    takes no part, left out); a claim that was not tested counts as one with a p value of 1.

    Holm runs twice, over all claims' p_supported and over all their p_refuted. Either run keeps
    P(any false "supported") and P(any false "refuted") at alpha, whatever the claims share
    (seeds, images, arms). Of a claim, only one of the two can be false, and a run counts all
    claims that it has not rejected: in simulations P(any false verdict) stays at alpha too.
    Give it each claim's own decision, not the output of another family. Raises ValueError if size
    is below the number of decisions that are tests.
    """
    tested = {name: d for name, d in decisions.items() if not d.is_arithmetic}
    n = len(tested) if size is None else size
    if n < len(tested):
        raise ValueError(f"size: {n}, wanted {len(tested)} or more, the decisions that are tests")
    for_it = _family([d.p_supported for d in tested.values()], n)
    against = _family([d.p_refuted for d in tested.values()], n)
    judged = dict(decisions)
    for (name, decision), yes, no in zip(tested.items(), for_it, against, strict=True):
        settled = settle(decision, Levels(ALPHA / yes[1], ALPHA / no[1]), ALPHA / max(n, 1))
        judged[name] = replace(settled, p_supported=yes[0], p_refuted=no[0])
    return judged


def _family(p: list[float], n: int) -> list[tuple[float, float]]:
    """Return each claim's p after Holm, and by what its error was divided.

    A rejected claim's divisor is that of its own step; the others share that of the first step
    that failed, at which none of them would be rejected.
    """
    padded = [*p, *[1.0] * (n - len(p))]
    adjusted = holm(padded)
    rejected = int((adjusted < ALPHA).sum())
    step = np.argsort(np.argsort(padded, kind="stable"), kind="stable")
    divisors = n - np.minimum(step, min(rejected, n - 1))
    return [(float(adjusted[i]), float(divisors[i])) for i in range(len(p))]
