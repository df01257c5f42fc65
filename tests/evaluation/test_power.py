"""The chance that a study decides, term by term where it has a formula."""

import numpy as np
import pytest
from scipy import special, stats

from core.evaluation.comparisons import paired
from core.evaluation.components import Components
from core.evaluation.intervals import mean, symmetric, wilson
from core.evaluation.laws import Student
from core.evaluation.power import _inflated, images_needed, power, seeds_needed
from core.evaluation.shares import Discordant, Lead
from core.evaluation.verdicts import superior


def lead(only_a, only_b, n):
    a, b = np.zeros((2, n), bool)
    a[:only_a], b[only_a : only_a + only_b] = True, True
    return paired(a[None], b[None], deterministic=True)


@pytest.mark.parametrize(
    ("estimate", "margin", "under_null", "step"),
    [
        (lead(14, 6, 200), 0.0, 0.1, 1.0),
        (wilson(30, 100), 0.2, 0.2 * 0.8, 0.5),
        (wilson(30, 100).strict(), 0.2, 0.2 * 0.8, 0.5),
    ],
)
def test_one_seed_is_planned_with_the_nulls_variance_and_half_a_step(
    estimate, margin, under_null, step
):
    """A step of McNemar's test is two images, one of a share's a single one."""
    value, n = estimate.value, 500
    seen = 0.1 - value**2 if margin == 0 else value * (1 - value)
    variance = estimate.components.images / n
    reach = stats.t.ppf(0.975, n - 1) * np.sqrt(variance * under_null / seen) + step / n
    expected = special.ndtr((value - margin - reach) / np.sqrt(variance))
    assert power(estimate, 1, n, margin=margin) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("law", "null", "ratio"),
    [
        (Lead(0.05, 0.2, ()), 0.0, 0.2 / (0.2 - 0.05**2)),
        (Lead(0.0, 0.1, ()), 0.3, (0.3 - 0.3**2) / 0.1),  # arms 0.3 apart differ on as many
        (Discordant(8, 2, 100), 0.0, 0.1 / (0.1 - 0.06**2)),
        (Discordant(8, 2, 100), -0.2, (0.2 - 0.2**2) / (0.1 - 0.06**2)),
        (wilson(90, 100).law, 0.8, 0.16 / 0.09),
        (Student(1.0, ()), 0.0, 1.0),
    ],
)
def test_a_null_has_the_variance_that_its_law_gives_it(law, null, ratio):
    assert _inflated(law, null, law.value) == pytest.approx(ratio)


def test_hits_that_are_all_alike_decide_when_so_many_in_a_row_would():
    """0.9^36 is the first below 2.5 %."""
    alike = mean(np.ones((1, 20)))
    assert images_needed(alike, margin=0.9) == 36
    assert (power(alike, 1, 35, margin=0.9), power(alike, 1, 36, margin=0.9)) == (0, 1)
    verdicts = [superior(wilson(n, n), 0.9).verdict for n in (35, 36)]
    assert verdicts == ["undecided", "supported"]


def test_a_pilot_of_few_seeds_is_believed_as_far_as_chi_squared_lets_it():
    pilot, level = symmetric(0.8, Components(1.0, 0.0, 0.0, 5, 1)), (np.arange(40) + 0.5) / 40
    true = 4 / stats.chi2.ppf(level, 4)[:, None] / 20
    observed = true * stats.chi2.ppf(level, 19) / 19
    half = stats.t.ppf(0.975, 19) * np.sqrt(observed)
    expected = special.ndtr((0.8 - half) / np.sqrt(true)).mean()
    assert power(pilot, 20, 1) == pytest.approx(expected)
    assert power(pilot, 20, 1, known=True) > expected + 0.1


@pytest.mark.parametrize("side", [-1, 1])
def test_what_lies_beyond_a_margin_is_denied_as_often_as_it_is_shown_to_lie_there(side):
    pilot = symmetric(side * 0.8, Components(1.0, 0.0, 0.0, 5, 1))
    denied = power(pilot, 20, 1, margin=0.3, target=side * 0.1, test="equivalent")
    assert denied == pytest.approx(power(pilot, 20, 1, margin=side * 0.4))


def test_more_than_ten_thousand_are_beyond_reach():
    share = wilson(510, 1000)
    assert 4000 < images_needed(share, margin=0.49) < 6000
    assert images_needed(share, margin=0.5) is None  # some 20,000
    pilot = symmetric(0.02, Components(1.0, 0.0, 0.0, 5, 1))
    assert seeds_needed(pilot, known=True, effect=0.03) == pytest.approx(8720, rel=0.01)
    assert seeds_needed(pilot, known=True) is None  # some 19,600
