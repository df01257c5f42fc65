"""From a stored study to the verdicts on its claims, and to its tables and figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from core.evaluation.verdicts import Decision, decide_family
from reports.lessons import NO_DATA, Claim, Exhibit, NotTestedError, lesson_of, lessons


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one study says on a claim."""

    claim: Claim
    decision: Decision | None
    """None if the study lacks what the claim needs"""
    lacking: str = ""
    """what is missing, if there is no decision"""
    same_data: bool
    departures: tuple[str, ...]
    """where the training is not as published: `2 of 30 epochs`"""

    @property
    def verdict(self) -> str:
        """Return supported, refuted, undecided or not tested."""
        return self.decision.verdict if self.decision else "not tested"

    @property
    def as_published(self) -> bool:
        """Tell whether data and protocol are the published ones."""
        return self.same_data and not self.departures

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        claim = self.claim
        return {
            "claim": claim.name,
            "statement": claim.statement,
            "published": claim.published,
            "source": claim.source,
            "test": claim.decided_by,
            "unit": claim.unit,
            "images": claim.images,
            "verdict": self.verdict,
            "same_data": self.same_data,
            "departures": list(self.departures),
            "lacking": self.lacking,
            "decision": self.decision.as_dict() if self.decision else None,
        }


def judge(study: xr.Dataset) -> dict[str, Entry]:
    """Judge the claims that an experiment tests: claim -> entry.

    A lesson's claims as published are its family for Holm, whichever were tested: what was not
    counts as not rejected.
    """
    entries: dict[str, Entry] = {}
    for lesson in lessons():
        decisions: dict[str, Decision] = {}
        lacking: dict[str, str] = {}
        for name, claim in lesson.claims.items():
            if claim.study != study.attrs["study"]:
                continue
            try:
                decisions[name] = claim.decide(study)
            except NotTestedError as missing:
                lacking[name] = str(missing)
        judged = decide_family(decisions, size=len(lesson.claims))
        for name, claim in lesson.claims.items():
            if name in judged or name in lacking:
                entries[name] = Entry(
                    claim=claim,
                    decision=judged.get(name),
                    lacking=lacking.get(name, ""),
                    same_data=claim.data in (study.attrs["card"]["name"], NO_DATA),
                    departures=tuple(departures(claim.protocol, study)),
                )
    return entries


def departures(protocol: Mapping[str, Any], study: xr.Dataset) -> Iterator[str]:
    """Say where a study's settings differ from a published protocol."""
    settings = dict(_flat(study.attrs["facts"]["settings"]))
    for name, wanted in protocol.items():
        used = settings.get(name)
        if used != wanted:
            words = name.replace("_", " ")
            number = isinstance(wanted, int) and not isinstance(wanted, bool)
            yield f"{used} of {wanted} {words}" if number else f"{words} {used}, not {wanted}"


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield name, value


def exhibits(study: xr.Dataset) -> dict[str, Exhibit]:
    """Make the tables and figures of a study; nothing is drawn before `plot` is called."""
    drawn = lesson_of(study.attrs["study"]).exhibits
    made = {name: draw(study) for name, draw in drawn.items()}
    return {name: exhibit for name, exhibit in made.items() if exhibit is not None}
