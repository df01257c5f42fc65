"""The engine's test bench, small: the promises that simulated studies put to the test are kept."""

import numpy as np
import pytest
from scipy import stats

from benchmarks import verdicts
from benchmarks.simulated.draws import Cell

SOME = (
    "difference of hits: seeds differ, accuracy 0.9, 3 seeds, 100 images",
    "accuracy: seeds heavy-tailed, accuracy 0.9, 10 seeds, 100 images",
    "equivalence: accuracy 0.95, 3 seeds",
    "difference of scores: t(3) tails, 5 seeds, 15 images",
    "lesson: 9 claims, 4 with an effect, seeds differ, 3 seeds",
    "lesson: 9 claims, 2 seeds",
    "looks: 1 claim, looks at 3, 6, 12, 24 seeds",
    "AUC, verdict: AUC 0.9, 30 positives, 5 seeds",
    "share of a gain: 50% of a gain of 0.2, 3 seeds",
    "power: seeds, superior, 1 claim, after 3 seeds",
    "power: images, equivalent, 1 claim, after 5 seeds",
)


@pytest.mark.parametrize("name", SOME)
def test_promises_are_kept(name):
    cells = list(verdicts.cells((name,)))
    assert cells
    for cell in cells:
        outcome = verdicts.observe(cell, 200)
        often, side = round(outcome.observed * outcome.n), "less" if cell.at_least else "greater"
        chance = stats.binomtest(often, outcome.n, cell.promise, side).pvalue
        assert chance > 0.01, outcome.row()  # few draws: two standard errors say little


def test_a_broken_promise_is_told_and_written_between_the_marks(tmp_path, monkeypatch, capsys):
    def share(of):
        return lambda random, n: np.arange(n) < of * n

    kept = Cell(group="kept", name="a", simulate=share(0.03), promise=0.025)
    broken = Cell(group="broken", name="b", simulate=share(0.7), promise=0.8, at_least=True)
    monkeypatch.setattr(verdicts, "cells", lambda only: [kept, broken])
    page = tmp_path / "page.md"
    begin, end = verdicts.MARKS
    page.write_text(f"before\n{begin}old\n{end}after\n")
    verdicts.main(verdicts.Config(draws=1000, page=page, write=True))
    text = page.read_text()
    assert "| kept: a | <= 2.5 | 3.0 | 0.49 | 1,000 | yes |" in text
    assert "| broken: b | >= 80.0 | 70.0 | 0.40 | 10,000 | **no** |" in text
    assert "1 of 2 promises are kept" in text
    assert text.startswith(f"before\n{begin}`python -m benchmarks verdicts --draws 1000")
    assert text.endswith(f"{end}after\n")
    assert "2 cells, 1 broken" in capsys.readouterr().out
