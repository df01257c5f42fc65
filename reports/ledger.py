"""The ledger: every claim of the course, and what each stored study says on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.judge import Entry
from reports.lessons import Claim, claims
from reports.studies import Study

VERDICTS = ("supported", "refuted", "undecided", "not tested")


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

        What was tested, before what lacked something; published data and protocol, then published
        data; photographs, toys, drawings; the most seeds; the latest.
        """
        seeds = self.study.trials.sizes["seed"]
        tested, entry = self.entry.decision is not None, self.entry
        other = (not entry.as_published, not entry.same_data, self.study.distance)
        return (not tested, *other, -seeds, -self.study.run.started)


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


def build(studies: Sequence[Study]) -> list[Line]:
    """Look up every claim in the studies; what was not tested gives way to what was."""
    lines = []
    for name, claim in claims().items():
        found = [Evidence(study, study.entries[name]) for study in studies if name in study.entries]
        ordered = sorted(found, key=lambda evidence: evidence.strength)
        tested = [evidence for evidence in ordered if evidence.entry.decision]
        lines.append(Line(claim, tested or ordered[:1]))
    return lines


def counts(lines: Sequence[Line], *, as_published: bool) -> dict[str, int]:
    """Count the verdicts on the published data and protocol, or the others, in a fixed order."""
    counted = [line for line in lines if line.as_published == as_published]
    return {name: sum(line.verdict == name for line in counted) for name in VERDICTS}
