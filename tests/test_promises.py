"""The engine's test bench, small: the promises that simulated studies put to the test are kept."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from benchmarks import verdicts
from benchmarks.simulated import area_methods, areas
from benchmarks.simulated.draws import Cell
from core.evaluation.roc import auc, placements

SOME = (
    "difference of hits: seeds differ, accuracy 0.9, 3 seeds, 100 images",
    "accuracy: seeds heavy-tailed, accuracy 0.9, 10 seeds, 100 images",
    "equivalence: accuracy 0.95, 3 seeds",
    "difference of scores: t(3) tails, 5 seeds, 15 images",
    "lesson: 9 claims, 4 with an effect, seeds differ, 3 seeds",
    "lesson: 9 claims, 2 seeds",
    "looks: 1 claim, looks at 3, 6, 12, 24 seeds",
    "AUC, verdict: AUC 0.9, 30 positives, 5 seeds",
    "AUC, interval: AUC 0.99, 30 positives, 1 seed",
    "one run granted at the edge of single runs: 3 seeds, 500 images, the published run on others",
    "less than published: 5 seeds, 30 positives",
    "mean of skewed scores: exponential over 360 images, 3 seeds",
    "arms that diverge: chances 0.1 and 0.1, 5 seeds",
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


def test_rival_intervals_of_areas_are_the_textbooks():
    random = np.random.default_rng(3)
    (one,), labels = areas.scores(random, 30, 0.9, 1)
    area, z = auc(one, labels), stats.norm.ppf(0.975)
    sides = [side.var(ddof=1) / side.shape[1] for side in placements(one, labels)]
    t = [stats.t.ppf(0.975, n - 1) for n in (30, 120)]
    half = np.sqrt(np.dot(np.square(t), sides)) / (area.value * (1 - area.value))
    expected = special.expit(special.logit(area.value) + half * np.array([-1, 1]))
    assert area_methods.logit(one, labels) == pytest.approx(tuple(expected))

    def excess(null):
        q1, q2, both = null / (2 - null), 2 * null**2 / (1 + null), (30 + 120) / 2 - 1
        variance = null * (1 - null) + both * (q1 + q2 - 2 * null**2)
        return (area.value - null) ** 2 - z**2 * variance / (30 * 120)

    low, high = optimize.brentq(excess, 0.5, area.value), optimize.brentq(excess, area.value, 1)
    assert area_methods.score(one, labels) == pytest.approx((low, high), abs=5e-4)
    perfect = area_methods.logit(labels * 1.0, labels)
    assert perfect == pytest.approx((0.025 ** (1 / 30), 1))


def test_misses_out_of_bounds_are_bold(monkeypatch):
    def cell(missed):
        limits = np.array([[0.95, 1.0]] * missed + [[0.8, 1.0]] * (1000 - missed))
        return area_methods._cell(limits, 0.9)

    assert cell(50) == "5.0 (0.193)"
    assert cell(78).startswith("7.8 ")  # within two standard errors of 6.5
    assert cell(90).startswith("**9.0** ")
    assert cell(10).startswith("**1.0** ")
    monkeypatch.setattr(area_methods, "POSITIVES", {10: 0.25})
    text = area_methods.table(20)
    assert text.count("\n") == 2 + 4 * 2 + 8
    assert "| 0.99 | 100, scattered | 5 | 16 |" in text
