"""Tables against pandas and numpy on made-up results; the prognosis against its rules."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.card import Card
from core.data.images import InMemory, order
from core.evaluation.intervals import mean
from core.models.doctor import examine
from core.models.initialisation import initialise
from core.models.networks import mlp
from core.results import Exhibit, Result, Trial
from reports import figures, tables
from reports.initialisation import prognosis

CARD = Card(
    name="toy",
    source="made here",
    fingerprint="0" * 64,
    classes=("3", "a b", "$^$"),
    shape=(1, 4, 4),
    counts={"train": [9, 8, 7], "val": [3, 3, 3], "test": [4, 4, 4]},
    split="as the source has it",
)


@pytest.fixture
def results():
    random, found = np.random.default_rng(0), {}
    for seed in range(3):
        for arm in ("one", "two"):
            arrays = {
                "correct": random.integers(0, 2, 12, dtype=np.uint8),
                "correct_dropout": random.integers(0, 2, 12, dtype=np.uint8),
                "confusion": random.integers(0, 9, (3, 3)),
                "step_losses": random.random(101).astype(np.float32) + 0.1,
                "doctor": random.random((2, 5)),
            }
            metrics = {
                "test/accuracy": float(arrays["correct"].mean()),
                "test/loss": random.random(),
            }
            found[Trial(arm, seed)] = Result(metrics, arrays)
    return found


def test_scores_and_metrics_keep_the_order_of_arms_and_seeds(results):
    stacked = tables.scores(results, "correct")
    assert list(stacked) == ["one", "two"]
    for arm, table in stacked.items():
        for seed in range(3):
            assert (table[seed] == results[Trial(arm, seed)].arrays["correct"]).all()
    losses = tables.metric(results, "test/loss")
    assert losses["two"].tolist() == [
        results[Trial("two", seed)].metrics["test/loss"] for seed in range(3)
    ]
    assert np.isnan(tables.metric(results, "diverged_at")["one"]).all()


def test_every_number_has_its_interval_and_n(results):
    results[Trial("two", 1)].metrics.update({"test/loss": np.nan, "diverged_at": 5.0})
    frame = tables.arms(results).set_index("arm")
    hits = tables.scores(results, "correct")["one"]
    expected = mean(hits)
    row = frame.loc["one"]
    assert row["accuracy"] == hits.mean()
    assert (row["accuracy_low"], row["accuracy_high"]) == (expected.low, expected.high)
    assert (row["seeds"], row["images"], row["diverged"]) == (3, 12, 0)
    left = [results[Trial("two", seed)].metrics["test/loss"] for seed in (0, 2)]
    assert frame.loc["two", "loss"] == pytest.approx(np.mean(left))
    assert frame.loc["two", "diverged"] == 1
    results[Trial("two", 0)].metrics["test/loss"] = np.inf
    assert np.isnan(tables.arms(results).set_index("arm").loc["two", "loss_low"])  # one seed left


def test_seeds_are_listed(results):
    frame = tables.seeds(results)
    means = frame.groupby("arm")["accuracy"].mean()
    assert means["one"] == pytest.approx(tables.scores(results, "correct")["one"].mean())
    assert len(frame) == 6


def test_curves_are_means_over_stretches_that_lose_no_step(results):
    frame = tables.curves(results, points=10)
    own = frame[(frame["arm"] == "one") & (frame["seed"] == 2)]
    losses = pd.Series(results[Trial("one", 2)].arrays["step_losses"].astype(float))
    edges = [0, *own["step"]]
    assert edges[-1] == 101
    expected = [losses[a:b].mean() for a, b in pairwise(edges)]
    assert own["loss"].tolist() == pytest.approx(expected)
    short = tables.curves(results, points=1000)
    assert len(short[(short["arm"] == "one") & (short["seed"] == 0)]) == 101
    results[Trial("one", 2)].arrays["step_losses"][50:] = np.nan
    cut = tables.curves(results, points=10)
    assert np.isfinite(cut["loss"]).all()
    assert len(cut[(cut["arm"] == "one") & (cut["seed"] == 2)]) == 5


def test_confusions_add_the_seeds(results):
    frame = tables.confusions(results, CARD.classes)
    total = tables.scores(results, "confusion")["two"].sum(0)
    wide = frame[frame["arm"] == "two"].pivot_table(
        index="true", columns="predicted", values="count", sort=False
    )
    assert (wide.to_numpy() == total).all()
    shares = frame[frame["arm"] == "two"].groupby("true")["share"].sum()
    assert shares.tolist() == pytest.approx([1, 1, 1])
    table = tables.confusion_table(total, CARD.classes)
    assert (table.loc["a b", "3"], table.index.name) == (total[1, 0], "true \\ predicted")


def test_histograms_are_densities():
    values = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    samples = {("one", "layer 1"): values, ("zeros", "layer 1"): np.zeros(10, np.float32)}
    frame = tables.histograms(samples, 30)
    for _, own in frame.groupby("arm"):
        assert (own["width"] * own["density"]).sum() == pytest.approx(1)
    density, edges = np.histogram(values, 30, density=True)
    own = frame[frame["arm"] == "one"]
    assert own["density"].tolist() == pytest.approx(density.tolist(), rel=1e-4)
    assert own["centre"].iloc[0] == pytest.approx((edges[0] + edges[1]) / 2, abs=1e-5)


def test_the_band_of_a_loss_curve_is_students(results):
    frame = tables.curves(results, points=4)
    figure = figures.loss_curves(frame, 1.0)
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    own = frame[frame["arm"] == "one"].pivot_table(index="step", columns="seed", values="loss")
    logs = np.log(own.to_numpy())
    half = 4.3027 * logs.std(axis=1, ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom
    top, bottom = np.exp(logs.mean(1) + half), np.exp(logs.mean(1) - half)
    assert band[:, 1].max() == pytest.approx(top.max(), rel=1e-3)
    assert band[:, 1].min() == pytest.approx(bottom.min(), rel=1e-3)


def test_class_names_are_no_formulas(results, tmp_path):
    """`$` begins mathematics in matplotlib; a class may be called anything."""
    frame = tables.confusions(results, CARD.classes)
    exhibit = Exhibit("confusion", "Counts.", frame, figures.confusions(frame))
    assert exhibit.save(tmp_path)["figure"]
    assert (tmp_path / "confusion.png").stat().st_size > 1000


def test_predictions_are_scored_against_what_happened():
    rows = {  # arm -> accuracy, what the doctor said: 0 cannot train, 1 badly, 2 will
        "stuck": (0.34, [0, 0, 0]),
        "bad": (0.6, [1, 1, 2]),
        "good": (0.9, [2, 2, 2]),
        "surprise": (0.89, [0, 0, 1]),
    }
    found = {
        Trial(arm, seed): Result({"test/accuracy": accuracy, "doctor/outlook": outlook}, {})
        for arm, (accuracy, outlooks) in rows.items()
        for seed, outlook in enumerate(outlooks)
    }
    frame = prognosis.score(found, CARD).set_index("arm")
    assert frame["predicted"].tolist() == [
        "cannot train",
        "will train badly",
        "will train",
        "cannot train",
    ]
    assert frame["observed"].tolist() == [
        "cannot train",
        "will train badly",
        "will train",
        "will train",
    ]
    assert frame["right"].tolist() == ["yes", "yes", "yes", "no"]
    assert frame["seeds"].tolist() == [3] * 4


def test_the_doctor_looks_at_the_first_batch_of_the_seeds_own_order():
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (400, 1, 4, 4), dtype=torch.uint8, generator=random)
    train = InMemory(pixels, labels=torch.randint(0, 3, (400,), generator=random))
    model = initialise(mlp((1, 4, 4), 3, (6,)), "kaiming-normal", 0)
    (seen,) = prognosis.diagnose({Trial("x", 5): model}, train)
    batch = order(400, 5, 1)[:256]
    assert seen == examine(model, pixels[batch] / 255, train.labels[batch])
    numbers = prognosis.metrics(seen, dict(model.named_parameters()))
    assert numbers["doctor/loss"] == seen.loss
    assert numbers["doctor/rank"] == numbers["trained/rank"] == 6
    assert prognosis.arrays(seen)["doctor"].shape == (2, 5)
