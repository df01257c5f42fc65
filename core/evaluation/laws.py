"""How far a number may be from the truth: one rule a kind of number, at any level of error.

A law gives, for an error `alpha` on each side, the limits beyond which the truth is rejected;
`tail` inverts it to the p value. So an interval excludes a value exactly where its p is below
alpha, at every level that a family or a look asks for. Fields and levels may be arrays of many
studies at once.

A variance made of parts that are known from few units each (seeds; images) uses the *modified
large sample* rule: the half-width is sqrt(sum of t(df_i)^2 variance_i), exact where one part is
all, on the safe side between. A common t with some average of the degrees of freedom is right at
one level only.

Source: Graybill and Wang, JASA 75 (1980) 869-873; Lee, Iyer, Technometrics 46 (2004) 477-484.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Side = Literal["greater", "less"]
Floats = Any
"""a float, or float64 arrays whose leading axes are studies"""

SMALLEST = 1e-60
"""p values below are given as 0"""


class Law(Protocol):
    """What a number's limits are at an error of alpha a side, 0 < alpha <= 0.5."""

    @property
    def value(self) -> Floats:
        """The number itself."""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the lowest and the highest value that is not rejected."""


@dataclass(frozen=True)
class Part:
    """A share of a squared standard error, and the degrees of freedom it is known with."""

    variance: Floats
    df: float
    """infinite where the variance is known"""


def stretched(parts: tuple[Part, ...], alpha: Floats) -> Floats:
    """Return the half-width at an error of alpha a side: the modified large sample rule."""
    return np.sqrt(sum(special.stdtrit(part.df, alpha) ** 2 * part.variance for part in parts))


@dataclass(frozen=True)
class Student:
    """A mean: symmetric, Student's t where one part has all the variance."""

    value: Floats
    parts: tuple[Part, ...]

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return value -+ half-width."""
        half = stretched(self.parts, alpha)
        return self.value - half, self.value + half


@dataclass(frozen=True)
class Score:
    """A share: the score test's limits, at the number of images its variance is worth.

    Source: Wilson, JASA 22 (1927) 209-212; Dean and Pagano, J. Surv. Stat. Methodol. 3 (2015)
    484-503 for the effective number.
    """

    value: Floats
    parts: tuple[Part, ...]
    n: Floats
    """independent images that would give the same standard error; need not be whole"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the shares that the score test does not reject."""
        variance = sum(part.variance for part in self.parts)
        reach = stretched(self.parts, alpha) ** 2 / variance / self.n  # t^2 / n
        centre = (self.value + reach / 2) / (1 + reach)
        half = np.sqrt(self.value * (1 - self.value) * reach + reach**2 / 4) / (1 + reach)
        return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


@dataclass(frozen=True)
class Logit:
    """A number between 0 and 1 whose logit is symmetric: a mean of many is, near the ends."""

    value: Floats
    parts: tuple[Part, ...]
    """variances of value, not of its logit"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return value -+ half-width on the logit scale, by the delta method."""
        half = stretched(self.parts, alpha) / (self.value * (1 - self.value))
        centre = special.logit(self.value)
        return special.expit(centre - half), special.expit(centre + half)


@dataclass(frozen=True)
class Constant:
    """Scores that are all equal: what the others may be, n in a row having been alike.

    Were a share f of all units different, n alike would have a chance of (1 - f)^n; the mean then
    moves by f of the way to the end of its range. For hits it is the exact binomial limit.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404-413.
    """

    value: Floats
    n: float
    bounds: tuple[float, float]

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the means that leave the observation a chance of alpha."""
        share = -np.expm1(np.log(alpha) / self.n)
        low, high = self.bounds
        return self.value - share * (self.value - low), self.value + share * (high - self.value)


@dataclass(frozen=True)
class Exact:
    """A number that arithmetic gives: nothing about it is left to chance."""

    value: float

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the value itself, twice."""
        return self.value + 0 * alpha, self.value + 0 * alpha


def tail(law: Law, null: ArrayLike, side: Side) -> Floats:
    """Return the one-sided p value of a null: the smallest alpha that rejects it.

    side: "greater" asks for the evidence that the truth lies above null. 1 less the other side's
    where the null is on that side of the value. Bisection on the logarithm of alpha.
    """
    gap = np.asarray(law.value - np.asarray(null, dtype=np.float64))
    near = _smallest(
        lambda alpha: np.where(gap > 0, law.limits(alpha)[0] > null, law.limits(alpha)[1] < null),
        np.shape(gap),
    )
    near = np.where(gap == 0, 0.5, near)
    return np.where((gap >= 0) == (side == "greater"), near, 1 - near)[()]


def _smallest(rejects: Callable[[NDArray[np.float64]], Any], shape: tuple[int, ...]) -> Floats:
    low, high = np.full(shape, np.log(SMALLEST)), np.full(shape, np.log(0.5))
    rejected_always = rejects(np.exp(low))
    for _ in range(60):
        middle = (low + high) / 2
        rejected = rejects(np.exp(middle))
        low, high = np.where(rejected, low, middle), np.where(rejected, middle, high)
    return np.where(rejected_always, 0.0, np.exp(high))


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
    known = Score(differ / n, (Part(1.0, np.inf),), n).limits(alpha)
    return (2 * least - 1) * np.where(least > 0.5, known[0], known[1])
