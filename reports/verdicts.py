"""The published claims as data, and the rows that put our verdicts beside them."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.evaluation.verdicts import Decision, Needed, decide_family

NO_DATA = "none"
"""in place of a data set: the claim was published without numbers from any"""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the course, as `claims.toml` has it."""

    lesson: str
    statement: str
    published: str
    """the numbers as printed, with their unit"""
    source: str
    data: str
    """the set that the published numbers come from, by the name that studies give it, or `none`"""
    test: str
    """what decides, as a sentence"""
    margin: float
    """in the unit of what is measured; of accuracies a fraction"""
    study: str
    """the experiment that tests it, without .py"""
    command: str
    """what to run for a verdict on the published data"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a study has to say on a claim before the lesson's claims are judged together."""

    decision: Decision | None
    """None if the study lacks what the claim needs"""
    names: tuple[str, ...] = ()
    """what each part of the decision measures"""
    unit: str = "points"
    """points (a difference of shares), percent (a share), or the unit itself, such as dB"""
    images: str = "image"
    """what n_images counts, in the singular"""
    comment: str = ""
    lacking: str = ""
    """what to run, if there is no decision"""


@functools.cache
def claims() -> dict[str, Claim]:
    """Read the claims, by their id."""
    text = Path(__file__).with_name("claims.toml").read_text(encoding="utf-8")
    return {name: Claim(**fields) for name, fields in tomllib.loads(text).items()}


def judge(findings: Mapping[str, Finding], data: str) -> list[dict[str, Any]]:
    """Judge a lesson's claims together (Holm) and return a row for each, plain values.

    findings: claim id -> finding; data: the data set at hand, named beside the published one.
    """
    decisions = {name: each.decision for name, each in findings.items() if each.decision}
    judged = decide_family(decisions)
    return [_row(name, finding, judged.get(name), data) for name, finding in findings.items()]


def _row(name: str, finding: Finding, decision: Decision | None, data: str) -> dict[str, Any]:
    claim = claims()[name]
    needed = _advice(decision.needed) if decision else finding.lacking
    if decision and finding.images != "image":
        needed = needed.replace("images", f"{finding.images}s")
    row = {
        "claim": name,
        "statement": claim.statement,
        "published": claim.published,
        "source": claim.source,
        "test": claim.test,
        "same_data": claim.data in (data, NO_DATA),
        "comment": finding.comment,
        "verdict": decision.verdict if decision else "undecided",
        "needed": needed,
        "parts": [],
    }
    if decision:
        parts = tuple(decision.parts.values()) or (decision,)
        row |= {"p_supported": decision.p_supported, "p_refuted": decision.p_refuted}
        row["parts"] = [
            {
                "name": label,
                "unit": finding.unit,
                "value": part.estimate.value,
                "low": part.estimate.low,
                "high": part.estimate.high,
                "n_seeds": part.estimate.n_seeds,
                "n_images": part.estimate.n_images,
                "images": finding.images,
                "margin": part.margin,
                "target": part.target,
                "test": part.test,
            }
            for label, part in zip(finding.names, parts, strict=True)
        ]
    return row


def _advice(needed: Needed | None) -> str:
    if needed is None:
        return ""
    options = []
    if needed.seeds is not None:
        options.append(f"{needed.seeds:,} seeds in all")
    if needed.images is not None:
        options.append(f"{needed.images:,} images in all")
    if needed.together is not None:
        options.append("{:,} seeds and {:,} images in all".format(*needed.together))
    if not options:
        return "More than 10,000 seeds or images: what was observed is too close to the margin."
    plan = f"About {' or '.join(options)}, if the truth is what was observed"
    return f"{plan} (power {needed.power:.0%})."
