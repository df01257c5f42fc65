"""The grid's own forward pass of a perceptron equals each network's, and so do the gradients."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from core.models.initialisation import initialise
from core.models.networks import mlp, scratch_cnn
from core.training import stacked

SHAPE, GRID, BATCH = (1, 4, 5), (3, 2), 7


@pytest.fixture
def grid():
    models = [
        [initialise(mlp(SHAPE, 3, (6, 5), 0.5), "default", 10 * s + a) for a in range(2)]
        for s in range(3)
    ]
    names = dict(models[0][0].named_parameters())
    parameters = {
        name: torch.stack(
            [torch.stack([each.get_parameter(name).detach() for each in row]) for row in models]
        ).requires_grad_()
        for name in names
    }
    return models[0][0], parameters


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("dropout", [True, False])
def test_every_replica_and_its_gradient_equal_the_network_alone(grid, own, dropout):
    model, parameters = grid
    random = torch.Generator().manual_seed(0)
    pixels = torch.rand((3, BATCH, *SHAPE) if own else (BATCH, *SHAPE), generator=random)
    widths = {"3.mask": 6, "6.mask": 5}
    masks = {n: torch.rand(3, BATCH, w, generator=random) for n, w in widths.items()}
    logits = stacked.forward(model, parameters, masks if dropout else None, pixels)
    assert logits.shape == (*GRID, BATCH, 3)
    logits.square().sum().backward()
    for seed in range(3):
        for arm in range(2):
            alone = {n: v[seed, arm].detach().requires_grad_() for n, v in parameters.items()}
            x = (pixels[seed] if own else pixels).flatten(1)
            for layer in ("1", "4", "7"):
                x = x @ alone[f"{layer}.weight"].T + alone[f"{layer}.bias"]
                if layer != "7":
                    x = x.relu()
                    after = f"{int(layer) + 2}.mask"
                    x = x * masks[after][seed] if dropout else x
            torch.testing.assert_close(logits[seed, arm], x)
            x.square().sum().backward()
            for name, value in alone.items():
                torch.testing.assert_close(parameters[name].grad[seed, arm], value.grad)
    if not dropout and not own:
        reference = functional_call(
            model.eval(), {n: v[1, 1] for n, v in parameters.items()}, (pixels,)
        )
        torch.testing.assert_close(logits[1, 1], reference)


def test_other_networks_keep_to_vmap():
    assert stacked.is_perceptron(mlp(SHAPE, 3), nn.Dropout)
    assert not stacked.is_perceptron(scratch_cnn((1, 16, 16), 3), nn.Dropout)
    assert not stacked.is_perceptron(nn.Sequential(nn.Flatten(), nn.Tanh()), nn.Dropout)
    assert not stacked.is_perceptron(nn.Linear(2, 3), nn.Dropout)
