"""The index rule on ImageNet's own classes, and the probability of all breeds."""

import numpy as np
import pytest
import torch

from core.detection.dogs import FIRST, LAST, check_classes, dog_mass, is_dog, is_nearly_dog
from core.errors import UserError
from core.models.backbones import class_names


@pytest.mark.parametrize("network", ["vgg16", "resnet18", "mobilenet_v2", "inception_v3"])
def test_torchvisions_classes_151_to_268_are_the_118_breeds(network):
    names = class_names(network)
    check_classes(names, network)
    breeds = names[FIRST : LAST + 1]
    assert (len(breeds), breeds[0], breeds[-1]) == (118, "Chihuahua", "Mexican hairless")
    assert not {"timber wolf", "dingo", "African hunting dog", "red fox", "tabby"} & set(breeds)


@pytest.mark.parametrize("shift", [1, -1])
def test_classes_shifted_by_one_are_refused(shift):
    names = np.roll(class_names("vgg16"), shift).tolist()
    with pytest.raises(UserError, match="or classes 151 to 268 are not the dogs"):
        check_classes(names, "other")
    with pytest.raises(UserError, match="1000 classes is wanted, this one has 1001"):
        check_classes(["background", *class_names("vgg16")], "other")


def test_the_rule_takes_both_ends_and_nothing_beyond():
    logits = torch.full((6, 1000), -5.0)
    for row, index in enumerate((150, 151, 268, 269)):
        logits[row, index] = 5
    logits[5] = torch.nan
    assert is_dog(logits).tolist() == [False, True, True, False, False, False]


def test_the_mass_is_the_sum_of_the_softmax_over_breeds():
    logits = torch.randn(2, 7, 1000, generator=torch.Generator().manual_seed(0)) * 4
    expected = logits.double().softmax(-1)[..., FIRST : LAST + 1].sum(-1)
    assert torch.allclose(dog_mass(logits), expected, rtol=1e-12)


def test_breeds_that_share_the_evidence_lose_by_the_rule_and_win_by_mass():
    logits = torch.full((1000,), -20.0)
    logits[151:155], logits[0] = 1.0, 1.5
    assert not is_dog(logits)
    assert dog_mass(logits) > 0.7


def test_a_great_lead_gives_neither_nan_nor_more_than_one():
    logits = torch.zeros(2, 1000)
    logits[0, 200], logits[1, 0] = 5000, 5000
    assert dog_mass(logits).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "nearly"),
    [
        ("n02114548_white_wolf", True),
        ("n02119789_kit_fox", True),
        ("n02123159_tiger_cat", True),
        ("n02116738_African_hunting_dog", True),
        ("cat.1000", True),
        ("n02443114_polecat", False),
        ("n02981792_catamaran", False),
        ("n02099601_golden_retriever", False),
    ],
)
def test_wolves_foxes_and_cats_are_told_by_whole_words(name, nearly):
    assert is_nearly_dog(name) == nearly
