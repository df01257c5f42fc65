"""The losses equal the course's formulas, and shares are shares."""

from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.style.config import StyleConfig
from core.style.losses import TransferLoss, settle, variation

LAYERS = {"style_layers": ("1", "6"), "content_layer": "8"}


def make(network, batch, device, **options):
    config = settle(StyleConfig(**{**LAYERS, **options}), network)
    return TransferLoss(network, config, *batch, device)


def course(network, pixels, contents, style):
    """Compute the notebook's losses of one picture: a dict of features, then plain sums."""

    def read(x):
        found = {}
        for name, layer in network.named_children():
            x = layer(x.clone())
            found[name] = x.clone()
        return found

    own, kept, wanted = read(pixels), read(contents), read(style)
    content = torch.mean((own["8"] - kept["8"]) ** 2)
    total = 0.0
    for name, weight in zip(("1", "6"), (1.0, 0.75), strict=True):
        _, d, h, w = own[name].shape
        g, a = (x[name].view(d, h * w) @ x[name].view(d, h * w).t() for x in (own, wanted))
        total = total + weight * torch.mean((g - a) ** 2) / (d * h * w)
    return content + 1e6 * total


def test_published_losses_are_the_notebooks(network, batch, device):
    contents, _ = batch
    styles = [each * 2 for each in contents]  # squashed to the content's shape
    objective = make(network, (contents, styles), device, mode="published")
    pixels = contents + 0.1
    found = objective(pixels).total
    for index in range(2):
        part = slice(index, index + 1)
        wanted = course(network, pixels[part], contents[part], styles[index][None])
        torch.testing.assert_close(found[index], wanted, rtol=1e-5, atol=0)


def test_shares_are_zero_and_one_where_they_should(network, batch, device):
    contents, _ = batch
    objective = make(network, batch, device)
    at_content = objective(contents)
    torch.testing.assert_close(at_content.style, torch.ones(2, 2))
    assert at_content.content.tolist() == [0, 0]
    torch.testing.assert_close(at_content.tv, torch.ones(2))
    alike = make(network, (contents, list(contents.flip(0))), device)
    # A picture that is its own style has no gap left, wherever its parts lie.
    torch.testing.assert_close(alike(contents.flip(0)).style, torch.zeros(2, 2))


def test_shares_do_not_depend_on_the_scale_of_a_layer(network, batch, device):
    """Weights mean what they say: a layer with features a hundred times larger counts the same."""
    pixels = batch[0] + 0.1
    before = make(network, batch, device)(pixels)
    with torch.no_grad():
        network[5].weight.mul_(100)
        network[5].bias.mul_(100)
        network[7].bias.mul_(100)
    after = make(network, batch, device)(pixels)
    torch.testing.assert_close(after.style, before.style, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.content, before.content, rtol=1e-4, atol=1e-5)


def test_pictures_of_a_batch_do_not_mix(network, batch, device):
    contents, styles = batch
    pixels = contents + 0.1
    both = make(network, batch, device)
    for index in range(2):
        alone = make(network, (contents[index : index + 1], styles[index : index + 1]), device)
        one = alone(pixels[index : index + 1])
        for losses in (both(pixels), both(pixels[index : index + 1], slice(index, index + 1))):
            row = index if len(losses.total) == 2 else 0
            torch.testing.assert_close(losses.total[row], one.total[0])
            torch.testing.assert_close(losses.style[row], one.style[0])


def test_the_total_is_the_weighted_sum(network, batch, device):
    options = {"alpha": 2.0, "beta": 5.0, "tv": 3.0, "style_weights": (1.0, 3.0)}
    losses = make(network, batch, device, **options)(batch[0] + 0.1)
    style = losses.style @ torch.tensor([0.25, 0.75])
    torch.testing.assert_close(losses.total, 2 * losses.content + 5 * style + 3 * losses.tv)


def test_a_content_that_is_its_own_style_keeps_losses_finite(network, batch, device):
    contents, _ = batch
    objective = make(network, (contents, list(contents)), device)
    assert torch.isfinite(objective(contents + 1).total).all()
    flat = torch.zeros(1, 3, 20, 24)
    assert torch.isfinite(make(network, (flat, [flat[0]]), device)(flat + 1).total).all()


def test_variation_is_the_mean_squared_step():
    ramp = torch.arange(5.0).expand(1, 3, 4, 5) * 2
    assert variation(ramp).item() == 4


def test_modes_settle_what_is_left_open(network):
    course = StyleConfig(mode="published").resolve()
    settled = (course.size, course.optimizer, course.lr, course.steps, course.beta, course.tv)
    assert settled == (400, "adam", 0.003, 2000, 1e6, 0.0)
    assert StyleConfig(optimizer="adam").resolve().lr == 0.05
    assert StyleConfig(beta=0.0, steps=7).resolve().beta == 0
    own = settle(StyleConfig(), network)
    assert (own.style_layers, own.content_layer) == (("1", "6"), "8")
    assert settle(replace(own, content_layer="2"), network).content_layer == "2"


def test_weights_that_do_not_match_the_layers_are_refused(network, batch, device):
    with pytest.raises(UserError, match=r"--style-weights 1\.0 2\.0 3\.0: 2 weights"):
        make(network, batch, device, style_weights=(1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 8}, "--size 8: 32 to 4,096"),
        ({"beta": -1.0}, "--beta -1.0: a number of 0 or more"),
        ({"alpha": 0.0, "beta": 0.0}, "--alpha 0.0: a number above 0"),
        ({"lr": 0.0}, "--lr 0.0"),
        ({"steps": 0}, "--steps 0: 1 to 1,000,000"),
        ({"style_weights": (0.0, 0.0)}, "at least one above 0"),
        ({"style_layers": ("a", "a")}, "--style-layers a a: a list without repetition"),
    ],
)
def test_bad_options_are_one_line(options, said):
    with pytest.raises(UserError, match=said):
        StyleConfig(**options)
