"""The init doctor sees what is there, predicts by its own rules, and leaves no trace."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.evaluation.prognosis import observe
from core.models.doctor import examine, ranks
from core.models.initialisation import SCHEMES, initialise
from core.models.networks import mlp, scratch_cnn

RANDOM = torch.Generator().manual_seed(0)
PIXELS = torch.rand(64, 1, 16, 16, generator=RANDOM)
LABELS = torch.randint(0, 10, (64,), generator=RANDOM)


def network(scheme="kaiming-normal", seed=0):
    return initialise(mlp((1, 16, 16), 10, (32, 16)), scheme, seed)


@pytest.mark.parametrize(
    ("scheme", "outlook"),
    [
        ("zeros", "cannot train"),
        ("ones", "cannot train"),
        ("uniform-0-1", "will train badly"),
        ("uniform-rule", "will train"),
        ("xavier-normal", "will train"),
        ("kaiming-uniform", "will train"),
        ("orthogonal", "will train"),
        ("default", "will train"),
    ],
)
def test_outlooks(scheme, outlook):
    assert scheme in SCHEMES
    assert examine(network(scheme), PIXELS, LABELS).outlook == outlook


def test_the_numbers_are_those_of_a_pass_by_hand():
    model = network()
    diagnosis = examine(model, PIXELS, LABELS)
    x, outputs = PIXELS.flatten(1), []
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    for layer in layers:
        outputs.append(layer(x))
        x = outputs[-1].relu()
    loss = F.cross_entropy(outputs[-1], LABELS)
    assert diagnosis.loss == pytest.approx(loss.item())
    loss.backward()
    assert [seen.name for seen in diagnosis.layers] == ["1 Linear", "2 Linear", "3 Linear"]
    for seen, layer, output in zip(diagnosis.layers, layers, outputs, strict=True):
        assert seen.activation == pytest.approx(output.std().item(), rel=1e-5)
        rms = layer.weight.grad.square().mean().sqrt().item()
        assert seen.gradient == pytest.approx(rms, rel=1e-4)
        assert (seen.rank, seen.full_rank) == (min(layer.weight.shape),) * 2
    assert diagnosis.layers[-1].dead == 0


def test_dead_units_are_counted():
    model = network()
    with torch.no_grad():
        model[1].bias[:8] = -1e3
    first = examine(model, PIXELS, LABELS).layers[0]
    alive = (model[1](PIXELS.flatten(1)) > 0).any(0)
    assert first.dead == pytest.approx(1 - alive.float().mean().item())
    assert first.dead >= 8 / 32
    assert examine(model, PIXELS, LABELS).outlook == "will train"
    with torch.no_grad():
        model[4].bias[:] = -1e3
    diagnosis = examine(model, PIXELS, LABELS)
    assert diagnosis.layers[1].dead == 1
    assert diagnosis.outlook == "cannot train"


def test_convolutions_count_units_over_all_places():
    model = initialise(scratch_cnn((1, 16, 16), 10), "kaiming-normal", 0)
    with torch.no_grad():
        model[0].bias[:4] = -1e3
    diagnosis = examine(model, PIXELS, LABELS)
    assert [seen.name for seen in diagnosis.layers][:3] == ["1 Conv2d", "2 Conv2d", "3 Conv2d"]
    assert diagnosis.layers[0].dead == 4 / 16
    assert diagnosis.layers[0].full_rank == 9


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training):
    model = network().train(training)
    model[3].eval()  # one module in a mode of its own
    before = [value.clone() for value in model.state_dict().values()]
    modes = [module.training for module in model.modules()]
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    one = examine(model, PIXELS, LABELS)
    assert torch.equal(torch.rand(2), expected)
    assert [module.training for module in model.modules()] == modes
    assert all(map(torch.equal, before, model.state_dict().values()))
    assert all(value.grad is None for value in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert examine(model, PIXELS, LABELS) == one  # dropout is off


def test_hooks_and_mode_are_restored_after_an_error():
    model = network().train()
    with pytest.raises(RuntimeError):
        examine(model, PIXELS[:, :, :9], LABELS)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_ranks():
    outer = torch.arange(1.0, 5)[:, None] * torch.arange(1.0, 7)
    kernels = torch.randn(8, 3, 3, 3, generator=RANDOM)
    broken = torch.eye(3)
    broken[0, 0] = torch.nan
    assert ranks([torch.zeros(3, 5), torch.ones(3, 5), outer, kernels, broken]) == [0, 1, 1, 8, -1]


def test_copies_of_a_unit_up_to_rounding_are_one():
    """In float64 their differences would count, in float32 the decomposition need not converge."""
    unit = torch.randn(1, 512, generator=RANDOM)
    copies = unit.repeat(64, 1) * torch.logspace(-3, 3, 64)[:, None] / 7 * 7
    assert ranks([copies, torch.cat([copies, torch.randn(3, 512, generator=RANDOM)])]) == [1, 4]


def test_weights_that_are_not_finite_cannot_train():
    model = network()
    with torch.no_grad():
        model[1].weight[0, 0] = torch.inf
    assert examine(model, PIXELS, LABELS).outlook == "cannot train"


def test_a_bad_start_is_twice_the_loss_of_an_even_guess():
    quiet, loud = network(), network()
    with torch.no_grad():
        quiet[-1].weight.mul_(0.01)
        loud[-1].weight.mul_(100)
    assert examine(quiet, PIXELS, LABELS).loss == pytest.approx(math.log(10), rel=0.02)
    assert examine(quiet, PIXELS, LABELS).outlook == "will train"
    assert examine(loud, PIXELS, LABELS).loss > 2 * math.log(10)
    assert examine(loud, PIXELS, LABELS).outlook == "will train badly"


@pytest.mark.parametrize(
    ("accuracy", "seen"),
    [
        (0.08, "cannot train"),
        (0.119, "cannot train"),
        (0.121, "will train badly"),
        (0.859, "will train badly"),
        (0.861, "will train"),
        (0.88, "will train"),
    ],
)
def test_what_happened_in_the_words_of_the_prediction(accuracy, seen):
    assert observe(accuracy, baseline=0.1, best=0.88) == seen
