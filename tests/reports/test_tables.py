"""Tables against pandas and numpy on made-up trials."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from core.dataset import build
from core.evaluation.comparisons import compare_all
from core.evaluation.intervals import mean
from core.trials import Record, Shared, Trial
from reports import tables
from reports.initialisation import figures as initialisation

CLASSES = ("3", "a b", "$^$")
SHARED = Shared({"class": CLASSES, "predicted": CLASSES}, order={"arm": ("one", "two")})


@pytest.fixture
def trials():
    random, found = np.random.default_rng(0), {}
    for seed in range(3):
        for arm in ("one", "two"):
            hits = random.integers(0, 2, 12, dtype=np.uint8)
            losses = random.random(101).astype(np.float32) + 0.1
            arrays = {
                "correct": (("image",), hits),
                "confusion": (("class", "predicted"), random.integers(0, 9, (3, 3))),
                "step_losses": (("step",), losses),
            }
            metrics = {"test/accuracy": float(hits.mean()), "test/loss": random.random()}
            found[Trial(arm, seed)] = Record(metrics, arrays)
    return found


def study(trials):
    return build(list(trials.items()), SHARED)


def stacked(trials, arm, name):
    return np.stack([trials[Trial(arm, seed)].arrays[name][1] for seed in range(3)])


def test_every_number_has_its_interval_and_n(trials):
    trials[Trial("two", 1)].metrics["test/loss"] = np.nan

    def table():
        known = study(trials)
        return tables.arms({"accuracy": known["correct"]}, {"loss": known["test/loss"]}).set_index(
            "arm"
        )

    frame, hits = table(), stacked(trials, "one", "correct")
    expected, row = mean(hits), frame.loc["one"]
    assert row["accuracy"] == pytest.approx(hits.mean())
    assert (row["accuracy_low"], row["accuracy_high"]) == (expected.low, expected.high)
    assert (row["seeds"], row["images"]) == (3, 12)
    left = [trials[Trial("two", seed)].metrics["test/loss"] for seed in (0, 2)]
    assert frame.loc["two", "loss"] == pytest.approx(np.mean(left))
    trials[Trial("two", 0)].metrics["test/loss"] = np.inf
    assert np.isnan(table().loc["two", "loss_low"])  # one seed left


def test_seeds_are_listed(trials):
    frame = tables.seeds(study(trials)["test/accuracy"], "accuracy")
    assert len(frame) == 6
    value = frame.set_index(["arm", "seed"]).loc[("two", 1), "accuracy"]
    assert value == trials[Trial("two", 1)].metrics["test/accuracy"]


def test_differences_are_over_the_seeds_that_all_arms_have(trials):
    del trials[Trial("one", 1)]
    frame = tables.differences(study(trials)["correct"])
    tables_ = {
        arm: stacked({**trials, Trial("one", 1): trials[Trial("two", 1)]}, arm, "correct")[[0, 2]]
        for arm in ("one", "two")
    }
    pd.testing.assert_frame_equal(frame, compare_all(tables_))
    del trials[Trial("two", 0)]
    assert tables.differences(study(trials)["correct"]).empty  # one seed is no comparison


def test_curves_are_means_over_stretches_that_lose_no_step(trials):
    frame = tables.curves(study(trials)["step_losses"], points=10)
    rows = frame[(frame["arm"] == "one") & (frame["seed"] == 2)]
    losses = pd.Series(trials[Trial("one", 2)].arrays["step_losses"][1].astype(float))
    edges = [0, *rows["step"]]
    assert edges[-1] == 101
    assert rows["loss"].tolist() == pytest.approx([losses[a:b].mean() for a, b in pairwise(edges)])
    short = tables.curves(study(trials)["step_losses"], points=1000)
    assert len(short[(short["arm"] == "one") & (short["seed"] == 0)]) == 101
    trials[Trial("one", 2)].arrays["step_losses"][1][50:] = np.nan
    cut = tables.curves(study(trials)["step_losses"], points=10)
    assert np.isfinite(cut["loss"]).all()
    assert len(cut[(cut["arm"] == "one") & (cut["seed"] == 2)]) == 5


def test_confusions_add_the_seeds(trials):
    frame = tables.confusions(study(trials)["confusion"])
    rows = frame[frame["arm"] == "two"]
    wide = rows.pivot_table(index="true", columns="predicted", values="count", sort=False)
    assert (wide.to_numpy() == stacked(trials, "two", "confusion").sum(0)).all()
    assert list(wide.index) == list(CLASSES)
    assert rows.groupby("true")["share"].sum().tolist() == pytest.approx([1, 1, 1])


def test_the_band_of_a_loss_curve_is_students(trials):
    frame = tables.curves(study(trials)["step_losses"], points=4)
    figure = initialisation.loss_curves(frame, 1.0)
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    rows = frame[frame["arm"] == "one"].pivot_table(index="step", columns="seed", values="loss")
    logs = np.log(rows.to_numpy())
    half = 4.3027 * logs.std(axis=1, ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom
    top, bottom = np.exp(logs.mean(1) + half), np.exp(logs.mean(1) - half)
    assert band[:, 1].max() == pytest.approx(top.max(), rel=1e-3)
    assert band[:, 1].min() == pytest.approx(bottom.min(), rel=1e-3)


def shares(arms):
    rows = [
        (arm, true, named, share)
        for arm, table in arms.items()
        for true, row in zip("ab", table, strict=True)
        for named, share in zip("ab", row, strict=True)
    ]
    return pd.DataFrame(rows, columns=["arm", "true", "predicted", "share"])


def test_of_alike_confusion_matrices_one_is_shown():
    good, alike, chance, swapped = (
        [[0.9, 0.1], [0.1, 0.9]],
        [[0.88, 0.12], [0.1, 0.9]],
        [[1, 0], [1, 0]],
        [[0.1, 0.9], [0.9, 0.1]],
    )
    frame = shares({"alike": alike, "chance": chance, "good": good, "swapped": swapped})
    assert tables.unlike(frame) == ["good", "swapped", "chance"]
    assert tables.unlike(frame, most=2) == ["good", "swapped"]


def test_quantiles_are_read_off_histograms():
    centres = np.arange(100) + 0.5
    density = np.full(100, 0.01)
    values = xr.DataArray(
        [[[centres, density]], [[centres * np.nan, density]]],
        dims=("arm", "layer", "part", "bin"),
        coords={"arm": ["flat", "none"], "layer": [0], "part": ["centre", "density"]},
    )
    (row,) = tables.quantiles(values).itertuples(index=False)
    assert row[:2] == ("flat", "layer 1")
    assert row[2:] == pytest.approx((2.5, 25, 50, 75, 97.5), abs=1)
