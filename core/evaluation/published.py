"""Our number less one that others published, which has a variance of its own."""

from dataclasses import asdict, dataclass

import numpy as np

from core.evaluation.components import Components
from core.evaluation.intervals import Estimate
from core.evaluation.laws import Part, Student


@dataclass(frozen=True)
class Against(Components):
    """Our components, and those of a published number, which no study of ours reduces."""

    readers: float
    """variance of one reader's number"""
    their_images: float
    """variance of what one of their images adds"""
    n_readers: int
    n_their_images: int

    def resized(self, n_seeds: int, n_images: int) -> "Against":
        """Predict the components of a study of ours of another size."""
        return Against(**{**asdict(self), **asdict(_ours(self).resized(n_seeds, n_images))})

    @property
    def parts(self) -> tuple[Part, ...]:
        """The squared standard error of the difference, split by what is drawn anew."""
        readers = Part(self.readers / self.n_readers, self.n_readers - 1)
        images = Part(self.their_images / self.n_their_images, self.n_their_images - 1)
        return (*_ours(self).parts, readers, images)

    @property
    def se(self) -> float:
        """Standard error of the difference."""
        return float(np.sqrt(sum(part.variance for part in self.parts)))


def _ours(all_: Against) -> Components:
    return Components(all_.seeds, all_.images, all_.residual, all_.n_seeds, all_.n_images)


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
    gap = ours.value - published
    method = f"{ours.method}, and over {parts.n_readers} readers and their images"
    return Estimate.of(gap, parts, Student(gap, parts.parts), method, bounds=(-1.0, 1.0))
