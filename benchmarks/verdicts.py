"""The verdict engine on simulated studies whose truth is known: errors, coverage, promised power.

Networks are simulated as hits and misses: the logit of a hit is the arm's skill plus a draw for
the seed, one for the image that all arms and seeds share, and one for arm and image. The true
accuracy follows by numerical integration. A small version of this is tests/evaluation.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from core.evaluation.comparisons import paired
from core.evaluation.intervals import mean
from core.evaluation.power import ALPHA, seeds_needed
from core.evaluation.verdicts import decide_family, equivalent, superior

SIZES = ((3, 360), (5, 360), (10, 360), (10, 2000))
"""(seeds, images) of the simulated studies"""
SPREADS = {"seeds differ": (0.4, 1.0, 0.3), "seeds alike": (0.05, 1.5, 0.5)}
"""name -> standard deviation of the logit by seed, by image, by arm and image"""
SKILL = 1.7  # a logit: about 80 % right
CLAIMS = 6

Table = NDArray[np.bool_]
Argument = TypeVar("Argument")
Made = TypeVar("Made")


def main(full: bool) -> None:
    """Print the rates, each beside what is promised."""
    repeats = 20_000 if full else 1_000
    print(f"  {repeats:,} studies a line; promised: false verdicts at most {ALPHA:.1%} a side,")
    print("  5 % in all; coverage 93 to 97 %; power 80 %")
    for spread, (n_seeds, n_images), line in _lines(repeats):
        print(f"  {spread}, {n_seeds} seeds, {n_images} images: {line}", flush=True)


def _lines(repeats: int) -> Iterator[tuple[str, tuple[int, int], str]]:
    for name, spread in SPREADS.items():
        for size in SIZES:
            random = np.random.default_rng(0)
            yield name, size, f"no effect: {_errors(random, repeats, size, spread)}"
            yield name, size, f"coverage: {_coverage(random, repeats, size, spread)}"
        yield name, (5, 2000), f"planned: {_power(np.random.default_rng(1), repeats, spread)}"


def hits(
    random: np.random.Generator,
    skills: tuple[float, ...],
    size: tuple[int, int],
    spread: tuple[float, float, float],
) -> list[Table]:
    """Draw the arms of one study, (seeds, images) each; images are shared."""
    n_seeds, n_images = size
    by_seed, by_image, by_arm = spread
    image = random.normal(0, by_image, (1, n_images))
    return [
        random.random(size)
        < special.expit(
            skill
            + image
            + random.normal(0, by_seed, (n_seeds, 1))
            + random.normal(0, by_arm, (1, n_images))
        )
        for skill in skills
    ]


def truth(skill: float, spread: tuple[float, float, float]) -> float:
    """Integrate the accuracy over seeds and images."""
    normal = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    return float(special.expit(skill + np.hypot.reduce(spread) * normal).mean())


def _errors(random: np.random.Generator, repeats: int, size: tuple[int, int], spread: tuple) -> str:
    """Return the share of lessons with a false verdict where no arm differs from another."""
    seen = {"supported": 0, "refuted": 0}
    for _ in range(repeats):
        arms = hits(random, (SKILL,) * (CLAIMS + 1), size, spread)
        family = {str(i): superior(paired(arms[0], arm)) for i, arm in enumerate(arms[1:])}
        made = {each.verdict for each in _quiet(decide_family, family).values()}
        for verdict in seen:
            seen[verdict] += verdict in made
    rates = "; ".join(f"any false {name} {n / repeats:.1%}" for name, n in seen.items())
    return f"{rates} of {CLAIMS} claims"


def _coverage(
    random: np.random.Generator, repeats: int, size: tuple[int, int], spread: tuple
) -> str:
    """Return how often the intervals of an accuracy and of a difference hold the truth."""
    better = SKILL + 0.3
    accuracy, other = truth(SKILL, spread), truth(better, spread)
    counts = np.zeros(2)
    for _ in range(repeats):
        a, b = hits(random, (SKILL, better), size, spread)
        for i, (estimate, value) in enumerate(
            ((mean(a), accuracy), (paired(b, a), other - accuracy))
        ):
            counts[i] += estimate.low <= value <= estimate.high
    return f"accuracy {counts[0] / repeats:.1%}, paired difference {counts[1] / repeats:.1%}"


def _power(random: np.random.Generator, repeats: int, spread: tuple) -> str:
    """Plan from a large pilot study with a small effect, and run what was planned."""
    skills, n_images = (SKILL, SKILL + 0.12), 2000
    a, b = hits(random, skills, (200, n_images), spread)
    pilot = paired(b, a)
    needed = seeds_needed(pilot, 0.8, effect=truth(skills[1], spread) - truth(SKILL, spread))
    if needed is None:
        return "no number of seeds decides on 2,000 images"
    decided = 0
    for _ in range(repeats // 4):
        one, two = hits(random, skills, (needed, n_images), spread)
        decided += _quiet(superior, paired(two, one)).verdict == "supported"
    same = equivalent(pilot, margin=0.05).verdict
    return f"{needed} seeds decide {decided / (repeats // 4):.0%} (pilot within 5 points: {same})"


def _quiet(judge: Callable[[Argument], Made], argument: Argument) -> Made:
    """Judge without the advice, which takes most of a verdict's time and changes no verdict."""
    with mock.patch("core.evaluation.decisions._needed", return_value=None):
        return judge(argument)
