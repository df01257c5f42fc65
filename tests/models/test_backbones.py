"""Backbones equal torchvision's own networks; frozen trunks stay as they are."""

import copy
import re
import urllib.error
from hashlib import sha256

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from core.errors import UserError
from core.models import backbones, weights
from core.models.config import BackboneConfig
from core.models.preparation import Preparation


def photo(width=300, height=260):
    noise = np.random.default_rng(0).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def as_pixels(backbone, image):
    return torch.from_numpy(backbone.preparation(image))[None].float() / 255


@pytest.fixture(scope="module")
def resnet():
    return backbones.load("resnet18", "random", seed=3)


@pytest.mark.parametrize(
    ("name", "width", "stages"),
    [("resnet18", 512, 5), ("vgg16", 4096, 13), ("mobilenet_v2", 1280, 19), ("vit_b_16", 768, 13)],
)
def test_logits_are_torchvisions_and_trunk_and_head_give_them_again(name, width, stages):
    backbone = backbones.load(name, "random")
    image = photo()
    reference = models.get_model_weights(name).IMAGENET1K_V1.transforms()(image)[None]
    with torch.no_grad():
        expected = backbone.network(reference)
        assert torch.equal(backbone(as_pixels(backbone, image)), expected)
        trunk = backbone.trunk()
        found = trunk.freeze()(as_pixels(backbone, image))
        head = backbone.network.get_submodule(backbones._head(backbone.network))
        assert torch.allclose(head(found), expected, atol=1e-5)
    assert (trunk.width, backbone.n_stages) == (width, stages)
    assert len(backbone.classes) == 1000


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "densenet121", "vit_b_16"])
def test_a_folded_trunk_has_the_same_features_without_batch_norm(name):
    trunk = backbones.load(name, "random").trunk().freeze()
    norms = [m for m in trunk.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:  # a new one hardly does anything
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        norm.bias.data.normal_()
    pixels, before = torch.rand(2, *trunk.preparation.shape), backbones.digest(trunk)
    folded = trunk.folded()
    with torch.no_grad():
        expected = trunk(pixels)
        assert torch.allclose(folded(pixels), expected, rtol=1e-4, atol=1e-5 * expected.abs().max())
    left = [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(left) == (62 if name == "densenet121" else 0)  # most of it stands before the layers
    assert folded.is_frozen
    assert not any(value.requires_grad for value in folded.parameters())
    assert backbones.digest(trunk) == before


def test_a_trunk_that_lies_on_another_device_is_measured_there():
    class Network(nn.Conv2d):
        def forward(self, x):
            self.seen = x.device.type
            return {"features": super().forward(x)}

    network = Network(3, 5, 3).to("meta")  # as a trunk on a GPU is folded
    preparation = Preparation(9, 8, "bilinear", (0.5,) * 3, (0.5,) * 3)
    assert backbones.Trunk(network, preparation, "one layer").width == 5
    assert network.seen == "meta"


def test_a_cut_gives_the_pooled_output_of_the_stages_before_it(resnet):
    image = as_pixels(resnet, photo())
    with torch.no_grad():
        x, net = resnet.preparation.normalise(image), resnet.network
        x = net.layer2(net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(x))))))
        assert torch.allclose(resnet.cut(3)(image), x.mean((2, 3)), atol=1e-6)
    assert not any("layer3" in name for name, _ in resnet.cut(3).named_parameters())
    for stages in (0, 6):
        with pytest.raises(ValueError, match="wanted 1 to 5 of resnet18"):
            resnet.cut(stages)


def test_grey_and_small_images_are_taken(resnet):
    with torch.no_grad():
        grey = torch.rand(2, 1, 28, 28)
        assert torch.equal(resnet(grey), resnet(grey.expand(-1, 3, -1, -1)))


def test_only_the_unfrozen_drift(resnet):
    step = torch.rand(4, 3, 64, 64)
    drifting = copy.deepcopy(resnet.trunk()).requires_grad_(False)
    with pytest.raises(RuntimeError, match="another hash"), backbones.unchanged(drifting):
        drifting.train()(step)
    frozen = copy.deepcopy(resnet.trunk()).freeze()
    model = nn.Sequential(frozen, nn.Linear(frozen.width, 2)).train()
    with backbones.unchanged(frozen):
        model(step).sum().backward()
    assert model[1].training
    assert backbones.trainable(model) == {"1.weight": 1024, "1.bias": 2}


def test_the_hash_sees_parameters_and_buffers(resnet):
    trunk = copy.deepcopy(resnet.trunk())
    before = backbones.digest(trunk)
    assert before == backbones.digest(copy.deepcopy(trunk))
    for name in ("network.bn1.running_var", "network.layer4.1.conv2.weight"):
        value = trunk.state_dict()[name]
        value.flatten()[0] += 1
        assert backbones.digest(trunk) != before
        value.flatten()[0] -= 1


