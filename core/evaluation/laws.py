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
STEPS, ROUNDS = 16, 12
"""steps at once, as a call for many levels takes little more than one for a single level"""


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
    """A mean: symmetric, Student's t where one part has all the variance.

    Images whose scores have a long tail (squared errors) are met without its end: the limit on its
    side moves outwards, by the second-order term of a lognormal mean.
    """

    value: Floats
    parts: tuple[Part, ...]
    skew: Floats = 0.0
    """third moment of the last part's n units over n times their variance"""

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return value -+ half-width, and the skew's share of it on one side."""
        half = stretched(self.parts, alpha)
        t = special.stdtrit(self.parts[-1].df, alpha) if self.parts else 0.0
        tail = self.skew * (1 + t**2) / 2
        low, high = self.value - half, self.value + half
        return low + np.minimum(tail, 0.0), high + np.maximum(tail, 0.0)


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
    where the null is on that side of the value. Found on the logarithm of alpha, from ever narrower
    steps.
    """
    gap = np.asarray(law.value - np.asarray(null, dtype=np.float64))

    def rejects(alpha: NDArray[np.float64]) -> NDArray[np.bool_]:
        low, high = law.limits(alpha)
        return np.where(gap > 0, low > null, high < null)

    near = np.where(gap == 0, 0.5, _smallest(rejects, np.shape(gap)))
    return np.where((gap >= 0) == (side == "greater"), near, 1 - near)[()]


def _smallest(rejects: Callable[[NDArray[np.float64]], Any], shape: tuple[int, ...]) -> Floats:
    def alpha(share: Floats) -> Floats:  # of the way from SMALLEST to 0.5
        return np.exp((1 - share) * np.log(SMALLEST) + share * np.log(0.5))

    share, width = np.zeros(shape), 1.0
    steps = np.arange(1, STEPS).reshape(-1, *(1 for _ in shape))
    for _ in range(ROUNDS):
        width /= STEPS
        share = share + width * (~rejects(alpha(share + width * steps))).sum(0)
    return np.where(rejects(alpha(np.zeros(shape))), 0.0, alpha(share + width))
