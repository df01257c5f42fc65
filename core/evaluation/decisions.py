"""The form of a verdict, and how its levels of error reach its parts, its looks and its interval.

A decision carries the interval at the level its verdict was made with: in a family, or after a
look, a wider one. The verdict is "supported" or "refuted" exactly where that interval says so.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import Any, Literal

from core.evaluation.intervals import Estimate
from core.evaluation.power import ALPHA, Needed, Question, Test, needed
from core.evaluation.spending import needed_at_looks, shares

Verdict = Literal["supported", "refuted", "undecided"]
Withheld = Literal["", "few seeds", "few images", "diverged", "no look"]

LEAST_SEEDS = 3
"""with fewer there is no verdict: one difference is no variance"""
LEAST_IMAGES = 5
"""images, or pairs, with fewer of which there is no verdict"""
LEAST_OF_A_CLASS = 10
"""the same of the smaller class, where a number rests on two (areas under ROC curves)"""


@dataclass(frozen=True, kw_only=True, repr=False)
class Decision:
    """A verdict and what it rests on: the one form in which it reaches pages and files."""

    verdict: Verdict = "undecided"
    estimate: Estimate
    """its interval is at the level of the verdict; of a claim of several parts, the part's that
    decides or is furthest from it"""
    test: Test
    margin: float = 0.0
    target: float = 0.0
    """what "equivalent", "predicted" and "exact" compare the estimate with"""
    p_supported: float
    """chance of evidence this strong for the claim, were it false"""
    p_refuted: float
    """chance of evidence this strong against the claim, were it true"""
    parts: Mapping[str, "Decision"] = field(default_factory=dict)
    """of a claim made of several: what is measured -> its own decision, at the whole's level"""
    looks: Mapping[int, "Decision"] = field(default_factory=dict)
    """seeds on the grid -> the decision on that many, each at its own share of the error"""
    grid: tuple[int, ...] = ()
    """seeds at which it may be asked for, the last the cap; empty for one look"""
    withheld: Withheld = ""
    """why there is no verdict whatever the numbers are; then both p are 1"""
    wanted: Needed | None = None
    """of a withheld verdict: what it takes for one"""
    planned: float = ALPHA
    """the error of a side that more seeds or images are planned for"""
    comment: str = ""
    """what else the claim has to say, in words"""

    @cached_property
    def needed(self) -> Needed | None:
        """What would decide it; None if it is decided, or if nothing would."""
        if self.withheld or self.verdict != "undecided":
            return self.wanted
        if self.parts:
            name, part = max(self.parts.items(), key=lambda item: item[1].p_supported)
            return part.needed and replace(part.needed, part=name)
        last = self.looks[max(self.looks)] if self.looks else self
        if not last.estimate.components.can_grow:
            return None
        question: Question = {"margin": last.margin, "target": last.target, "test": last.test}
        question["alpha"] = self.planned
        if self.looks:
            return needed_at_looks(last.estimate, self.grid, **question)
        return needed(last.estimate, **question)

    @property
    def is_arithmetic(self) -> bool:
        """Whether no chance is in it, so that a family need not count it."""
        if self.parts:
            return all(part.is_arithmetic for part in self.parts.values())
        return self.test == "exact"

    @property
    def is_too_small(self) -> bool:
        """Whether seeds or images are too few for a verdict, whatever the numbers are."""
        reasons = {self.withheld, *(part.withheld for part in self.parts.values())}
        return not reasons.isdisjoint(("few seeds", "few images", "no look"))

    @property
    def members(self) -> Mapping[str, "Decision"]:
        """The parts by name; a decision of one part is itself, without a name."""
        return self.parts or {"": self}

    @property
    def shown(self) -> tuple[str, "Decision"]:
        """The part whose interval stands for the whole, with its name, if it has one."""
        same = (item for item in self.members.items() if item[1].estimate == self.estimate)
        return next(same, ("", self))

    def __repr__(self) -> str:
        """Say in a line what a notebook wants to see first."""
        shown = self.estimate
        return f"<{self.verdict}: {shown.value:.4g} ({shown.low:.4g} to {shown.high:.4g})>"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, parts and looks by name."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return plain | {
            "estimate": self.estimate.as_dict(),
            "needed": asdict(self.needed) if self.needed else None,
            "grid": list(self.grid),
            "parts": {name: part.as_dict() for name, part in self.parts.items()},
            "looks": {str(n): look.as_dict() for n, look in self.looks.items()},
        }


_PLAIN = ("verdict", "test", "margin", "target", "p_supported", "p_refuted", "withheld", "comment")


@dataclass(frozen=True)
class Levels:
    """The error that each of the two verdicts may have, before anything is adjusted."""

    supported: float
    refuted: float


