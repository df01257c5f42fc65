"""Numbers with intervals: proportions, and means over seeds and images.

An interval says where the number would fall with other seeds and other images. How the variance
splits between the two is worked out in `components`; how far the number reaches, in `laws`.
"""

from dataclasses import asdict, dataclass, field, replace
from math import inf, isfinite
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.components import Components, as_table, crossed, skew
from core.evaluation.laws import Constant, Exact, Floats, Law, Side, Student, tail
from core.evaluation.shares import Area, Lead, Score, Share, one_seed

Bounds = tuple[float, float]
ANYWHERE: Bounds = (-inf, inf)
CONFIDENCE = 0.95
"""of every interval, until `Estimate.at` or a verdict asks for another"""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, its interval, and what both rest on."""

    value: float
    low: float
    high: float
    confidence: float
    """of the interval, both sides together"""
    components: Components
    law: Law = field(repr=False)
    """what gives the interval at any level"""
    method: str
    bounds: Bounds = ANYWHERE
    """the range of the number, to which the interval is clipped"""
    fewest: int | None = None
    """images of the smaller class, where the number rests on two classes"""

    @classmethod
    def of(
        cls,
        components: Components,
        law: Law,
        method: str,
        *,
        bounds: Bounds = ANYWHERE,
        fewest: int | None = None,
    ) -> Self:
        """Make an estimate whose value and 95 % interval are its law's."""
        blank = cls(
            value=float(law.value),
            low=-inf,
            high=inf,
            confidence=CONFIDENCE,
            components=components,
            law=law,
            method=method,
            bounds=bounds,
            fewest=fewest,
        )
        return blank.at(CONFIDENCE)

    def at(self, confidence: float) -> Self:
        """Give the interval at another level; raises ValueError unless 0 < confidence < 1."""
        if not 0 < confidence < 1:
            raise ValueError(f"confidence: {confidence}, wanted a number between 0 and 1")
        low, high = self.law.limits(np.float64((1 - confidence) / 2))
        low, high = max(float(low), self.bounds[0]), min(float(high), self.bounds[1])
        return replace(self, low=low, high=high, confidence=confidence)

    def p(self, null: float, side: Side) -> float:
        """Return the one-sided p value: below alpha exactly where .at(1 - 2 alpha) excludes null.

        side: "greater" is the evidence that the true value exceeds null.
        """
        return float(tail(self.law, null, side))

    def strict(self) -> Self:
        """Return what verdicts rest on: each side errs with alpha at most.

        Those of the score test and of areas keep their promise for both sides together only.
        """
        if not isinstance(self.law, Score | Area):
            return self
        method = self.method.replace("Wilson", "Clopper-Pearson").replace("logit", "strict")
        return replace(self, law=self.law.strict, method=method).at(self.confidence)

    @property
    def n_seeds(self) -> int:
        """Independent trainings; 1 means that the interval covers new images only."""
        return self.components.n_seeds

    @property
    def n_images(self) -> int:
        """Images (or other units) that all seeds share; 1 means one number a seed."""
        return self.components.n_images

    @property
    def se(self) -> float:
        """Standard error of value."""
        return float(self.components.se)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; None for a limit that is not finite."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, "se": self.se}
        return {name: x if isfinite(x) else None for name, x in numbers.items()} | {
            "confidence": self.confidence,
            "n_seeds": self.n_seeds,
            "n_images": self.n_images,
            "fewest": self.fewest,
            "method": self.method,
            "components": {name: float(x) for name, x in asdict(self.components).items()},
        }


def wilson(successes: int, n: int) -> Estimate:
    """Estimate a proportion from n independent trials.

    Raises ValueError unless 0 <= successes <= n and n >= 1.

    Source: Wilson, JASA 22 (1927) 209-212.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"successes, n: {successes}, {n}, wanted 0 <= successes <= n, n >= 1")
    share = successes / n
    parts = Components(0.0, share * (1 - share), 0.0, 1, n)
    return Estimate.of(parts, one_seed(share, n), "Wilson over images", bounds=(0.0, 1.0))


def are_hits(table: NDArray[np.float64]) -> bool:
    """Tell whether the scores are hits and misses, that is 1 and 0, on more than one image."""
    return table.shape[1] > 1 and bool(((table == 0) | (table == 1)).all())


def mean(values: ArrayLike, *, bounds: Bounds | None = None) -> Estimate:
    """Estimate the mean score over new seeds and new images.

    values: (seeds, images) float or bool, each seed scored on the same images; (seeds, 1) for
    one number a seed. bounds: the range of the scores, to which the interval is clipped. One seed
    gives an interval over new images only, and `method` says so. Raises ValueError if values are
    not finite, not a table or fewer than 2.

    Scores of 0 and 1 are a proportion, whose limits are `shares.Share`'s: exact for one seed; but
    not where bounds say that others could have been.
    """
    table = as_table(values, "values")
    parts, value = crossed(table), float(table.mean())
    if not are_hits(table) or bounds not in (None, (0, 1)):
        return symmetric(value, parts, bounds or ANYWHERE, skew(table))
    law = share_law(value, parts)
    name = "Clopper-Pearson" if parts.n_seeds == 1 else "Korn-Graubard"
    return Estimate.of(parts, law, f"{name} over {parts.units}", bounds=(0.0, 1.0))


def share_law(share: Floats, parts: Components) -> Share:
    """Return the law of a mean of hits. share: () or (studies,), as the components are."""
    seen = parts.n_images * np.minimum(share, 1 - share)
    relative = parts.relative(share * (1 - share), seen)
    return Share(share, relative, relative[0] if parts.n_seeds > 1 else None)


def lead_law(value: Floats, discordance: Floats, parts: Components) -> Lead:
    """Return the law of a mean difference of hits. discordance: mean square of the differences."""
    relative = parts.relative(discordance - value**2, parts.n_images * discordance)
    return Lead(value, discordance, relative)


def symmetric(
    value: float, parts: Components, bounds: Bounds = ANYWHERE, skew: float = 0.0
) -> Estimate:
    """Estimate a mean by Student's law; without any variance, by how many scores were equal."""
    law: Law = Student(value, parts.parts, skew)
    method = f"t over {parts.units}"
    if parts.se == 0:
        n = parts.n_seeds if parts.n_seeds > 1 else parts.n_images
        law, method = Constant(value, n, bounds), f"all equal over {parts.units}"
    return Estimate.of(parts, law, method, bounds=bounds)


def arithmetic(value: float) -> Estimate:
    """Give a number that holds no chance, such as a sum, the shape of an estimate."""
    return Estimate.of(Components(0.0, 0.0, 0.0, 1, 1), Exact(value), "exact")
