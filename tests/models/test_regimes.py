"""Strategies: what they begin with, what they train, and advice on tasks of known kinds."""

import numpy as np
import pytest
import torch

from core.config import TrainConfig
from core.data.images import InMemory
from core.device import Device
from core.models.advisor import Advice, advise, stage_features
from core.models.backbones import digest, trainable
from core.models.networks import staged_cnn
from core.models.regimes import COURSE, STRATEGIES, build
from core.training.replicas import Replicas, fit_many

CPU = Device(torch.device("cpu"), bfloat16=False)
SHAPE = (1, 16, 16)


@pytest.fixture(scope="module")
def pretrained():
    torch.manual_seed(3)
    return staged_cnn(SHAPE, 5)


def images(n=40, seed=0):
    pixels = torch.randint(0, 256, (n, *SHAPE), generator=torch.Generator().manual_seed(seed))
    return InMemory(pixels.to(torch.uint8), labels=torch.arange(n) % 2)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_keeps_what_it_says_and_trains_what_it_says(pretrained, name):
    strategy, before = STRATEGIES[name], digest(pretrained)
    model = build(strategy, pretrained, SHAPE, 2, seed=1)
    assert digest(pretrained) == before
    stages = [child for child, _ in model.named_children()]
    assert stages == [f"stage{i}" for i in range(1, strategy.stages + 1)] + ["head"]
    trained = {key.split(".")[0] for key in trainable(model)}
    assert trained == ({"head"} if strategy.frozen else set(stages))
    ours, theirs = (net.stage1[0].weight.detach() for net in (model, pretrained))
    assert torch.equal(ours, theirs) == (strategy.begin == "pretrained")
    same_values = torch.equal(ours.flatten().sort()[0], theirs.flatten().sort()[0])
    assert same_values == (strategy.begin in ("pretrained", "shuffled"))
    assert model(torch.rand(3, *SHAPE)).shape == (3, 2)


def test_strategies_of_a_seed_begin_with_the_same_head(pretrained):
    heads = [
        build(STRATEGIES[name], pretrained, SHAPE, 2, seed=1).head[-1].weight
        for name in ("head", "fine-tune", "scratch", "statistics", "shuffled")
    ]
    assert all(torch.equal(head, heads[0]) for head in heads)
    other = build(STRATEGIES["head"], pretrained, SHAPE, 2, seed=2).head[-1].weight
    assert not torch.equal(other, heads[0])


def test_replicas_train_the_head_alone_where_the_rest_is_frozen(pretrained):
    models = [build(STRATEGIES["head"], pretrained, SHAPE, 2, seed) for seed in (0, 1)]
    replicas = Replicas([[model] for model in models], (0, 1), CPU)
    list(fit_many(replicas, images(), None, TrainConfig(epochs=3, batch_size=8, lr=0.05)))
    for index, model in enumerate(models):
        before, after = dict(model.named_parameters()), replicas.weights(index)
        for name, value in after.items():
            assert torch.equal(value, before[name]) == name.startswith("stage")


def test_stage_features_are_the_pooled_outputs(pretrained):
    part = images(6)
    found = stage_features(pretrained, part)
    assert [row.shape for row in found] == [(6, 32), (6, 64), (6, 128)]
    x = pretrained.stage2(pretrained.stage1(part.pixels.float() / 255))
    expected = torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1).detach()
    assert np.allclose(found[1], expected, atol=1e-6)


def test_the_sources_own_images_are_near_and_noise_is_far(pretrained):
    source = images(200)
    near = advise(pretrained, source, images(60, seed=1))
    far = InMemory((images(60, seed=2).pixels // 8), labels=torch.arange(60) % 2)  # dark
    assert near.distance < 0.4 < 1 < advise(pretrained, source, far).distance
    assert near.per_class == 30
    assert all(0 <= probe <= 1 for probe in near.probes)


@pytest.mark.parametrize(
    ("probes", "per_class", "cell"),
    [
        ((0.5, 0.6, 0.7), 10, ("small", "similar")),
        ((0.7, 0.9, 0.6), 10, ("small", "different")),
        ((0.5, 0.6, 0.5), 50, ("large", "similar")),
        ((0.7, 0.6, 0.6), 500, ("large", "different")),
    ],
)
def test_the_advice_is_the_courses_for_what_was_measured(probes, per_class, cell):
    advice = Advice(probes, 1.0, per_class)
    assert (advice.size, advice.similarity) == cell
    assert advice.strategy == COURSE[cell]
