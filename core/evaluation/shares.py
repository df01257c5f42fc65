"""Laws of shares and of their differences: hits, areas under ROC curves, predictive values.

Near 0 and 1 the variance of a share depends on the share, so that an observed one misleads: none
seen is not none there. These laws take the variance that a null would have.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from core.evaluation.laws import Floats, Law, Part, stretched

APART = 0.1
"""images told wrong, and as many told right, that an area's centre is moved by (simulated)"""
SKEW = 1.5
"""of the second-order term for seeds whose accuracies have a long tail towards 1/2 (simulated)"""


@dataclass(frozen=True)
class Share:
    """A share over seeds and images: exact binomial limits at the images its variance is worth.

    With z and t the normal and the modified-large-sample quantile, n = z^2 / t^2 times the number
    of independent images of the same standard error. Each side errs with alpha at most, which
    Wilson's does not. Seeds that are symmetric on the logit scale are skew on this one; their
    tail moves the limit towards 1/2 outwards, by the second-order term of a lognormal mean.

    Source: Korn and Graubard, Survey Methodology 24 (1998) 193-201; Clopper and Pearson,
    Biometrika 26 (1934) 404-413.
    """

    value: Floats
    parts: tuple[Part, ...]
    """variances in units of value (1 - value)"""
    seeds: Part | None = None
    """the one of them that is the seeds'"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the shares under which so many, or so few, have a chance of alpha."""
        n = special.ndtri(alpha) ** 2 / stretched(self.parts, alpha) ** 2
        hits, misses = self.value * n, (1 - self.value) * n
        low, high = _beta(hits, misses + 1, alpha), 1 - _beta(misses, hits + 1, alpha)
        if self.seeds is not None:
            worse = (1 + special.stdtrit(self.seeds.df, alpha) ** 2) * self.seeds.variance
            tail = SKEW * (1 - 2 * self.value) * worse / 2
            low, high = low + np.minimum(tail, 0.0), high + np.maximum(tail, 0.0)
        return np.maximum(0.0, low), np.minimum(1.0, high)


def _beta(a: Floats, b: Floats, alpha: Floats) -> Floats:
    """Return the beta law's quantile, 0 where a is 0."""
    return np.where(a > 0, special.betaincinv(np.where(a > 0, a, 1.0), b, alpha), 0.0)[()]


@dataclass(frozen=True)
class Score:
    """A share whose limits keep both sides together: the score test's, symmetric in its null.

    Source: Wilson, JASA 22 (1927) 209-212.
    """

    value: Floats
    parts: tuple[Part, ...]
    """variances in units of value (1 - value)"""
    strict: "Share"
    """what verdicts take in its place"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the shares that the score test does not reject."""
        reach = stretched(self.parts, alpha) ** 2
        centre = (self.value + reach / 2) / (1 + reach)
        half = np.sqrt(self.value * (1 - self.value) * reach + reach**2 / 4) / (1 + reach)
        low = np.where(self.value > 0, centre - half, 0.0)[()]
        return low, np.where(self.value < 1, centre + half, 1.0)[()]


@dataclass(frozen=True)
class Area:
    """An area under a ROC curve: symmetric on the logit scale, both sides kept together.

    Its centre is moved by APART of an image, or areas near 1 would lie below their limits. Of n
    images that are all told right, a share f of the like that were not met has a chance of
    (1 - f)^n; told by coin, they would take f / 2 from the area.

    Source: the logit, Pepe, The Statistical Evaluation of Medical Tests (2003), section 5.2.4.
    """

    value: Floats
    parts: tuple[Part, ...]
    """variances in units of value (1 - value)"""
    fewest: int
    """images of the smaller class"""
    strict: "Share"
    """what verdicts take in its place"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the areas within the half-width of the centre, on the logit scale."""
        centre = (self.fewest * self.value + APART) / (self.fewest + 2 * APART)
        se = np.sqrt(self.value * (1 - self.value)) / (centre * (1 - centre))
        half, middle = stretched(self.parts, alpha) * se, special.logit(centre)
        low, high = special.expit(middle - half), special.expit(middle + half)
        unmet = (1 - alpha ** (1 / self.fewest)) / 2
        low = np.where(self.value < 1, low, 1 - unmet) * (self.value > 0)
        return low, np.where(self.value > 0, np.where(self.value < 1, high, 1.0), unmet)


