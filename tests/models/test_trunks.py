"""Trunks take images of the size asked for; a head takes features and pictures alike."""

import pytest
import torch

from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.images import InMemory
from core.data.sources import load
from core.device import pick
from core.evaluation.roc import auc
from core.models.features import features
from core.models.trunks import pretrained, trunk, with_head
from core.training.single import fit, predict

SHAPE = (3, 16, 16)


@pytest.fixture(scope="module")
def device():
    return pick(DeviceConfig(device="cpu"))


@pytest.fixture(scope="module")
def base(device):
    return pretrained("cnn", "digits", SHAPE, device)


def weights(model):
    return [value for value in model.parameters() if value.dim() > 1]


def test_random_trunks_follow_their_seed():
    one, same, other = (weights(trunk("cnn", "random", SHAPE, seed)) for seed in (1, 1, 2))
    assert all(map(torch.equal, one, same))
    assert not torch.equal(one[0], other[0])


def test_digits_leave_their_mark(base):
    untrained = trunk("cnn", "random", SHAPE, 0)
    assert not torch.equal(weights(base)[0], weights(untrained)[0])
    assert not base.training


def test_a_head_takes_pictures_and_features(base):
    whole = with_head(base, SHAPE, 3, 0).eval()
    pixels = torch.rand(4, *SHAPE)
    features_ = base(pixels)
    assert whole(pixels).shape == (4, 3)
    assert torch.allclose(whole(pixels), whole[1](features_[:, :, None, None]), atol=1e-6)


def test_a_backbone_takes_images_of_the_size_asked_for():
    model = trunk("mobilenet_v2", "random", (3, 64, 64), 0)
    assert model.preparation.shape == (3, 64, 64)
    seen = []
    first = next(module for module in model.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 1280)
    assert seen == [(2, 3, 64, 64)]


@pytest.mark.slow
@pytest.mark.real_data
def test_imagenets_features_find_melanomas(real_data, device, tmp_path):
    root, file = real_data("isic2017").parent, real_data("../weights/mobilenet_v2_imagenet.pth")
    splits = load(DataConfig(data="isic2017", data_root=root, size=64))
    frozen = pretrained("mobilenet_v2", str(file), splits.train.shape, device).freeze()
    train, val, test = (
        features(frozen, images, device, tmp_path)
        for images in (splits.train, splits.val, splits.test)
    )
    head = with_head(frozen, splits.train.shape, 3, 0)[1]
    for _ in fit(head, train, val, TrainConfig(epochs=6, keep="best"), 0, device):
        pass
    area = auc(
        predict(head, InMemory(test.pixels, labels=test.labels), device)[:, 0], test.labels == 0
    )
    assert area.value > 0.65
    assert area.low > 0.5
