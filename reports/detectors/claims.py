"""What the lesson on dog detectors claims, and what tests it."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from core.evaluation.comparisons import mcnemar
from core.evaluation.intervals import Estimate, wilson
from core.evaluation.verdicts import Decision, all_of, more_often, superior
from core.models.config import RANDOM
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import share

Bools = NDArray[np.bool_]


def kind(study: xr.Dataset, name: str) -> Bools:
    """Tell which images are dogs, people, others or hard, (image,) bool; of no such kind, none."""
    kinds = np.append(study["kind"].values, "")
    return kinds[study["of"].values] == name


def share_called(trials: xr.Dataset, *, dogs: bool) -> Estimate | None:
    """Estimate the share of dogs, or of all else, that one network takes for a dog."""
    return share(trials["called"].isel(seed=0).values[kind(trials, "dogs") == dogs])


lesson = Lesson(
    title="dog detectors",
    question="How well do ImageNet networks tell dogs from people, other things and wolves?",
    study="dog_detectors",
    data="dogImages + lfw",
    options="--dogs dogImages --people lfw --others --hard",
    source="the course's dog project and three student solutions",
    columns=("test/sensitivity", "test/false_alarms", "test/auc"),
    shares=("test/sensitivity", "test/false_alarms"),
    estimates={
        "test/sensitivity": partial(share_called, dogs=True),
        "test/false_alarms": partial(share_called, dogs=False),
    },
)


def plain(study: xr.Dataset) -> Bools:
    """Tell which images count: not wolves, foxes, cats and the like, (image,) bool."""
    return ~kind(study, "hard")


def networks(study: xr.Dataset) -> Iterator[tuple[str, str, xr.Dataset]]:
    """Yield every network that was measured: its backbone, its weights, what it saw (image,)."""
    for arm in study["arm"].values.tolist():
        for weights in study["weights"].values.tolist():
            seen = study.sel(arm=arm, weights=weights).isel(seed=0)
            if bool(seen["trained"]):
                yield arm, weights, seen


def called(study: xr.Dataset, backbone: str) -> Bools:
    """Tell which images a network takes for a dog, (image,) bool.

    Raises NotTestedError where there is none with weights that were learnt.
    """
    for arm, weights, seen in networks(study):
        if arm == backbone and weights != RANDOM:
            return seen["called"].values > 0
    raise NotTestedError(
        f"It takes ImageNet weights of {backbone}, which torchvision downloads, or a file of them: "
        f"`--backbones {backbone} --weights FILE`."
    )


@lesson.claim(
    "D3",
    "VGG16 and the rule `most probable class in 151..268` detect dogs well.",
    published="99 to 100 of 100 dogs found, 0 to 2 of 100 people taken for dogs (three students)",
    margin=0.05,
    unit="percent",
)
def vgg16_works(study: xr.Dataset, margin: float) -> Decision:
    """More than 95 % of dogs found, fewer than 5 % of people and other things taken for dogs."""
    calls, dogs, hard = called(study, "vgg16"), kind(study, "dogs"), kind(study, "hard")
    others = plain(study) & ~dogs
    sensitivity = wilson(int(calls[dogs].sum()), int(dogs.sum()))
    specificity = wilson(int((~calls[others]).sum()), int(others.sum()))
    parts = {
        "dogs found": superior(sensitivity, 1 - margin),
        "people and other things left alone": superior(specificity, 1 - margin),
    }
    if not hard.any():
        return all_of(parts)
    nearly = words.estimate(wilson(int(calls[hard].sum()), int(hard.sum())), "percent")
    comment = f"Of wolves, foxes, cats and the like {nearly} are taken for dogs; they do not count."
    return all_of(parts, comment)


@lesson.claim(
    "D4",
    "ResNet-18 detects dogs even better than VGG16.",
    published="figures only",
    source="the blog post's account of the dog project",
)
def resnet18_is_better(study: xr.Dataset, margin: float) -> Decision:
    """ResNet-18 judges more images right than VGG16: exact McNemar on the same images."""
    counted, dogs = plain(study), kind(study, "dogs")
    resnet, vgg = ((called(study, name) == dogs)[counted] for name in ("resnet18", "vgg16"))
    alone = [int((a & ~b).sum()) for a, b in ((resnet, vgg), (vgg, resnet))]
    return all_of(
        {"ResNet-18 - VGG16, images judged right": more_often(resnet, vgg)},
        comment=f"Right alone: ResNet-18 on {alone[0]}, VGG16 on {alone[1]} images; exact McNemar "
        f"p {words.chance(mcnemar(resnet, vgg))}. With 100 images, 5 that all go one way would "
        "not do.",
    )
