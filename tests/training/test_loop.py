"""Plans: how many steps, at which rate; and what cannot be planned."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.config import TrainConfig
from core.errors import UserError
from core.training.loop import Plan, State, batch_sizes
from core.training.single import fit


@given(st.integers(1, 2000), st.integers(1, 300))
def test_the_sizes_of_the_batches_add_up(n, batch_size):
    plan = Plan.of(TrainConfig(batch_size=batch_size), n)
    assert sum(plan.sizes) == n
    assert len(plan.sizes) == plan.steps
    assert all(size == plan.batch_size for size in plan.sizes[:-1])
    assert min(2, plan.batch_size) <= plan.sizes[-1] <= plan.batch_size + 1


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [(64, 32, [32, 32]), (66, 32, [32, 32, 2]), (65, 32, [32, 33]), (3, 1, [1, 1, 1]), (1, 9, [1])],
)
def test_a_last_image_is_never_alone(n, batch_size, sizes):
    assert batch_sizes(n, batch_size) == sizes


def test_the_rate_is_constant_or_a_half_cosine():
    constant = Plan.of(TrainConfig(epochs=3, batch_size=10, lr=0.5), 25)
    assert {constant.rate(step) for step in range(9)} == {0.5}
    plan = Plan.of(TrainConfig(epochs=3, batch_size=10, lr=0.5, schedule="cosine"), 25)
    rates = [plan.rate(step) for step in range(9)]
    assert rates[0] == 0.5
    assert rates[4] == pytest.approx(0.25)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)
    single = Plan.of(TrainConfig(epochs=1, batch_size=30, lr=0.5, schedule="cosine"), 25)
    assert single.rate(0) == 0.5


@pytest.mark.parametrize(
    ("n", "epochs", "batch_size"),
    [(20, 15, 20), (4_999, 15, 32), (5_000, 2, 32), (19_999, 2, 32), (20_000, 2, 100)],
)
def test_what_is_left_open_follows_the_size_of_the_set(n, epochs, batch_size):
    plan = Plan.of(TrainConfig(), n)
    assert (plan.epochs, plan.batch_size) == (epochs, batch_size)
    own = Plan.of(TrainConfig(epochs=7, batch_size=3, lr=0.5, keep="best"), n)
    assert (own.epochs, own.batch_size) == (7, 3)
    assert own.config == TrainConfig(epochs=7, batch_size=3, lr=0.5, keep="best")


@pytest.mark.parametrize(
    ("option", "value"),
    [("epochs", 0), ("batch_size", 0), ("lr", 0.0), ("lr", math.nan), ("lr", math.inf)],
)
def test_impossible_options_are_refused(option, value):
    with pytest.raises(UserError, match=f"--{option.replace('_', '-')} {value}: .* is wanted"):
        TrainConfig(**{option: value})


def test_a_loss_that_is_not_finite_is_never_the_best():
    weights = torch.zeros(3, 2, requires_grad=True)  # three replicas
    state = State([weights], torch.optim.SGD([weights], lr=1), (3,))
    history = [(1.0, math.nan, math.nan), (math.nan, 2.0, math.nan), (3.0, math.inf, math.nan)]
    for epoch, losses in enumerate(history, 1):
        weights.data.fill_(epoch)
        state.keep_best(np.array(losses, dtype=np.float32))
    state.use_best()
    assert weights[:, 0].tolist() == [1, 2, 3]  # the last never had a best: it keeps its last


def test_the_best_epoch_needs_a_validation_set(parts, cpu, build):
    config = TrainConfig(epochs=1, keep="best")
    with pytest.raises(ValueError, match=r"keep='best'.*validation"):
        next(fit(build(0), parts[0], None, config, 0, cpu))
