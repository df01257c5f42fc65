"""From an estimate to a verdict on a claim: supported, refuted or undecided.

A claim is supported when the opposite is rejected, refuted when the claim itself is. Failing to
reject either is no verdict. Each of the two errors, a false "supported" and a false "refuted",
has a probability of alpha at most: by default 2.5 %, together 5 %, as a 95 % interval has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from core.evaluation.comparisons import holm, mcnemar, p_value, paired
from core.evaluation.intervals import Estimate
from core.evaluation.power import ALPHA, Question, Test, images_needed, seeds_needed

Verdict = Literal["supported", "refuted", "undecided"]

CHANCE = 0.8
"""the power that `Decision.needed` plans for"""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A verdict and what it rests on."""

    verdict: Verdict = "undecided"
    estimate: Estimate
    margin: float
    p_supported: float
    """chance of evidence this strong for the claim, were it false"""
    p_refuted: float
    """chance of evidence this strong against the claim, were it true"""
    needed: str = ""
    """a sentence on what would decide it; empty if it is decided"""
    test: Test
    target: float = 0.0
    """what "equivalent" compares the estimate with"""
    comment: str = ""
    parts: Mapping[str, "Decision"] = field(default_factory=dict)
    """of a claim made of several; estimate, margin, test and target are then one part's"""


def _as_dict(self):
    return asdict(self)


Decision.as_dict = _as_dict


def superior(estimate: Estimate, margin: float = 0.0, alpha: float = ALPHA) -> Decision:
    """Judge the claim that the true value exceeds margin (non-inferiority if it is negative).

    Supported if the one-sided test rejects "at most margin", refuted if it rejects "at least
    margin". Raises ValueError unless 0 < alpha < 0.5.
    """
    decision = Decision(
        estimate=estimate,
        margin=margin,
        p_supported=p_value(estimate, margin, "greater"),
        p_refuted=p_value(estimate, margin, "less"),
        test="superior",
    )
    return _judge(decision, alpha, alpha)


def more_often(a: ArrayLike, b: ArrayLike, alpha: float = ALPHA) -> Decision:
    """Judge the claim that a is right on more images than b; both are fixed, so there is one seed.

    a, b: (images,) bool, the same images. The p values are exact McNemar's; the interval and what
    is needed rest on the normal law. Raises ValueError as `mcnemar` and `superior`.
    """
    first, second = np.atleast_2d(a), np.atleast_2d(b)
    estimate = paired(first, second, deterministic=True)
    estimate = replace(estimate, low=max(-1.0, estimate.low), high=min(1.0, estimate.high))
    decision = superior(estimate, alpha=alpha)
    for_it, against_it = mcnemar(a, b, "greater"), mcnemar(a, b, "less")
    return _judge(replace(decision, p_supported=for_it, p_refuted=against_it), alpha, alpha)


def equivalent(
    estimate: Estimate, margin: float, alpha: float = ALPHA, target: float = 0.0
) -> Decision:
    """Judge the claim that the true value lies less than margin from target.

    Supported if two one-sided tests place it between the bounds. Refuted if it lies outside,
    the p value being exact for a truth on a bound: the near tail and the far one.
    Raises ValueError unless margin is positive and 0 < alpha < 0.5.

    Source: Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680.
    """
    if not margin > 0:
        raise ValueError(f"margin: {margin}, wanted a positive number")
    low, high = target - margin, target + margin
    above_low, below_high = p_value(estimate, low, "greater"), p_value(estimate, high, "less")
    below_low, above_high = p_value(estimate, low, "less"), p_value(estimate, high, "greater")
    decision = Decision(
        estimate=estimate,
        margin=margin,
        p_supported=max(above_low, below_high),
        p_refuted=min(1.0, min(below_low, above_high) + min(above_low, below_high)),
        test="equivalent",
        target=target,
    )
    return _judge(decision, alpha, alpha)


