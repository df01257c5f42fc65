"""`reports compare` on simulated experiments whose truth is known: false verdicts and coverage.

Runs are as the store returns them and go the whole way: params tell arms and pairs, the best arm is
picked by looking, Holm. Those of the last line are written to MLflow's store, and read from it.
A small version is tests/test_comparisons.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from core.store import Run, Store
from reports.compare import Config as Asked
from reports.compare.comparison import Comparison, Difference, compare
from reports.compare.runs import table


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A simulated experiment: how its runs vary, and how they are compared."""

    means: tuple[float, ...] = (0.0, 0.0)
    """true ones, of the arms"""
    n_runs: tuple[int, ...] = (5,)
    """of the arms, cycled; seeds from 0"""
    shared: float = 1.0
    """standard deviation of what a seed adds to all arms"""
    spread: tuple[float, ...] = (0.5,)
    """standard deviation of a run, of the arms, cycled"""
    pair: str = "seed"
    """the param that pairs runs, or none"""
    correlation: float = 0.0
    """of an arm's runs, as folds have it that share training data"""
    baseline: str | None = "a0"
    margin: float | None = None
    first_look: int | None = None


UNEQUAL = Layout(pair="none", shared=0.0, n_runs=(3, 10), spread=(1.5, 0.5))
LAYOUTS = {
    "2 arms": Layout(),
    "4 arms": Layout(means=(0.0,) * 4),
    "4 arms, the best picked by looking": Layout(means=(0.0,) * 4, baseline=None),
    "10 arms of 3 seeds, the best picked": Layout(means=(0.0,) * 10, n_runs=(3,), baseline=None),
    "4 arms, seeds missing": Layout(means=(0.0,) * 4, n_runs=(5, 8, 6, 5)),
    "5 folds": Layout(pair="fold", correlation=0.2),
    "not paired": Layout(pair="none"),
    "not paired, 3 runs against 10": UNEQUAL,
    "not paired, 10 arms of 3 and 10": replace(UNEQUAL, means=(0.0,) * 10),
    "truth on the margin": Layout(means=(0.0, 0.5), margin=0.5, n_runs=(8,)),
    "4 arms, on the margin and equal": Layout(means=(0.0, 0.0, 0.5, 0.5), margin=0.5, n_runs=(8,)),
    "looks at 5 and 10 seeds": Layout(first_look=5, n_runs=(10,)),
}


def experiment(random: np.random.Generator, layout: Layout) -> list[Run]:
    """Draw an experiment's runs; accuracy is the arm's mean, and what seed and run add."""
    n = max(layout.n_runs)
    shared = layout.shared * _draw(random, n, layout.correlation)
    runs = []
    for index, mean in enumerate(layout.means):
        spread = layout.spread[index % len(layout.spread)]
        values = mean + shared + spread * _draw(random, n, layout.correlation)
        for seed in range(layout.n_runs[index % len(layout.n_runs)]):
            params = {"model": f"a{index}", layout.pair: str(seed)}
            params.pop("none", None)
            point, name = {"accuracy": (0, float(values[seed]))}, f"{index}-{seed}"
            runs.append(Run(name, "FINISHED", {}, float(seed), "", name, params, point))
    return runs


def _draw(random: np.random.Generator, n: int, correlation: float) -> NDArray[np.float64]:
    common = random.normal() * np.sqrt(correlation)
    return common + random.normal(size=n) * np.sqrt(1 - correlation)


def compared(runs: Sequence[Run], layout: Layout) -> Comparison:
    """Compare the arms of an experiment."""
    arms = table(runs, Asked(experiment="x"), lambda ids, name: {})
    return compare(
        arms, baseline=layout.baseline, margin=layout.margin, first_look=layout.first_look
    )


def is_false(difference: Difference, layout: Layout) -> bool:
    """Tell whether a verdict is not the truth; where two arms are equal, neither is better."""
    gap = _truth(difference.arm, layout) - _truth(difference.reference, layout)
    wrong = {"supported": gap <= 0, "refuted": gap >= 0}.get(difference.superior.verdict, False)
    if difference.same and layout.margin:
        far = {"supported": abs(gap) >= layout.margin, "refuted": abs(gap) <= layout.margin}
        wrong |= far.get(difference.same.verdict, False)
    return wrong


def _truth(arm: str, layout: Layout) -> float:
    return layout.means[int(arm[1:])]


def drawn(layout: Layout, repeats: int) -> Iterator[list[Run]]:
    """Draw experiments."""
    random = np.random.default_rng(0)
    return (experiment(random, layout) for _ in range(repeats))


def logged(experiments: Iterable[Sequence[Run]], folder: Path) -> Iterator[list[Run]]:
    """Write experiments to a store in a folder, and read them there."""
    uri, places = f"sqlite:///{folder}/mlflow.db", []
    store = Store(uri)
    for index, runs in enumerate(experiments):
        places.append(store.experiment(str(index)))
        for run in runs:
            name = store.create(places[-1], run.name, {}, run.started)
            points = [(key, value, step) for key, (step, value) in run.metrics.items()]
            store.log(name, points, run.params)
            store.end(name, "FINISHED")
    reader = Store(uri, read_only=True)
    return (reader.runs("", place) for place in places)


def rates(layout: Layout, experiments: Iterable[Sequence[Run]]) -> tuple[float, float, float]:
    """Return how often any verdict is false, and how often 95 % intervals hold the truth.

    The latter of means and of differences to a baseline; NaN to the best, which is selected.
    """
    wrong, means, gaps = list[bool](), list[bool](), list[bool]()
    for runs in experiments:
        comparison = compared(runs, layout)
        wrong.append(any(is_false(d, layout) for d in comparison.differences))
        known = [(arm.estimate, _truth(arm.name, layout)) for arm in comparison.arms]
        means += [e.low <= truth <= e.high for e, truth in known if e]
        for difference in comparison.differences if layout.baseline else []:
            gap = _truth(difference.arm, layout) - _truth(difference.reference, layout)
            estimate = difference.superior.estimate.at(0.95)
            gaps.append(estimate.low <= gap <= estimate.high)
    shares = [float(np.mean(flags)) if flags else np.nan for flags in (wrong, means, gaps)]
    return shares[0], shares[1], shares[2]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Simulate experiments, compare their arms, and count what was promised."""

    experiments: Annotated[int, Interval(ge=10, le=1_000_000)] = 1_000
    """of each line"""


def main(config: Config) -> None:
    """Print the rates, each beside what is promised."""
    n = config.experiments
    print(f"{n:,} experiments a line; promised: any false verdict in at most 5 %, coverage 95 %;")
    print("of unpaired differences, at least that")
    for name, layout in LAYOUTS.items():
        _tell(name, rates(layout, drawn(layout, n)))
    layout = LAYOUTS["2 arms"]
    with TemporaryDirectory() as folder:
        written = logged(drawn(layout, n), Path(folder))
        _tell(f"2 arms, {n:,} experiments through MLflow", rates(layout, written))


def _tell(name: str, shares: tuple[float, float, float]) -> None:
    false, means, gaps = shares
    shown = "" if np.isnan(gaps) else f", of differences {gaps:.1%}"
    print(f"{name}: any false {false:.1%}; coverage of means {means:.1%}{shown}", flush=True)
