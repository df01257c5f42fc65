"""The labelled dataset: everything stands where its labels say, whatever the order it came in."""

import numpy as np
import pytest

from core.dataset import aligned, build, table
from core.trials import Record, Shared, Trial

NAMES = ("x", "y", "z")
SHARED = Shared({"image": NAMES}, {"label": (("image",), np.array([1, 0, 1]))}, {"arm": ("b", "a")})


def trial(arm, seed, **factors):
    return Trial(arm, seed, tuple(factors.items()))


def record(*hits, **metrics):
    return Record(metrics, {"correct": (("image",), np.array(hits, np.uint8))})


@pytest.fixture
def records():
    return [
        (trial("a", 1), record(0, 0, 1, loss=3.0)),
        (trial("b", 0), record(1, 1, 1, loss=1.0)),
        (trial("a", 0), record(1, 0, 1, loss=2.0)),
        (trial("b", 1), record(0, 1, 1, loss=0.5)),
    ]


def test_every_value_stands_at_its_labels(records):
    for order in (records, records[::-1]):
        found = build(order, SHARED)
        assert found["arm"].values.tolist() == ["b", "a"]  # as `order` has it
        assert found["seed"].values.tolist() == [0, 1]
        assert found["correct"].dims == ("arm", "seed", "image")
        assert found["correct"].dtype == np.uint8  # nothing is missing
        assert found["correct"].sel(arm="a", seed=1, image="z") == 1
        assert found["correct"].sel(arm="a", seed=0).values.tolist() == [1, 0, 1]
        assert found["loss"].sel(arm="b").values.tolist() == [1.0, 0.5]
        assert found["label"].sel(image="y") == 0
        assert found["trained"].all()


def test_what_a_trial_lacks_is_nan_and_not_trained(records):
    found = build(records[:3], SHARED)
    assert np.isnan(found["correct"].sel(arm="b", seed=1)).all()
    assert found["trained"].values.tolist() == [[True, False], [True, True]]
    assert table(found["correct"].sel(arm="b")).values.tolist() == [[1, 1, 1]]


def test_pictures_stay_bytes_and_are_black_where_there_is_none():
    picture = (("y", "x", "channel"), np.full((2, 2, 3), 7, np.uint8))
    found = build(
        [(trial("a", 0), Record({}, {"picture": picture})), (trial("b", 0), Record({}))], Shared()
    )
    assert found["picture"].dtype == np.uint8
    assert found["picture"].sel(arm="a").values.min() == 7
    assert not found["picture"].sel(arm="b").any()


def test_seeds_are_paired_by_number_not_by_place():
    """Seeds [0, 1, 2] give 0, 10, 20 and seeds [2, 1, 0] give 21, 11, 1: -1 on every seed."""
    first = {trial("a", seed): Record({"m": value}) for seed, value in ((0, 0), (1, 10), (2, 20))}
    second = {trial("b", seed): Record({"m": value}) for seed, value in ((2, 21), (1, 11), (0, 1))}
    found = build([*first.items(), *second.items()], Shared())["m"]
    a, b = aligned(found.sel(arm="a"), found.sel(arm="b"))
    assert (a.values - b.values).tolist() == [[-1.0]] * 3


def test_only_seeds_that_both_arms_have_are_paired(records):
    found = build([*records, (trial("a", 7), record(1, 1, 1, loss=9.0))], SHARED)
    a, b = aligned(found["correct"].sel(arm="a"), found["correct"].sel(arm="b"))
    assert a["seed"].values.tolist() == b["seed"].values.tolist() == [0, 1]
    with pytest.raises(ValueError, match="seed: none is in both arms"):
        aligned(found["loss"].sel(arm="a").sel(seed=[7]), found["loss"].sel(arm="b").sel(seed=[0]))


def test_images_that_do_not_match_are_named():
    shared = Shared({"image@cats": ("c1", "c2"), "image@dogs": ("d1", "c2")})
    trials = [
        (trial("a", 0), Record({}, {"hit": (("image@cats",), np.array([1, 0]))})),
        (trial("b", 0), Record({}, {"hit": (("image@dogs",), np.array([1, 1]))})),
    ]
    found = build(trials, shared)["hit"]
    assert found["image"].values.tolist() == ["c1", "c2", "d1"]
    assert table(found.sel(arm="b")).sel(image="d1") == 1
    with pytest.raises(ValueError, match=r"image c1: in one arm only, as are 1 more"):
        aligned(found.sel(arm="a"), found.sel(arm="b"))


def test_labels_of_parts_are_joined_by_name():
    shared = Shared(
        {"image@cats": ("c1", "both"), "image@dogs": ("both", "d1")},
        {
            "label@cats": (("image@cats",), np.array([0, 1])),
            "label@dogs": (("image@dogs",), np.array([1, 5])),
        },
    )
    trials = [
        (trial("a", 0, task="cats"), Record({}, {"hit": (("image@cats",), np.array([1, 0]))})),
        (trial("a", 0, task="dogs"), Record({}, {"hit": (("image@dogs",), np.array([0, 1]))})),
    ]
    found = build(trials, shared)
    assert found["label"].sel(image=["c1", "both", "d1"]).values.tolist() == [0, 1, 5]
    assert table(found["hit"].sel(arm="a", task="dogs")).values.tolist() == [[0, 1]]


def test_curves_of_other_lengths_end_earlier():
    trials = [
        (trial("a", 0), Record({}, curves={"val/loss": [3.0, 2.0]})),
        (trial("b", 0), Record({}, curves={"val/loss": [4.0]})),
    ]
    found = build(trials, Shared())["val/loss"]
    assert found["epoch"].values.tolist() == [1, 2]
    assert found.sel(arm="b").values.tolist() == [[4.0, pytest.approx(np.nan, nan_ok=True)]]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Record({}, {"correct": (("pixel",), np.zeros(3))}), "dimensions .*, wanted the same"),
        (Record({}, {"correct": (("image",), np.zeros(2))}), "image: 2 values and 3 labels"),
    ],
)
def test_records_that_differ_in_kind_are_refused(records, other, message):
    with pytest.raises(ValueError, match=message):
        build([*records, (trial("c", 0), other)], SHARED)


def test_trials_with_other_factors_are_refused(records):
    with pytest.raises(ValueError, match=r"factors .*, wanted the same in all"):
        build([*records, (trial("c", 0, lr=1), record(1, 1, 1))], SHARED)


def test_a_diverged_seed_is_not_dropped():
    trials = [(trial("a", s), Record({"loss": np.nan if s == 1 else 1.0})) for s in range(3)]
    found = table(build(trials, Shared())["loss"].sel(arm="a"))
    assert found.shape == (3, 1)
    assert np.isnan(found.sel(seed=1)).all()
