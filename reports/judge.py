"""From a stored study to the verdicts on its claims, and to its tables and figures."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from core.evaluation.looks import grid_from, looks_at, over_looks
from core.evaluation.verdicts import Decision, decide_family
from reports.lessons import NO_DATA, Claim, Exhibit, NotTestedError, lesson_of, lessons
from reports.scores import unless_diverged


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
        """Tell whether data and protocol are the published ones, of a claim that names data."""
        return self.claim.data != NO_DATA and self.same_data and not self.departures

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        claim = self.claim
        return {
            "claim": claim.name,
            "statement": claim.statement,
            "published": claim.published,
            "source": claim.source,
            "test": claim.decided_by,
            "shared": claim.shared,
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
                with _of_a_part(study):
                    decisions[name] = at_looks(claim, study)
            except NotTestedError as missing:
                lacking[name] = str(missing)
        size = len(lesson.claims) - sum(decision.is_arithmetic for decision in decisions.values())
        judged = decide_family(decisions, size=size)
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


@contextlib.contextmanager
def _of_a_part(study: xr.Dataset) -> Iterator[None]:
    """Raise NotTestedError where a study that broke off, or is damaged, lacks what is asked for.

    Seed 0 alone keeps some arrays. Of a whole study it is a mistake of ours.
    """
    try:
        yield
    except (KeyError, IndexError, ValueError) as error:
        trained = study["trained"]
        if 0 in study["seed"] and (trained.all("seed") | ~trained.any("seed")).all():
            raise
        missing = "a trial that is missing has what it takes"
        raise NotTestedError(f"This study is not whole: {missing} ({error}).") from error


def at_looks(claim: Claim, study: xr.Dataset) -> Decision:
    """Decide a claim at every number of seeds at which it may be asked for, and that is stored.

    A look at n seeds takes seeds 0 to n - 1, so that looks follow from what is stored alone.
    """
    if not claim.seeds:
        return claim.decide(study)
    grid, n = grid_from(claim.seeds), seeds_from_zero(claim, study)
    first = {look: study.sel(seed=slice(look - 1)) for look in looks_at(grid, n)}  # in order
    decisions = {
        look: unless_diverged(claim.decide(part), part, claim.arms) for look, part in first.items()
    }
    return over_looks(decisions, grid)


def seeds_from_zero(claim: Claim, study: xr.Dataset) -> int:
    """Count the seeds 0, 1, 2, ... that every arm of the claim has."""
    arms = [arm for arm in claim.arms if arm in study["arm"].values] or study["arm"].values
    trained = study["trained"].sel(arm=arms)
    factors = [dim for dim in trained.dims if dim not in ("arm", "seed")]
    seeds = set(study["seed"].values[trained.any(factors).all("arm").values].tolist())
    return next(n for n in itertools.count() if n not in seeds)


def departures(protocol: Mapping[str, Any], study: xr.Dataset) -> Iterator[str]:
    """Say where a study's settings differ from a published protocol."""
    settings = dict(flat(study.attrs["facts"]["settings"]))
    for name, wanted in protocol.items():
        used, words = settings.get(name), name.replace("_", " ")
        if name in ("epochs", "steps") and isinstance(used, int) and used < wanted:
            yield f"{used} of {wanted} {words}"
        elif used != wanted:
            yield f"{words} {used}, not {wanted}"


def flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield settings by name, those of parts as if they stood beside the others."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value)
        else:
            yield name, value


def exhibits(study: xr.Dataset) -> dict[str, Exhibit]:
    """Make the tables and figures of a study; nothing is drawn before `plot` is called."""
    by_name: dict[str, Exhibit] = {}
    for name, draw in lesson_of(study.attrs["study"]).exhibits.items():
        with contextlib.suppress(NotTestedError), _of_a_part(study):
            if (exhibit := draw(study)) is not None:
                by_name[name] = exhibit
    return by_name
