"""A kept network: the same answers after loading, from pictures of any size, and no other file."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from core.data.decode import scale
from core.errors import UserError
from core.models import backbones, kept
from core.models.networks import linear_head, scratch_cnn
from core.models.trunks import trunk, with_head

PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40 + seed, 50, 3), np.uint8))
    for seed in range(3)
]


def linear():
    body = backbones.load("resnet18", "random", seed=3).trunk()
    return nn.Sequential(body, *linear_head(body.width, 2, 3))


def standardised(name, shape):
    whole = with_head(trunk(name, "random", shape, 5), shape, 2, 5)
    for pixels in torch.rand(4, 6, *shape):  # statistics that are not those of a new network
        whole.train()(pixels)
    return whole


NETWORKS = {
    "scratch": ("cnn", (3, 32, 32), lambda: scratch_cnn((3, 32, 32), 2)),
    "linear": ("resnet18", (3, 224, 224), linear),
    "standardised": ("cnn", (1, 24, 24), lambda: standardised("cnn", (1, 24, 24))),
    "standardised, torchvision's": (
        "resnet18",
        (3, 32, 32),
        lambda: standardised("resnet18", (3, 32, 32)),
    ),
}


@pytest.fixture(params=NETWORKS)
def saved(request, tmp_path):
    """Return the network, its file, and what its pictures are prepared by if not by scaling."""
    name, shape, build = NETWORKS[request.param]
    network, kind = build().eval(), request.param.partition(",")[0]
    preparation = backbones.load(name, "random").preparation if kind == "linear" else None
    card = SimpleNamespace(shape=shape, classes=("a", "b"))
    (content,) = kept.files(network, kind, name, card, preparation).values()
    (tmp_path / "network.safetensors").write_bytes(content)
    return network, tmp_path / "network.safetensors", preparation, shape


def test_saved_and_loaded_it_answers_alike(saved):
    network, path, preparation, shape = saved
    found = kept.load(path)
    assert found.classes == ("a", "b")
    assert not found.network.training
    if shape[0] == 1:
        greys = [image.convert("L").convert("RGB") for image in PICTURES]
        pixels = [scale(image, shape[1:])[:1] for image in greys]
    else:
        pixels = [(preparation or (lambda x: scale(x, shape[1:])))(each) for each in PICTURES]
    with torch.no_grad():
        expected = network(torch.from_numpy(np.stack(pixels)).float() / 255).softmax(-1)
    assert torch.allclose(found.probabilities(PICTURES), expected, atol=1e-6)
    assert expected.std(0).min() > 0  # pictures differ


def test_other_files_are_refused_in_one_line(saved, tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    for name in ("other", "text", "missing"):
        with pytest.raises(UserError, match="a kept network is wanted") as caught:
            kept.load(tmp_path / f"{name}.safetensors")
        assert "\n" not in str(caught.value)
