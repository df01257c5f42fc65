"""D3 and D4 follow the calls, leave hard ones out, and are not tested without weights."""

import numpy as np
import pytest
from scipy import stats

from core.trials import Record, Shared, Trial
from reports.detectors.exhibits import chosen, thresholds
from reports.judge import exhibits, judge

KINDS = ("dogs", "people", "others", "hard")


@pytest.fixture
def study(invent):
    """Return a maker of studies in which a network calls a dog what has a mass above one half.

    make(sizes of kinds, weights, backbone=mass): all networks have the same weights.
    """

    def make(sizes, weights="imagenet", **masses):
        of = np.repeat(np.arange(4), sizes)
        images = tuple(f"i{n}" for n in range(len(of)))
        facts = {"of": of, "half": np.arange(len(of)) % 2, "in": of}
        shared = Shared(
            {"image": images, "kind": KINDS, "folder": KINDS, "class": ("a thing",)},
            {name: (("image",), values) for name, values in facts.items()},
        )
        trials = {}
        for arm, mass in masses.items():
            arrays = {
                "mass": (("image",), mass),
                "called": (("image",), (mass > 0.5).astype(np.uint8)),
                "top": (("image",), np.zeros(len(of), np.int64)),
                "surprising": (("surprise",), np.argsort(-np.abs(mass - (of == 0)))[:8]),
                "picture": (("surprise", "y", "x", "channel"), np.zeros((8, 4, 4, 3), np.uint8)),
            }
            trials[Trial(arm, 0, (("weights", weights),))] = Record({"seconds/image": 0.1}, arrays)
        return invent("dog_detectors", trials, shared, name="dogImages + lfw"), of

    return make


def masses(of, wrong=0):
    mass = np.where(of == 0, 0.9, 0.1)
    mass[of == 3] = 0.99  # every wolf is called a dog: a comment, no part of the verdict
    mass[:wrong] = 0.2
    return mass


def test_d3_and_d4_follow_the_calls_and_leave_hard_ones_out(study):
    sizes = (400, 300, 300, 100)
    of = np.repeat(np.arange(4), sizes)
    good, poor = masses(of), masses(of, 60)
    found = judge(study(sizes, vgg16=poor, resnet18=good)[0])
    assert found["D3"].verdict == "refuted"  # 85 % of dogs
    assert found["D4"].verdict == "supported"
    (part,) = found["D4"].decision.parts.values()
    assert part.estimate.value == pytest.approx(0.06)
    assert "ResNet-18 on 60, VGG16 on 0 images" in found["D4"].decision.comment
    assert "100.0 % (" in found["D3"].decision.comment
    assert found["D3"].as_published
    swapped = judge(study(sizes, vgg16=good, resnet18=poor)[0])
    assert swapped["D3"].verdict == "supported"
    assert swapped["D4"].verdict == "refuted"
    assert judge(study(sizes, vgg16=masses(of, 2), resnet18=good)[0])["D4"].verdict == "undecided"


def test_false_alarms_refute_d3(study):
    sizes = (200, 200, 200, 10)
    of = np.repeat(np.arange(4), sizes)
    noisy = masses(of)
    noisy[200:260] = 0.9
    assert judge(study(sizes, vgg16=noisy)[0])["D3"].verdict == "refuted"


@pytest.mark.parametrize(("alarms", "verdict"), [(0, "supported"), (2, "undecided")])
def test_of_the_published_100_people_2_leave_d3_open(study, alarms, verdict):
    sizes = (100, 100, 0, 0)
    mass = masses(np.repeat(np.arange(4), sizes))
    mass[150 : 150 + alarms] = 0.9
    entry = judge(study(sizes, vgg16=mass)[0])["D3"]
    assert entry.verdict == verdict
    assert entry.decision.comment == ""  # without wolves there is nothing to say of them


