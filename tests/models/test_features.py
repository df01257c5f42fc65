"""Cached features equal a fresh pass, are computed once per image, and survive damage."""

import copy

import pytest
import torch
from PIL import Image
from torch import nn

from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.images import InMemory
from core.data.sources import load
from core.device import pick
from core.models import backbones
from core.models.features import features, for_inference
from core.models.networks import mlp
from core.models.preparation import Preparation
from core.training.batched import fit_many, predict_many
from core.training.replicas import Replicas
from core.training.single import fit, predict

CPU = pick(DeviceConfig(device="cpu"))


class Colours(nn.Module):
    """A trunk's network that counts the images it sees."""

    seen = 0

    def forward(self, x):
        self.seen += len(x)
        return {"features": x.flatten(2).mean(2)}


@pytest.fixture
def trunk():
    preparation = Preparation(9, 8, "bilinear", (0.5,) * 3, (0.5,) * 3)
    trunk = backbones.Trunk(Colours(), preparation, "colours").freeze()
    trunk.network.seen = 0
    return trunk


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (70, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return InMemory(pixels, labels=torch.arange(70) % 2)


def test_features_are_those_of_a_fresh_pass_and_computed_once(trunk, images, tmp_path):
    first = features(trunk, images, CPU, tmp_path)
    with torch.no_grad():
        fresh = trunk(images.pixels.float() / 255)
    assert torch.allclose(first.pixels[:, :, 0, 0], fresh, atol=1e-6)
    assert torch.equal(first.labels, images.labels)
    trunk.network.seen = 0
    shuffled = torch.randperm(70)
    again = features(trunk, images.take(shuffled), CPU, tmp_path)
    assert torch.equal(again.pixels, first.pixels[shuffled])
    assert trunk.network.seen == 0


def test_only_what_is_new_is_computed(trunk, images, tmp_path):
    features(trunk, images.take(torch.arange(40)), CPU, tmp_path)
    trunk.network.seen = 0
    whole = features(trunk, images, CPU, tmp_path)
    assert trunk.network.seen == 30
    assert torch.equal(whole.pixels, features(trunk, images, CPU, tmp_path / "other").pixels)


def test_other_code_versions_or_kinds_of_device_share_no_features(
    trunk, images, tmp_path, monkeypatch
):
    features(trunk, images, CPU, tmp_path)
    for name, other in (("code_hash", lambda _: "other"), ("versions", lambda: {"torch": "3"})):
        monkeypatch.setattr(f"core.models.features.{name}", other)
        trunk.network.seen = 0
        features(trunk, images, CPU, tmp_path)
        assert trunk.network.seen == 70
    torch.use_deterministic_algorithms(True)
    try:
        trunk.network.seen = 0
        features(trunk, images, CPU, tmp_path)
    finally:
        torch.use_deterministic_algorithms(False)
    assert trunk.network.seen == 70


def test_other_weights_or_preparation_are_other_features(trunk, images, tmp_path):
    features(trunk, images, CPU, tmp_path)
    other = Preparation(9, 8, "bilinear", (0.4,) * 3, (0.5,) * 3)
    changed = backbones.Trunk(trunk.network, other, "colours").freeze()
    trunk.network.seen = 0
    features(changed, images, CPU, tmp_path)
    assert trunk.network.seen == 70
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:50],
        lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
    ],
    ids=["cut", "a bit"],
)
def test_a_damaged_file_is_made_anew(trunk, images, tmp_path, damage):
    first = features(trunk, images, CPU, tmp_path)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(damage(path.read_bytes()))
    assert torch.equal(features(trunk, images, CPU, tmp_path).pixels, first.pixels)


def test_a_trunk_that_may_change_is_refused(trunk, images, tmp_path):
    trunk.is_frozen = False
    with pytest.raises(ValueError, match="not frozen"):
        features(trunk, images, CPU, tmp_path)


@pytest.fixture
def folder(tmp_path):
    for label, colour in (("blue", (0, 0, 200)), ("red", (200, 0, 0))):
        place = tmp_path / "set" / label
        place.mkdir(parents=True)
        for index in range(9):
            noise = Image.effect_noise((20 + index, 30), 90 + 9 * index).convert("RGB")
            shade = Image.new("RGB", noise.size, colour)
            Image.blend(noise, shade, 0.5).save(place / f"{index}.png")
    return DataConfig(data=f"folder:{tmp_path / 'set'}")


def test_a_folder_is_prepared_by_the_backbone_in_memory_and_on_disk_alike(trunk, folder, tmp_path):
    held = load(folder, trunk.preparation).train
    on_disk = load(DataConfig(data=folder.data, memory=0), trunk.preparation).train
    assert held.shape == on_disk.shape == (3, 8, 8)
    one = features(trunk, held, CPU, tmp_path / "held")
    other = features(trunk, on_disk, CPU, tmp_path / "disk")
    assert torch.equal(one.pixels, other.pixels)
    with Image.open(on_disk.files.paths[0]) as image:
        expected = torch.from_numpy(trunk.preparation(image.convert("RGB")))
    assert torch.equal(held.pixels[0], expected)
    wider = Preparation(10, 8, "bilinear", (0.5,) * 3, (0.5,) * 3)
    assert set(on_disk.digests()).isdisjoint(load(folder, wider).train.digests())


def test_heads_of_all_seeds_train_on_features_as_on_images(trunk, images, tmp_path):
    made = features(trunk, images, CPU, tmp_path)
    config = TrainConfig(epochs=2, batch_size=16, lr=0.1)
    models = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        models.append(mlp(made.shape, 2, hidden=()))
    alone = [mlp(made.shape, 2, hidden=()) for _ in models]
    for twin, model in zip(alone, models, strict=True):
        twin.load_state_dict(model.state_dict())
    replicas = Replicas([[model] for model in models], (0, 1), CPU)
    list(fit_many(replicas, made, made, config))
    many = predict_many(replicas, made)
    for seed, model in enumerate(alone):
        list(fit(model, made, None, config, seed, CPU))
        assert torch.allclose(predict(model, made, CPU), many[seed, 0], atol=1e-5)


def test_a_head_on_the_cache_learns_what_the_courses_loop_would(trunk, images, tmp_path):
    """The course passes every image through the frozen network again in every epoch."""
    config = TrainConfig(epochs=3, batch_size=16, lr=0.1)
    made = features(trunk, images, CPU, tmp_path)
    torch.manual_seed(0)
    head = mlp(made.shape, 2, hidden=())
    whole = nn.Sequential(trunk, *copy.deepcopy(head))
    list(fit(head, made, None, config, 0, CPU))
    list(fit(whole, images, None, config, 0, CPU))
    assert torch.allclose(predict(head, made, CPU), predict(whole, images, CPU), atol=1e-5)


def test_batch_norms_are_folded_in_float32_alone(monkeypatch):
    """In bfloat16 what is rounded would no longer be the layers' own weights."""
    whole, folded = backbones.load("resnet18", "random").trunk().freeze(), []
    monkeypatch.setattr(backbones.Trunk, "folded", lambda trunk: folded.append(trunk) or trunk)
    for_inference(whole, pick(DeviceConfig(device="cpu", precision="bfloat16")))
    assert not folded
    for_inference(whole, CPU)
    assert folded == [whole]
