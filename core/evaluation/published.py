"""Our number less one that others published, which has a chance of its own."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Floats, Law, Part, stretched


@dataclass(frozen=True)
class Less:
    """A number of ours less a published one: the distances to their limits are added in squares.

    Source: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702.
    """

    ours: Law
    published: float
    theirs: tuple[Part, ...]

    @property
    def value(self) -> Floats:
        """The difference."""
        return self.ours.value - self.published

    def limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Return the limits of the difference."""
        low, high = self.ours.limits(alpha)
        squared = stretched(self.theirs, alpha) ** 2
        below, above = self.ours.value - low, high - self.ours.value
        return self.value - np.sqrt(below**2 + squared), self.value + np.sqrt(above**2 + squared)


@dataclass(frozen=True, kw_only=True)
class Against(Components):
    """Our components, and the variance of a published number, which no study of ours reduces."""

    readers: float
    """variance of one reader's number"""
    their_images: float
    """variance of what one of their images adds"""
    n_readers: int
    n_their_images: int

    @property
    def ours(self) -> Components:
        """Our components alone."""
        return Components(**{f.name: getattr(self, f.name) for f in fields(Components)})

    @property
    def theirs(self) -> tuple[Part, ...]:
        """The variance of their number, split by what was drawn."""
        readers = Part(self.readers / self.n_readers, self.n_readers - 1)
        images = Part(self.their_images / self.n_their_images, self.n_their_images - 1)
        return readers, images

    def resized(self, n_seeds: int, n_images: int) -> "Against":
        """Predict the components of a study of ours of another size."""
        return Against(**{**asdict(self), **asdict(self.ours.resized(n_seeds, n_images))})

    @property
    def parts(self) -> tuple[Part, ...]:
        """The squared standard error of the difference, split by what is drawn anew."""
        return (*self.ours.parts, *self.theirs)

    @property
    def se(self) -> float:
        """Standard error of the difference."""
        return float(np.sqrt(sum(part.variance for part in self.parts)))


def less_published(ours: Estimate, published: float, theirs: Components) -> Estimate:
    """Estimate our number less a published one, which others measured on other images.

    theirs: variances of a reader's number (as of a seed's) and of an image's, 2 or more of each.
    """
    parts = Against(
        **asdict(ours.components),
        readers=theirs.seeds,
        their_images=theirs.images,
        n_readers=theirs.n_seeds,
        n_their_images=theirs.n_images,
    )
    law = Less(ours.law, published, parts.theirs)
    method = f"{ours.method}, and over {parts.n_readers} readers and their images"
    return Estimate.of(parts, law, method, bounds=(-1.0, 1.0), fewest=ours.fewest)