def test_a_call_is_wrong_of_a_dog_and_of_anything_else(study):
    """ResNet-18 misses 3 dogs, VGG16 takes 15 things for dogs: 15 against 3."""
    sizes = (100, 50, 50, 0)
    of = np.repeat(np.arange(4), sizes)
    resnet, vgg = masses(of, 3), masses(of)
    vgg[-15:] = 0.9
    entry = judge(study(sizes, vgg16=vgg, resnet18=resnet)[0])["D4"]
    assert entry.decision.estimate.value == pytest.approx(12 / 200)
    p = stats.binomtest(15, 18, alternative="greater").pvalue
    assert entry.decision.p_supported == pytest.approx(2 * p)  # Holm over D3 and D4
    assert entry.verdict == "supported"


def test_random_and_missing_weights_decide_nothing(study):
    one, other = np.full(80, 0.1), np.full(80, 0.9)
    found = judge(study((20, 20, 20, 20), "random", vgg16=one, resnet18=other)[0])
    assert found["D3"].verdict == found["D4"].verdict == "not tested"
    assert "It takes ImageNet weights of vgg16, which torchvision" in found["D3"].lacking
    alone, _ = study((20, 20, 20, 20), "9f3c", vgg16=other)
    assert judge(alone)["D3"].verdict == "refuted"  # it calls everything a dog
    assert "weights of resnet18, which" in judge(alone)["D4"].lacking


def test_an_image_is_never_called_by_a_threshold_that_it_chose(study):
    sizes = (40, 40, 40, 10)
    of = np.repeat(np.arange(4), sizes)
    mass = np.random.default_rng(0).random(130) * 0.5 + 0.5 * (of == 0)
    made, _ = study(sizes, a=mass)
    whole = chosen(made, mass)
    for half, threshold in thresholds(made, mass).items():
        changed, members = mass.copy(), made["half"].values == half
        changed[members] = 0.7
        assert thresholds(made, changed)[half] == threshold
        assert np.array_equal(whole[members], mass[members] >= threshold)
    hard = mass.copy()
    hard[of == 3] = 1
    assert thresholds(made, hard) == thresholds(made, mass)


def test_exhibits_count_by_kind_and_list_the_most_surprising_first(study):
    sizes = (10, 10, 10, 10)
    of = np.repeat(np.arange(4), sizes)
    mass = masses(of)
    mass[0], mass[15] = 0.3, 0.8
    made, _ = study(sizes, vgg16=mass)
    shown = exhibits(made)
    frame = shown["detectors"].frame()
    rule = frame[frame["rule"] == "index rule"].set_index("kind")
    assert rule["images so taken"].to_dict() == {"dogs": 9, "people": 1, "others": 0, "hard": 10}
    interval = stats.binomtest(9, 10).proportion_ci(method="wilson")
    ends = [f"taken for a dog{end}" for end in ("", "_low", "_high")]
    assert rule.loc["dogs", ends].tolist() == pytest.approx([0.9, interval.low, interval.high])
    assert shown["speed"].frame()["images a second"].tolist() == [pytest.approx(10)]
    wrong = shown["mistakes"].frame()
    assert wrong["file"].tolist()[:10] == [f"i{n}" for n in range(30, 40)]
    assert set(wrong["file"].tolist()[10:]) == {"i0", "i15"}
    assert "pairs" not in shown


def test_two_networks_are_compared_without_the_hard_images(study):
    sizes = (40, 40, 40, 40)
    of = np.repeat(np.arange(4), sizes)
    frame = exhibits(study(sizes, a=masses(of), b=masses(of, 8))[0])["pairs"].frame()
    (row,) = frame.to_dict("records")
    assert (row["a"], row["b"], row["only a right"], row["only b right"]) == ("a", "b", 8, 0)
    assert (row["images"], row["difference"]) == (120, pytest.approx(8 / 120))
    assert row["p"] == pytest.approx(2 * 0.5**8)
    assert row["difference_low"] > 0
