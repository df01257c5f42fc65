"""Features are what the layer gave, whatever the layers after it do to them."""

import pytest
import torch
from torch import nn
from torchvision import models

from core.errors import UserError
from core.style.features import Features, choose, gram, stages


def test_an_in_place_relu_does_not_reach_the_features(network, batch):
    pixels = batch[0]
    found = Features(network, ["0", "1", "2", "8"])(pixels)
    x, wanted = pixels, {}
    for name, layer in network.named_children():
        x = layer(x.clone())
        wanted[name] = x.clone()
    for name, features in found.items():
        torch.testing.assert_close(features, wanted[name], rtol=0, atol=0)
    assert found["0"].min() < 0 == found["1"].min()


def test_reading_stops_at_the_last_wanted_layer(network, batch):
    seen = []
    network[4].register_forward_hook(lambda *_: seen.append("pool"))
    network[6].register_forward_hook(lambda *_: seen.append("beyond"))
    Features(network, ["5"])(batch[0])
    assert seen == ["pool"]
    assert sum(len(module._forward_hooks) for module in network) == 2  # ours are gone


def test_features_are_frozen_and_stay_in_evaluation_mode(batch):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    features = Features(network, ["2"]).train()
    before = network[1].running_mean.clone()
    features(batch[0])
    assert torch.equal(network[1].running_mean, before)
    assert not any(value.requires_grad for value in network.parameters())


def test_a_module_that_runs_twice_gives_its_first_output(batch):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.end = nn.ReLU(), nn.Identity()

        def forward(self, x):
            return self.end(self.relu(self.relu(x) - 1))

    found = Features(Twice(), ["relu", "end"])(batch[0])
    torch.testing.assert_close(found["relu"], batch[0].relu())


def test_an_unknown_layer_is_one_line(network):
    with pytest.raises(
        UserError,
        match="--style-layers, --content-layer conv9: modules of the network are wanted: 0, 1",
    ):
        Features(network, ["conv9"])


def test_gram_keeps_the_images_of_a_batch_apart():
    features = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    both = gram(features)
    assert both.shape == (3, 4, 4)
    for index, own in enumerate(features):
        flat = own.reshape(4, 30)
        torch.testing.assert_close(both[index], flat @ flat.T)
    changed = features.clone()
    changed[1] += 1
    torch.testing.assert_close(gram(changed)[[0, 2]], both[[0, 2]], rtol=0, atol=0)


def test_gram_forgets_where_things_are():
    features = torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    shuffled = features.flatten(2)[..., order].reshape(features.shape)
    torch.testing.assert_close(gram(shuffled), gram(features))


@pytest.mark.parametrize(
    ("name", "style", "content"),
    [
        ("vgg19", [f"features.{k}" for k in (1, 6, 11, 20, 29)], "features.22"),
        (
            "mobilenet_v2",
            ["features.0.2", *(f"features.{k}.conv.1.2" for k in (2, 4, 7, 14))],
            "features.8.conv.0.2",
        ),
        ("squeezenet1_1", ["features.1"] + [f"features.{k}.squeeze_activation" for k in (3, 6, 9)],
         "features.9.expand1x1_activation"),
    ],
)  # fmt: skip
def test_layers_are_chosen_by_resolution(name, style, content):
    with torch.device("meta"):
        shell = getattr(models, name)()
    network = shell.to_empty(device="cpu").requires_grad_(False)
    for value in network.parameters():
        value.zero_()
    assert choose(network) == (style, content)
    if name == "vgg19":
        assert choose(network, shallow=True) == (style[:4], "features.13")


def test_a_network_without_activation_modules_gives_its_layers():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, padding=1))
    assert stages(network) == [["0"], ["1"]]


def test_a_transformer_is_refused():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.act = nn.Conv2d(3, 8, 16, 16), nn.GELU()

        def forward(self, x):
            return self.act(self.embed(x).flatten(2).mT)

    with pytest.raises(UserError, match="a convolutional network is wanted"):
        choose(Tokens())
