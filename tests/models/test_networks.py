"""The course's networks have the course's sizes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.errors import UserError
from core.models.backbones import digest, trainable
from core.models.networks import STAGES, mlp, scratch_cnn, staged_cnn, transferred
from core.models.strategies import DEPTH, STRATEGIES


def size(model):
    return sum(value.numel() for value in model.parameters())


def test_the_mlp_is_the_courses():
    """FACTS 1.1: 784-256-128-10, ReLU and dropout 0.2 twice."""
    model = mlp((1, 28, 28), 10)
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [
        (784, 256),
        (256, 128),
        (128, 10),
    ]
    assert size(model) == 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    kinds = [type(layer).__name__ for layer in model]
    assert kinds == ["Flatten", *["Linear", "ReLU", "Dropout"] * 2, "Linear"]
    assert [layer.p for layer in model if isinstance(layer, nn.Dropout)] == [0.2, 0.2]


def test_the_scratch_cnn_is_the_courses():
    """FACTS 0.8 and 1.6: 2,304 features at 224 pixels, 1,271,973 parameters for 133 breeds."""
    model = scratch_cnn((3, 224, 224), 133)
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [
        (2304, 512),
        (512, 133),
    ]
    assert size(model) == 1_271_973
    convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
    assert [layer.stride[0] for layer in convolutions] == [2, 2, 1]
    assert [layer.padding[0] for layer in convolutions] == [1, 1, 0]


@given(
    st.tuples(st.sampled_from([1, 3]), st.integers(1, 12), st.integers(1, 12)),
    st.integers(2, 7),
    st.lists(st.integers(1, 9), max_size=3),
    st.integers(1, 4),
)
def test_mlp_shapes_follow_the_data(shape, n_classes, hidden, batch):
    model = mlp(shape, n_classes, hidden)
    assert model(torch.zeros(batch, *shape)).shape == (batch, n_classes)


@settings(max_examples=30)
@given(st.sampled_from([1, 3]), st.integers(16, 130), st.integers(16, 130), st.integers(2, 5))
def test_cnn_shapes_follow_the_data(channels, height, width, n_classes):
    shape = (channels, height, width)
    assert scratch_cnn(shape, n_classes)(torch.zeros(2, *shape)).shape == (2, n_classes)


@pytest.mark.parametrize("shape", [(3, 15, 64), (1, 8, 8)])
def test_images_too_small_for_three_poolings_are_refused(shape):
    with pytest.raises(UserError, match=r"--network cnn: images of .* 16x16 or more are wanted"):
        scratch_cnn(shape, 2)


@pytest.fixture(scope="module")
def pretrained():
    torch.manual_seed(3)
    return staged_cnn((1, 16, 16), 5)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_keeps_what_it_says_and_trains_what_it_says(pretrained, name):
    strategy, before = STRATEGIES[name], digest(pretrained)
    model = transferred(strategy, pretrained, (1, 16, 16), 2, seed=1)
    assert digest(pretrained) == before
    stages = [child for child, _ in model.named_children()]
    assert stages == [f"stage{i}" for i in range(1, strategy.stages + 1)] + ["head"]
    trained = {key.split(".")[0] for key in trainable(model)}
    assert trained == ({"head"} if strategy.frozen else set(stages))
    ours, theirs = (net.stage1[0].weight.detach() for net in (model, pretrained))
    assert torch.equal(ours, theirs) == (strategy.begin == "pretrained")
    same_values = torch.equal(ours.flatten().sort()[0], theirs.flatten().sort()[0])
    assert same_values == (strategy.begin in ("pretrained", "shuffled"))
    assert model(torch.rand(3, 1, 16, 16)).shape == (3, 2)


def test_strategies_of_a_seed_begin_with_the_same_head(pretrained):
    whole = [name for name, strategy in STRATEGIES.items() if strategy.stages == DEPTH]
    assert len(STAGES) == DEPTH
    assert whole == ["head", "fine-tune", "scratch", "statistics", "shuffled"]
    first, *others = (
        transferred(STRATEGIES[name], pretrained, (1, 16, 16), 2, seed=1).head[-1].weight
        for name in whole
    )
    assert all(torch.equal(head, first) for head in others)
    other = transferred(STRATEGIES["head"], pretrained, (1, 16, 16), 2, seed=2).head[-1].weight
    assert not torch.equal(other, first)