@dataclass(frozen=True)
class Lead:
    """A difference of two shares on the same images: the score test, over seeds and images.

    Under a null d the variance of one image's difference is max(discordance, |d|) - d^2: arms
    that differ by d differ on so many images at least. So few images on which they differ, or
    none, do not pass for equality, as they would with the observed variance.

    Source: Tango, Statistics in Medicine 17 (1998) 891-908, for one seed.
    """

    value: Floats
    discordance: Floats
    """mean square of the differences"""
    parts: tuple[Part, ...]
    """variances in units of discordance - value^2"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the differences that the score test does not reject."""
        reach = stretched(self.parts, alpha) ** 2
        return -self._highest(-self.value, reach), self._highest(self.value, reach)

    def _highest(self, value: Floats, reach: Floats) -> Floats:
        root = np.sqrt(np.maximum(reach * ((1 + reach) * self.discordance - value**2), 0.0))
        inside = (value + root) / (1 + reach)
        twice = 2 * value + reach
        root = np.sqrt(np.maximum(twice**2 - 4 * (1 + reach) * value**2, 0.0))
        return np.where(inside < self.discordance, inside, (twice + root) / (2 * (1 + reach)))[()]


@dataclass(frozen=True)
class Predictive:
    """The share of true calls at a prevalence, from the shares of right and of wrong calls.

    right: of the calls among those that should be called; wrong: of no call among the others.
    Each is given half the error, and so the interval covers at least as often as promised.
    """

    right: Law
    quiet: Law
    prevalence: float

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the predictive values at both shares' limits."""
        lower, upper = zip(self.right.limits(alpha / 2), self.quiet.limits(alpha / 2), strict=True)
        return self.rate(*lower), self.rate(*upper)

    @property
    def value(self) -> Floats:
        """The predictive value at the observed shares."""
        return self.rate(self.right.value, self.quiet.value)

    def rate(self, right: Floats, quiet: Floats) -> Floats:
        """Return the share of true calls; NaN where there is no call."""
        true, false = right * self.prevalence, (1 - quiet) * (1 - self.prevalence)
        with np.errstate(invalid="ignore"):
            return np.float64(true) / (true + false)


@dataclass(frozen=True)
class Discordant:
    """A difference of two shares on the same images: exact on which is larger.

    The images on which the two differ are `only_a` + `only_b` of n. Limits of their share (score)
    and of a's part of them (exact binomial) are multiplied, so that 0 is excluded exactly where
    McNemar's exact test rejects it.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404-413.
    """

    only_a: int
    only_b: int
    n: int

    @property
    def value(self) -> float:
        """Share a - share b."""
        return (self.only_a - self.only_b) / self.n

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the limits of share a - share b."""
        low = _lowest_lead(self.only_a, self.only_b, self.n, alpha)
        return low, -_lowest_lead(self.only_b, self.only_a, self.n, alpha)


def _lowest_lead(wins: int, losses: int, n: int, alpha: Floats) -> Floats:
    differ = wins + losses
    least: Floats = special.betaincinv(wins, losses + 1, alpha) if wins else 0.0 * alpha
    known = one_seed(differ / n, n).limits(alpha)
    return (2 * least - 1) * np.where(least > 0.5, known[0], known[1])


def one_seed(value: Floats, n: Floats) -> Score:
    """Return the law of a share of n independent images: Wilson's; strictly, the exact binomial."""
    parts = (Part(1 / n, np.inf),)
    return Score(value, parts, Share(value, parts))
