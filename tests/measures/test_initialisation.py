"""What is measured of networks before and after training, against plain recomputations."""

import numpy as np
import pytest
import torch
from scipy import stats

from core.data.images import InMemory, order
from core.measures.initialisation import BATCH, before, histogram
from core.models.doctor import examine
from core.models.initialisation import initialise
from core.models.networks import mlp
from core.trials import Trial


@pytest.fixture
def train():
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (400, 1, 4, 4), dtype=torch.uint8, generator=random)
    return InMemory(pixels, labels=torch.randint(0, 3, (400,), generator=random))


def test_the_doctor_looks_at_the_first_batch_of_the_seeds_own_order(train):
    model = initialise(mlp((1, 4, 4), 3, (6,)), "kaiming-normal", 0)
    (seen,) = before({Trial("x", 5): model}, train)
    batch = order(400, 5, 1)[:BATCH]
    expected = examine(model, train.pixels[batch] / 255, train.labels[batch])
    assert seen.metrics["doctor/loss"] == expected.loss
    assert seen.metrics["doctor/rank"] == 6
    dims, layers = seen.arrays["doctor"]
    assert dims == ("layer", "quantity")
    first = expected.layers[0]
    assert layers[0].tolist() == [first.activation, first.gradient, first.dead, 1.0]
    assert "weights" not in seen.arrays  # histograms are seed 0's
    assert model.training


def test_seed_0_keeps_histograms_and_the_law_of_its_weights(train):
    model = initialise(mlp((1, 4, 4), 3, (8,)), "uniform-rule", 0)
    (seen,) = before({Trial("uniform-rule", 0): model}, train)
    assert seen.arrays["weights"][1].shape == (2, 2, 40)
    scaled = np.concatenate(
        [
            (layer.weight.detach() * layer.in_features**0.5).flatten().numpy()
            for layer in model
            if hasattr(layer, "weight")
        ]
    )
    test = stats.kstest(scaled, stats.uniform(-1, 2).cdf)
    assert seen.metrics["initial/rule_p"] == pytest.approx(test.pvalue, rel=1e-4)
    assert seen.metrics["initial/weights"] == 16 * 8 + 8 * 3
    other = initialise(mlp((1, 4, 4), 3, (8,)), "normal-rule", 0)
    (wrong,) = before({Trial("normal-rule", 0): other}, train)
    assert wrong.metrics["initial/rule_p"] < 0.01


def test_histograms_are_densities():
    values = torch.from_numpy(np.random.default_rng(0).normal(size=5000).astype(np.float32))
    centres, density = histogram(values)
    width = centres[1] - centres[0]
    assert (density * width).sum() == pytest.approx(1)
    expected, edges = np.histogram(values.numpy(), 40, density=True)
    assert density.tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    assert centres[0] == pytest.approx((edges[0] + edges[1]) / 2, abs=1e-5)
    assert set(histogram(torch.ones(10))[0]) == {1.0}  # no bin's centre beside it
