"""D3 and D4 follow the calls, leave hard ones out, and are not tested without weights."""

import numpy as np
import pytest

from core.trials import Record, Shared, Trial
from reports import detectors as package
from reports.detectors import halves
from reports.judge import judge

KINDS = ("dogs", "people", "others", "hard")


@pytest.fixture
def study(invent):
    """Return a maker of studies in which a network calls a dog what has a mass above one half."""

    def make(sizes, weights=None, **masses):
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
            trials[Trial(arm, 0)] = Record({"seconds/image": 0.1}, arrays)
        made = invent("dog_detectors", trials, shared)
        made.attrs["facts"]["weights"] = weights or dict.fromkeys(masses, "imagenet")
        return made, of

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


def test_random_weights_decide_nothing(study):
    weights = {"vgg16": "random", "resnet18": "9f3"}
    made, _ = study((20, 20, 20, 20), weights, vgg16=np.full(80, 0.1), resnet18=np.full(80, 0.9))
    found = judge(made)
    assert found["D3"].verdict == found["D4"].verdict == "not tested"
    assert "weights of vgg16 were not available" in found["D3"].lacking
    alone, _ = study((20, 20, 20, 20), vgg16=np.full(80, 0.9))
    assert "weights of resnet18 were not" in judge(alone)["D4"].lacking


def test_an_image_is_never_called_by_a_threshold_that_it_chose(study):
    sizes = (40, 40, 40, 10)
    of = np.repeat(np.arange(4), sizes)
    mass = np.random.default_rng(0).random(130) * 0.5 + 0.5 * (of == 0)
    made, _ = study(sizes, a=mass)
    whole = halves.chosen(made, mass)
    for half, threshold in halves.thresholds(made, mass).items():
        changed, members = mass.copy(), made["half"].values == half
        changed[members] = 0.7
        assert halves.thresholds(made, changed)[half] == threshold
        assert np.array_equal(whole[members], mass[members] >= threshold)
    hard = mass.copy()
    hard[of == 3] = 1
    assert halves.thresholds(made, hard) == halves.thresholds(made, mass)


def test_exhibits_count_by_kind_and_list_the_most_surprising_first(study):
    from reports.judge import exhibits

    sizes = (10, 10, 10, 10)
    of = np.repeat(np.arange(4), sizes)
    mass = masses(of)
    mass[0], mass[15] = 0.3, 0.8
    made, _ = study(sizes, vgg16=mass)
    shown = exhibits(made)
    row = shown["detectors"].frame().iloc[0]
    assert (row["rule"], row["dogs called"], row["people called"], row["hard called"]) == (
        "index rule",
        9,
        1,
        10,
    )
    assert row["images a second"] == pytest.approx(10)
    wrong = shown["mistakes"].frame()
    assert wrong["file"].tolist()[:10] == [f"i{n}" for n in range(30, 40)]
    assert set(wrong["file"].tolist()[10:]) == {"i0", "i15"}
    assert "pairs" not in shown
    assert package.__doc__
