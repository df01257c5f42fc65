"""Simulated comparisons, a few of those that `python -m benchmarks comparisons` draws."""

import math
import shutil

import numpy as np
import pytest

from benchmarks import comparisons


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["4 arms, the best picked by looking", "5 folds", "not paired, 3 runs against 10"]
)
def test_false_verdicts_are_as_rare_as_promised(name):
    """A small version of benchmarks/comparisons.py: 5 % at most, within three standard errors."""
    n = 150
    layout = comparisons.LAYOUTS[name]
    false, means, gaps = comparisons.rates(layout, comparisons.drawn(layout, n))
    assert false <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert means >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)
    assert math.isnan(gaps) or gaps >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)


def test_experiments_through_mlflow_come_back_as_they_were(tmp_path, empty_store):
    """The benchmark's last line, small."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    layout = comparisons.LAYOUTS["2 arms"]
    drawn = list(comparisons.drawn(layout, 2))
    for before, after in zip(drawn, comparisons.logged(drawn, tmp_path), strict=True):
        values = [
            {(run.params["model"], run.params["seed"]): run.metrics["accuracy"] for run in each}
            for each in (before, after)
        ]
        assert values[0] == values[1]
        one, other = (comparisons.compared(each, layout).differences[0] for each in (before, after))
        assert one.superior.estimate.value == pytest.approx(
            other.superior.estimate.value, abs=1e-12
        )
        assert one.superior.verdict == other.superior.verdict
