"""The ledger: every claim of the course, and what each stored study says on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.judge import Entry
from reports.lessons import NO_DATA, Claim, claims
from reports.studies import Study

VERDICTS = ("supported", "refuted", "undecided", "not tested")
GROUNDS = (
    "On the published data, trained as published",
    "On other data or trained otherwise",
    "Of claims published without data",
)


@dataclass(frozen=True)
class Evidence:
    """What one study says on a claim."""

    study: Study
    entry: Entry

    @property
    def caveats(self) -> list[str]:
        """Return what must stand behind the name of the data set."""
        synthetic = ["synthetic"] if self.study.card["synthetic"] else []
        other = [] if self.entry.same_data else ["not the published data"]
        return [*synthetic, *other, *self.entry.departures]

    @property
    def strength(self) -> tuple[bool, bool, bool, int, int, float]:
        """Order evidence, the strongest first, by a rule that no result enters.

        What has the seeds and images that a verdict takes; published data and protocol, then
        published data; photographs, toys, drawings; the most seeds; the latest.
        """
        entry, seeds = self.entry, self.study.trials.sizes["seed"]
        small = entry.decision is None or entry.decision.is_too_small
        other = (not entry.as_published, not entry.same_data, self.study.distance)
        return (small, *other, -seeds, -self.study.run.started)


@dataclass(frozen=True)
class Line:
    """A claim and its evidence, the strongest first: its verdict is the claim's."""

    claim: Claim
    evidence: list[Evidence]

    @property
    def verdict(self) -> str:
        """Return the verdict of the strongest evidence, or `not tested`."""
        return self.evidence[0].entry.verdict if self.evidence else "not tested"

    @property
    def lacking(self) -> str:
        """Return what is missing where the claim is not tested."""
        return self.evidence[0].entry.lacking if self.evidence else "No study of it is stored."

    @property
    def as_published(self) -> bool:
        """Tell whether the verdict is on the published data, trained as published."""
        return bool(self.evidence) and self.evidence[0].entry.as_published

    @property
    def ground(self) -> str:
        """Say what the verdict rests on; a claim without data has no published data to be on."""
        published, other, without = GROUNDS
        if self.claim.data == NO_DATA:
            return without
        return published if self.as_published else other


def build(studies: Sequence[Study]) -> list[Line]:
    """Look up every claim in the studies; what was not tested gives way to what was."""
    lines = []
    for name, claim in claims().items():
        evidence = [Evidence(s, s.entries[name]) for s in studies if name in s.entries]
        evidence.sort(key=lambda e: e.strength)
        tested = [e for e in evidence if e.entry.decision]
        lines.append(Line(claim, tested or evidence[:1]))
    return lines


def tally(lines: Sequence[Line]) -> str:
    """Count the verdicts: `2 supported, 4 undecided`."""
    verdicts = [line.verdict for line in lines]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in VERDICTS if v in verdicts)


def counts(lines: Sequence[Line]) -> dict[str, dict[str, int]]:
    """Count the verdicts in a fixed order, by what they rest on."""
    counted = {ground: dict.fromkeys(VERDICTS, 0) for ground in GROUNDS}
    for line in lines:
        counted[line.ground][line.verdict] += 1
    return counted


def standing(lines: Sequence[Line]) -> str:
    """Say how the claims stand, by what the verdicts rest on."""
    counted = counts(lines)
    told = [
        f"{ground}: {', '.join(f'{n} {verdict}' for verdict, n in tested.items())}."
        for ground, verdicts in counted.items()
        if any((tested := {v: n for v, n in verdicts.items() if v != "not tested"}).values())
    ]
    untested = sum(verdicts["not tested"] for verdicts in counted.values())
    return " ".join([*told, f"Not tested: {untested}."])