def judge(decision: Decision) -> Decision:
    """Give the verdict at ALPHA, or none where seeds or images are below the stated least."""
    estimate, single = decision.estimate, not decision.parts and not decision.looks
    if single and 1 < estimate.n_seeds < LEAST_SEEDS:
        return withhold(decision, "few seeds", Needed(seeds=LEAST_SEEDS))
    fewest = estimate.n_images if estimate.fewest is None else estimate.fewest
    least = LEAST_IMAGES if estimate.fewest is None else LEAST_OF_A_CLASS
    if single and estimate.n_images > 1 and fewest < least:
        images = ceil(estimate.n_images * least / fewest)
        return withhold(decision, "few images", Needed(images=images))
    return settle(decision, Levels(ALPHA, ALPHA))


def withhold(decision: Decision, why: Withheld, wanted: Needed | None = None) -> Decision:
    """Take a verdict back, and those of its parts, whatever the numbers are."""
    return replace(
        decision,
        verdict="undecided",
        estimate=decision.estimate.at(1 - 2 * ALPHA),
        p_supported=1.0,
        p_refuted=1.0,
        withheld=why,
        wanted=wanted,
        parts={name: withhold(part, why, wanted) for name, part in decision.parts.items()},
    )


def settle(decision: Decision, levels: Levels, planned: float | None = None) -> Decision:
    """Give verdict and interval at levels that a family, a whole or a look leaves to this decision.

    planned: the level to plan for, if another (Holm's first, hardest step).
    """
    planned = levels.supported if planned is None else planned
    if decision.withheld:
        return decision
    if decision.looks:
        return _settle_looks(decision, levels, planned)
    if decision.parts:
        return _settle_parts(decision, levels, planned)
    if decision.is_arithmetic:
        return decision
    near = levels.refuted * _near(decision)
    shown = {"supported": levels.supported, "refuted": near}
    verdict = _verdict(decision, levels)
    level = shown.get(verdict, min(shown.values()))
    return replace(
        decision, verdict=verdict, estimate=decision.estimate.at(1 - 2 * level), planned=planned
    )


def _verdict(decision: Decision, levels: Levels) -> Verdict:
    if decision.p_supported < levels.supported:
        return "supported"
    return "refuted" if decision.p_refuted < levels.refuted else "undecided"


def _near(decision: Decision) -> float:
    """Return which part of p_refuted is the tail that the interval's limit stands for."""
    if decision.test == "predicted":
        return 0.5
    if decision.test != "equivalent":
        return 1.0
    near, far = outside(decision.estimate, decision.target, decision.margin)
    return near / (near + far) if near else 1.0


def outside(estimate: Estimate, target: float, margin: float) -> tuple[float, float]:
    """Return the near and the far tail of the evidence that the truth is beyond the margin."""
    low, high = target - margin, target + margin
    near = min(estimate.p(low, "less"), estimate.p(high, "greater"))
    return near, min(estimate.p(low, "greater"), estimate.p(high, "less"))


def _settle_parts(decision: Decision, levels: Levels, planned: float) -> Decision:
    tested = max(1, sum(not part.is_arithmetic for part in decision.parts.values()))
    per_part = replace(levels, refuted=levels.refuted / tested)
    parts = {name: settle(part, per_part, planned) for name, part in decision.parts.items()}
    verdict = _verdict(decision, levels)
    if verdict == "refuted":
        name = min(parts, key=lambda part: decision.parts[part].p_refuted)
    else:
        name = max(parts, key=lambda part: decision.parts[part].p_supported)
    shown = parts[name]
    return replace(
        decision,
        verdict=verdict,
        estimate=shown.estimate,
        test=shown.test,
        margin=shown.margin,
        target=shown.target,
        parts=parts,
    )


def _settle_looks(decision: Decision, levels: Levels, planned: float) -> Decision:
    """Judge look by look: the first verdict stays, and the interval is what all looks allow."""
    spent, looks = shares(decision.grid), {}
    verdict: Verdict = "undecided"
    low, high = decision.estimate.bounds
    for n_seeds, look in sorted(decision.looks.items()):
        share = spent[n_seeds]
        looks[n_seeds] = settle(look, Levels(levels.supported * share, levels.refuted * share))
        verdict = looks[n_seeds].verdict if verdict == "undecided" else verdict
        ends = max(low, looks[n_seeds].estimate.low), min(high, looks[n_seeds].estimate.high)
        low, high = ends if ends[0] <= ends[1] else (low, high)
    last = looks[max(looks)]
    return replace(
        decision,
        verdict=verdict,
        estimate=replace(last.estimate, low=low, high=high, confidence=1 - 2 * levels.supported),
        looks=looks,
        planned=planned,
    )
