"""Draw many studies at once from populations whose truth is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from core.evaluation.components import Components, crossed
from core.evaluation.laws import Floats, Law, Part
from core.evaluation.power import ALPHA

Random = np.random.Generator
Bools = NDArray[np.bool_]
Table = NDArray[np.float32]
CHUNK = 4_000_000
"""scores drawn at once"""
QUANTILES = (np.arange(4000) + 0.5) / 4000


@dataclass(frozen=True)
class Cell:
    """A promise and the population on which it is put to the test."""

    group: str
    name: str
    simulate: Callable[[Random, int], NDArray[Any]]
    """how many studies to draw -> (sides, studies), or (studies,): true, or 1, where one is so"""
    promise: float = ALPHA
    share: float = 1.0
    """of the draws asked for, where a study is dear"""
    at_least: bool = False
    """whether the share is to be as great as promised; otherwise no greater"""


@dataclass(frozen=True)
class Hits:
    """Arms of hits: a normal score above 0, from the arm's skill and what is drawn with it.

    Standard deviations, in units of the noise of a single score, of what a seed adds, an image (for
    all arms), and an image for one arm.
    """

    seed: float
    image: float
    arm: float
    df: float = np.inf
    """of Student's law of what seeds add, for heavy tails"""

    def draw(self, random: Random, shape: tuple[int, int, int], *skills: float) -> list[Bools]:
        """Draw the arms of many studies. shape: (studies, seeds, images), of each arm."""
        studies, n_seeds, n_images = shape
        image = self.image * _normal(random, studies, 1, n_images)
        return [
            skill
            + image
            + self.seed * self._of_seeds(random, studies, n_seeds, 1)
            + self.arm * _normal(random, studies, 1, n_images)
            + _normal(random, *shape)
            > 0
            for skill in skills
        ]

    def _of_seeds(self, random: Random, *shape: int) -> Table:
        if np.isinf(self.df):
            return _normal(random, *shape)
        return random.standard_t(self.df, shape).astype(np.float32)

    def accuracy(self, skill: float) -> float:
        """Integrate the true accuracy over seeds and images."""
        seeds = self.seed * stats.t.ppf(QUANTILES, self.df)
        return float(
            special.ndtr((skill + seeds) / np.hypot(1, np.hypot(self.image, self.arm))).mean()
        )

    def skill(self, accuracy: float) -> float:
        """Return the skill of a true accuracy."""
        return float(optimize.brentq(lambda skill: self.accuracy(skill) - accuracy, -40, 40))


@dataclass(frozen=True)
class Scores:
    """Real-valued scores around a mean, with variances of seeds, images and what is left."""

    seeds: float
    images: float
    residual: float

    def draw(
        self, random: Random, shape: tuple[int, int, int], law: Callable[..., Any] | None = None
    ) -> NDArray[np.float64]:
        """Draw tables of mean 0. law: of the effects, by its shape, of variance 1; else normal."""
        of = law or random.standard_normal
        studies, n_seeds, n_images = shape
        return (
            self.seeds**0.5 * of((studies, n_seeds, 1))
            + self.images**0.5 * of((studies, 1, n_images))
            + self.residual**0.5 * of(shape)
        )

    def means(
        self, random: Random, n_seeds: Floats, n_images: Floats, studies: int
    ) -> tuple[Floats, tuple[Part, ...]]:
        """Draw means (of a truth of 0) and their variance's parts as normal tables have them.

        n_seeds and n_images may differ by study. The mean squares of a balanced table are
        independent chi-squared variables, so that tables need not be drawn.
        """
        n_seeds, n_images = (np.broadcast_to(n, (studies,)) for n in (n_seeds, n_images))
        rows, columns = self.seeds + self.residual / n_images, self.images + self.residual / n_seeds
        truth = self.seeds / n_seeds + self.images / n_images + self.residual / n_seeds / n_images
        mean = random.standard_normal(studies) * np.sqrt(truth)
        left = self.residual * _mean_square(random, (n_seeds - 1) * (n_images - 1))
        images = columns * _mean_square(random, n_images - 1) - left / n_seeds
        return mean, (
            Part(rows * _mean_square(random, n_seeds - 1) / n_seeds, n_seeds - 1),
            Part(np.maximum(images, 0) / n_images, n_images - 1),
        )

    def pilots(self, random: Random, n_seeds: int, n_images: int, n: int) -> Iterator[Components]:
        """Draw what small studies find of the components."""
        return map(crossed, self.draw(random, (n, n_seeds, n_images)))


def _normal(random: Random, *shape: int) -> Table:
    return random.standard_normal(shape, dtype=np.float32)


def _mean_square(random: Random, df: Floats) -> Floats:
    return random.chisquare(df) / df


def student(random: Random, df: float) -> Callable[..., Any]:
    """Return draws of Student's law, scaled to a variance of 1."""
    return lambda shape: random.standard_t(df, shape) * np.sqrt((df - 2) / df)


def in_chunks(study: Callable[[int], NDArray[Any]], draws: int, scores: int) -> NDArray[Any]:
    """Draw studies in chunks that fit the memory. scores: of one study."""
    size = max(1, CHUNK // scores)
    sizes = [size] * (draws // size) + [draws % size] * (draws % size > 0)
    return np.concatenate([study(n) for n in sizes], axis=-1)


def wrong(law: Law, truth: Floats) -> Bools:
    """Tell where the limits lie above the truth, and where below it: (2, studies)."""
    low, high = law.limits(ALPHA)
    return np.stack([low > truth, high < truth])