def test_random_weights_follow_the_seed():
    first, again, other = (backbones.load("squeezenet1_1", "random", seed) for seed in (1, 1, 2))
    assert backbones.digest(first) == backbones.digest(again) != backbones.digest(other)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_weights_is_taken_over_to_the_bit(tmp_path, suffix):
    source = backbones.load("squeezenet1_1", "random", seed=5)
    path = tmp_path / f"own{suffix}"
    state = source.network.state_dict()
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    loaded = backbones.load("squeezenet1_1", str(path))
    assert backbones.digest(loaded) == backbones.digest(source)
    assert loaded.weights == path.name


def test_a_fingerprint_tells_the_content_of_weights(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"one")
    one = weights.fingerprint(str(path), "resnet18")
    assert one == sha256(b"one").hexdigest()
    path.write_bytes(b"other")
    assert weights.fingerprint(str(path), "resnet18") == sha256(b"other").hexdigest()
    official = weights.fingerprint("imagenet", "resnet18")
    assert official == "ResNet18_Weights.IMAGENET1K_V1 resnet18-f37072fd.pth"
    assert [weights.fingerprint(word, "cnn") for word in ("random", "digits")] == [
        "random",
        "digits",
    ]
    with pytest.raises(UserError, match="no such file; imagenet, random or a file is wanted"):
        weights.fingerprint(str(tmp_path / "w2.pth"), "resnet18")


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path):
    state = models.squeezenet1_1().state_dict()
    cases = {
        "missing": dict(list(state.items())[1:]),
        "unknown": {**state, "extra": torch.zeros(1)},
        "of another shape": {**state, "classifier.1.bias": torch.zeros(10)},
        "names to tensors": {"epoch": 3},
    }
    for word, content in cases.items():
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(UserError, match=word) as caught:
            backbones.load("squeezenet1_1", str(tmp_path / "w.pth"))
        assert "\n" not in str(caught.value)
    (tmp_path / "w.pth").write_bytes(b"")
    with pytest.raises(UserError, match=r"this is not one: EOFError$"):
        weights.read(tmp_path / "w.pth")
    with pytest.raises(UserError, match=rf"^--weights {tmp_path}: a folder; imagenet, random or"):
        weights.fingerprint(str(tmp_path), "resnet18")
    for text in ("hello", "<html>", "not weights"):
        (tmp_path / "w.pth").write_text(text)
        with pytest.raises(UserError, match=r"this is not one: torch\.save did not write it$"):
            backbones.load("squeezenet1_1", str(tmp_path / "w.pth"))
    with pytest.raises(UserError, match="no such file"):
        backbones.load("squeezenet1_1", str(tmp_path / "none.pth"))


def test_code_in_a_file_of_weights_does_not_run(tmp_path):
    torch.save(nn.Linear(1, 1), tmp_path / "model.pth")  # a pickled object
    with pytest.raises(UserError, match="Weights only load failed"):
        backbones.load("squeezenet1_1", str(tmp_path / "model.pth"))


def test_offline_the_error_names_the_file_and_its_place(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    place = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    with pytest.raises(UserError, match=re.escape(f"{place} and cannot be downloaded")):
        backbones.load("resnet18")
    place.parent.mkdir(parents=True, exist_ok=True)
    source = backbones.load("resnet18", "random", seed=7)
    torch.save(source.network.state_dict(), place)
    assert backbones.digest(backbones.load("resnet18")) == backbones.digest(source)


def test_old_names_of_densenet_are_read():
    network = models.densenet121()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12]\.)", r"\1.\2", key): value + 1
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    weights.fill(network, old, "densenet121", "file")
    found = network.state_dict()["features.denseblock1.denselayer1.norm1.weight"]
    assert torch.equal(found, old["features.denseblock1.denselayer1.norm.1.weight"])


def test_an_unknown_name_is_refused_with_near_ones():
    with pytest.raises(UserError, match=r"such as .*resnet18"):
        backbones.load("resnet81", "random")


def test_weights_go_with_backbones():
    pairs = BackboneConfig(backbones=("vgg16", "resnet18"), weights=("random",)).pairs
    assert pairs == {"vgg16": "random", "resnet18": "random"}
    own = BackboneConfig(backbones=("vgg16", "resnet18"), weights=("imagenet", "a/b.pth"))
    assert own.pairs == {"vgg16": "imagenet", "resnet18": "a/b.pth"}
    for bad in ({"weights": ("random",) * 3}, {"backbones": ()}, {"backbones": ("vgg16",) * 2}):
        with pytest.raises(UserError, match="is wanted"):
            BackboneConfig(**bad)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_are_refused_with_their_names(tmp_path, suffix, value):
    state = models.squeezenet1_1().state_dict()
    state["features.0.bias"][3] = value
    path = tmp_path / f"broken.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    with pytest.raises(UserError) as error:
        backbones.load("squeezenet1_1", str(path))
    assert str(error.value) == (
        f"--weights {path}: finite numbers are wanted; 1 of {len(state)} tensors hold others: "
        "features.0.bias"
    )


def test_tensors_of_another_kind_are_no_state_dict(tmp_path):
    for value in (
        torch.eye(3).to_sparse(),
        torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8),
    ):
        torch.save({"weight": value}, tmp_path / "odd.pth")
        with pytest.raises(UserError, match="a state dict, names to tensors, is wanted"):
            weights.read(tmp_path / "odd.pth")
