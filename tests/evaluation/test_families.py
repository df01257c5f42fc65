"""A family steps down: each claim's verdict and interval are those of its own step."""

import pytest
from scipy import stats

from core.evaluation.components import Components
from core.evaluation.intervals import mean, symmetric
from core.evaluation.verdicts import all_of, decide_family, exact, superior, withheld


def claim(p, side):
    """A claim of that p on one side, over 9 seeds with a standard error of 0.1."""
    return superior(symmetric(side * 0.1 * stats.t.isf(p, 8), Components(0.09, 0.0, 0.0, 9, 1)))


@pytest.mark.parametrize(("side", "verdict"), [(1, "supported"), (-1, "refuted")])
def test_every_claim_is_judged_and_shown_at_its_own_step(side, verdict):
    p = {"d": 0.3, "b": 0.008, "a": 1e-6, "c": 0.012}
    family = decide_family({name: claim(each, side) for name, each in p.items()})
    assert {name: each.verdict for name, each in family.items()} == {
        **dict.fromkeys("abc", verdict),
        "d": "undecided",
    }
    levels = {name: 1 - each.estimate.confidence for name, each in family.items()}
    assert levels == pytest.approx({"a": 0.05 / 4, "b": 0.05 / 3, "c": 0.05 / 2, "d": 0.05 / 4})
    ends = [each.estimate.low if side > 0 else -each.estimate.high for each in family.values()]
    assert [end > 0 for end in ends] == [False, True, True, True]
    adjusted = {n: getattr(each, f"p_{verdict}") for n, each in family.items()}
    assert adjusted == pytest.approx({"a": 4e-6, "b": 0.024, "c": 0.024, "d": 0.3})


def test_what_the_first_step_does_not_reject_is_shown_at_the_first_step():
    """The third by itself would pass its own step, at 2.5 %."""
    family = decide_family({name: claim(0.02, 1) for name in "abc"})
    assert {each.verdict for each in family.values()} == {"undecided"}
    levels = [1 - each.estimate.confidence for each in family.values()]
    assert levels == pytest.approx([0.05 / 3] * 3)


def test_arithmetic_is_no_member_and_a_family_has_room_for_all():
    made = {"sum": exact(1.0, 1.0, 0.0), "a": claim(0.02, 1)}
    judged = decide_family(made)
    assert judged["sum"] is made["sum"]
    assert (judged["a"].verdict, judged["a"].p_supported) == ("supported", pytest.approx(0.02))
    with pytest.raises(ValueError, match="size: 0, wanted 1 or more"):
        decide_family(made, size=0)
    assert decide_family(made, size=2)["a"].p_supported == pytest.approx(0.04)


def test_of_parts_those_with_a_chance_share_the_error_of_a_refutation():
    part, parts = exact(1.0, 1.0, 0.0), {name: claim(0.02, -1) for name in "ab"}
    assert all_of({"sum": part, "a": parts["a"]}).p_refuted == pytest.approx(0.02)
    assert all_of({"sum": part, **parts}).p_refuted == pytest.approx(0.04)
    alone = all_of({"sum": part, "a": parts["a"]})
    assert (alone.verdict, alone.parts["a"].verdict) == ("refuted", "refuted")
    assert not alone.is_arithmetic


def test_a_part_of_too_few_seeds_stops_no_other_from_refuting():
    few = superior(mean([[0.1, 0.2, 0.3, 0.1, 0.2], [0.3, 0.1, 0.2, 0.2, 0.1]]))
    assert few.withheld == "few seeds"
    assert all_of({"few": few, "no": claim(1e-6, -1)}).verdict == "refuted"


def test_what_is_withheld_has_the_interval_of_one_claim():
    judged = decide_family({name: claim(0.001, 1) for name in "ab"})["a"]
    assert judged.estimate.confidence == pytest.approx(1 - 0.05 / 2)
    held = withheld(judged, [True, False], [False, False])
    assert held.estimate.confidence == pytest.approx(0.95)
    assert (held.p_supported, held.p_refuted) == (1, 1)