def all_of(parts: Mapping[str, Decision], alpha: float = ALPHA) -> Decision:
    """Judge a claim that holds only if all its parts do.

    Supported if every part is: the whole is false only if some part is, whose own test then errs
    with probability alpha, so nothing needs adjusting. Refuted if any part is after Holm over
    the parts, of which the smallest p value times their number is the first step.
    Raises ValueError without parts or unless 0 < alpha < 0.5.

    Source: Berger, Technometrics 24 (1982) 295-300 (intersection-union test).
    """
    decisions = list(parts.values())
    if not decisions:
        raise ValueError("decisions: none, wanted at least 1")
    p_supported = max(part.p_supported for part in decisions)
    p_refuted = min(1.0, len(decisions) * min(part.p_refuted for part in decisions))
    if p_refuted < alpha:
        shown = min(decisions, key=lambda part: part.p_refuted)
    else:
        shown = max(decisions, key=lambda part: part.p_supported)
    whole = replace(shown, p_supported=p_supported, p_refuted=p_refuted, parts=parts)
    return _judge(whole, alpha, alpha)


def decide_family(
    decisions: Mapping[str, Decision], alpha: float = ALPHA, size: int | None = None
) -> dict[str, Decision]:
    """Judge a lesson's claims together: p values and verdicts after Holm.

    Holm runs twice, over all claims' p_supported and over all their p_refuted. Either run keeps
    P(any false "supported") and P(any false "refuted") at alpha, whatever the claims share
    (seeds, images, arms). Of a claim, only one of the two can be false, and a run counts all
    claims that it has not rejected: in simulations P(any false verdict) stays at alpha too.
    Give it each claim's own decision, not the output of another family.
    """
    supported = holm([decision.p_supported for decision in decisions.values()])
    refuted = holm([decision.p_refuted for decision in decisions.values()])
    # A plan must reach Holm's first, hardest step: the other claims may stay undecided.
    planned = alpha / max(len(decisions), 1)
    return {
        claim: _judge(
            replace(decision, p_supported=float(for_it), p_refuted=float(against_it)),
            alpha,
            planned,
        )
        for (claim, decision), for_it, against_it in zip(
            decisions.items(), supported, refuted, strict=True
        )
    }


def _judge(decision: Decision, alpha: float, planned: float) -> Decision:
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha: {alpha}, wanted a number between 0 and 0.5")
    if decision.p_supported < alpha:
        return replace(decision, verdict="supported", needed="")
    if decision.p_refuted < alpha:
        return replace(decision, verdict="refuted", needed="")
    return replace(decision, verdict="undecided", needed=_advise(decision, planned))


def _advise(decision: Decision, alpha: float) -> str:
    """Say what would decide, if the truth were what was observed."""
    if decision.parts:
        undecided = [part for part in decision.parts.values() if part.p_supported >= alpha]
        advice = _advise(max(undecided, key=lambda part: part.p_supported), alpha)
        if len(undecided) == 1:
            return advice
        return f"For the comparison furthest from it, of {len(undecided)}: {advice}"
    estimate, options = decision.estimate, []
    question = Question(
        margin=decision.margin, alpha=alpha, test=decision.test, target=decision.target
    )
    seeds = seeds_needed(estimate, CHANCE, **question) if estimate.n_seeds > 1 else None
    if seeds is not None:
        options.append(f"{seeds:,} seeds in all ({seeds - estimate.n_seeds:,} more)")
    images = images_needed(estimate, CHANCE, **question) if estimate.n_images > 1 else None
    if images is not None:
        held = f"the {estimate.n_seeds} seeds at hand" if estimate.n_seeds > 1 else "one seed"
        options.append(f"{images:,} images in all on {held}")
    if not options and min(estimate.n_seeds, estimate.n_images) > 1:
        both = images_needed(estimate, CHANCE, with_seeds=True, **question)
        if both is not None:
            seeds = ceil(estimate.n_seeds * both / estimate.n_images)
            options.append(f"{seeds:,} seeds and {both:,} images in all")
    if not options:
        return "No study within reach would: what was observed is too close to the margin."
    plan = " or ".join(options)
    return f"About {plan}, if the truth is what was observed (power {CHANCE:.0%})."
