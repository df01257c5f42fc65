"""Records come back bit by bit or not at all; programs are rectangles of seeds and arms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trials import DamagedError, Record, Shared, Trial, programs

RECORD = Record(
    {"x": 0.1, "nan": math.nan, "inf": math.inf},
    {
        "empty": (("image", "side"), np.zeros((0, 3), np.float32)),
        "turned": (("image", "side"), np.arange(6, dtype=np.uint8).reshape(2, 3).T),
        "one": ((), np.array(2.5)),
    },
    {"val/loss": [1.0, math.nan]},
)


def test_a_record_comes_back_bit_by_bit():
    after = Record.unpack(RECORD.pack())
    assert str(after.metrics) == str(RECORD.metrics)
    assert str(after.curves) == str(RECORD.curves)
    assert after.arrays.keys() == RECORD.arrays.keys()
    for name, (dims, values) in RECORD.arrays.items():
        seen_dims, seen = after.arrays[name]
        assert (seen_dims, seen.dtype, seen.shape) == (dims, values.dtype, values.shape)
        assert seen.tobytes() == values.tobytes()


def test_what_trials_share_comes_back():
    before = Shared(
        {"image": ("a $", "größer")}, {"label": (("image",), np.array([1, 0]))}, {"arm": ("b", "a")}
    )
    after = Shared.unpack(before.pack())
    assert (after.coords, after.order) == (before.coords, before.order)
    assert after.arrays["label"][0] == ("image",)
    assert after.arrays["label"][1].tolist() == [1, 0]


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_one_flipped_bit_is_damage(place, bit):
    content = bytearray(RECORD.pack())
    content[place % len(content)] ^= 1 << bit
    try:
        after = Record.unpack(bytes(content))
    except DamagedError:
        return
    # A bit of padding or of the format's own words may change nothing that is read.
    assert str(after) == str(Record.unpack(RECORD.pack()))


@pytest.mark.parametrize(
    "content",
    [b"", b"x", RECORD.pack()[:-1], RECORD.pack()[:40], b"\0" * 99],
    ids=["empty", "a byte", "one byte less", "the head alone", "zeros"],
)
def test_a_cut_file_is_damage(content):
    with pytest.raises(DamagedError):
        Record.unpack(content)


def test_another_schema_is_named(monkeypatch):
    content = RECORD.pack()
    monkeypatch.setattr("core.trials.SCHEMA", 99)
    with pytest.raises(DamagedError, match=r"written in schema 2, wanted 99"):
        Record.unpack(content)


def test_a_trial_has_a_key_and_comes_back():
    trial = Trial("a", 3, (("lr", 0.125), ("scale", "larger")))
    assert trial.key == "a/3/lr=0.125/scale=larger"
    assert trial.levels == {"lr": 0.125, "scale": "larger"}
    assert Trial.of(trial.as_dict()) == trial


TRIALS = st.sets(
    st.builds(
        lambda arm, seed, scale: Trial(arm, seed, (("scale", scale),)),
        st.sampled_from("abc"),
        st.integers(0, 6),
        st.sampled_from(["course", "larger"]),
    )
)


@given(TRIALS, st.integers(1, 9))
def test_programs_are_rectangles_that_hold_every_trial_once(trials, at_most):
    ordered = sorted(trials, key=lambda trial: (trial.factors, trial.seed, trial.arm))
    groups = list(programs(ordered, lambda trial: trial.factors, at_most))
    assert sorted(t.key for group in groups for t in group) == sorted(t.key for t in trials)
    for group in groups:
        seeds = list(dict.fromkeys(trial.seed for trial in group))
        arms = list(dict.fromkeys(trial.arm for trial in group))
        assert [(t.seed, t.arm) for t in group] == [(s, a) for s in seeds for a in arms]
        assert len({trial.factors for trial in group}) == 1
        assert len(group) <= max(at_most, len(arms))
