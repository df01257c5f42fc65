"""What the lesson on dog breeds claims, and what tests it."""

from dataclasses import replace

import xarray as xr

from core import dataset
from core.data.card import baseline
from core.evaluation.prediction import predicted
from core.evaluation.verdicts import Decision, all_of, superior
from core.models.config import DRIFTING, FROZEN, RANDOM, SCRATCH, TRAINED
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import mean, paired, unless_diverged

BREEDS = 133
COURSE = "--data folder:dogImages"

lesson = Lesson(
    title="dog breeds",
    question="Which breed? A CNN from scratch, or a new head on a frozen network?",
    study="dog_breeds",
    data="folder:dogImages",
    options=COURSE,
    source="the course's dog project, figures as the blog post prints them",
    seeds=5,
    columns=("test/accuracy", "test/top5", "test/loss", "trained/parameters"),
    scores={"test/accuracy": "correct", "test/top5": "correct5"},
)


def hits(study: xr.Dataset, arm: str, trunk: str = FROZEN) -> xr.DataArray:
    """Return a network's hits, (seed, image). Raises NotTestedError where it was not trained."""
    if arm in study["arm"].values and trunk in study["trunk"].values:
        correct = study["correct"].sel(arm=arm, trunk=trunk)
        if correct["trained"].any():
            return correct
    raise NotTestedError(f"This study has no {arm} ({trunk}).")


def pretrained(study: xr.Dataset) -> list[str]:
    """List the backbones that begin with weights learnt before, as they were named."""
    weights = study.attrs["facts"]["weights"]
    return [arm for arm in study["arm"].values.tolist() if weights.get(arm, RANDOM) != RANDOM]


def need(study: xr.Dataset, backbone: str) -> None:
    """Raise NotTestedError unless a backbone has its pretrained weights."""
    if backbone not in pretrained(study):
        raise NotTestedError(
            f"It takes ImageNet weights of {backbone}, which torchvision downloads, or a file of "
            f"them: `--backbones {backbone} --weights FILE`."
        )


@lesson.claim(
    "T1",
    "On a small set, pretrained weights beat training from scratch.",
    published="623 of 836 (74.5 %) with a frozen ResNet-18, 104 of 836 (12.4 %) from scratch",
    arms=(SCRATCH,),
)
def pretrained_beats_scratch(study: xr.Dataset, margin: float) -> Decision:
    """A head on the frozen pretrained network is right more often than the CNN from scratch.

    Paired by seed and image. The network is ResNet-18; on other data than the course's, the first
    that was named.
    """
    known = pretrained(study)
    if not known or study.attrs["card"]["name"] == lesson.data:
        need(study, "resnet18")
    arm = "resnet18" if "resnet18" in known else known[0]
    gap = paired(hits(study, arm), hits(study, SCRATCH, TRAINED))
    right = {name: hits(study, name) for name in known} | {SCRATCH: hits(study, SCRATCH, TRAINED)}
    shown = "; ".join(f"{name} {words.estimate(mean(h), 'percent')}" for name, h in right.items())
    decision = all_of(
        {f"{arm}, frozen - {SCRATCH}": superior(gap, margin)},
        comment=f"{shown}. The pretrained network may have seen these breeds: see the note.",
    )
    return unless_diverged(decision, study, (arm, SCRATCH))


def would_print(
    study: xr.Dataset, correct: xr.DataArray, successes: int, n: int, n_classes: int, data: str
) -> Decision:
    """Ask whether one run of a network would print what was published.

    correct: its hits, (seed, image). successes of n test images of n_classes: the published run's.
    data: name of the published set, whose test images are the published run's own.
    Raises NotTestedError on another number of classes.
    """
    card = study.attrs["card"]
    if len(card["classes"]) != n_classes:
        raise NotTestedError(
            f"The published number is of {n_classes} classes, this set has {len(card['classes'])}."
        )
    table = dataset.table(correct)
    same = card["name"] == data and table.shape[1] == n
    printed = predicted(table.values, successes, n, same_images=same)
    decision = all_of(
        {f"what one run prints on {n} images": printed},
        comment=f"Published: {words.number(successes / n, 'percent')}. Mean of our runs: "
        f"{words.estimate(mean(correct), 'percent')}; naming the largest class gives "
        f"{words.number(baseline(card), 'percent')}.",
    )
    return unless_diverged(decision, study, (correct["arm"].item(),))


@lesson.claim(
    "D5",
    "A CNN trained from scratch reaches 12 % on 133 breeds.",
    published="104 of 836 test images (12.4 %, 95 % interval 10.4 to 14.9)",
    unit="percent",
    arms=(SCRATCH,),
)
def scratch_reaches_12(study: xr.Dataset, margin: float) -> Decision:
    """104 of 836 lies among the middle 95 % of what one run of the scratch CNN prints."""
    return would_print(study, hits(study, SCRATCH, TRAINED), 104, 836, BREEDS, lesson.data)


@lesson.claim(
    "D6",
    "ResNet-18, frozen, with a new linear head reaches 74 % on 133 breeds.",
    published="623 of 836 test images (74.5 %, 95 % interval 71.5 to 77.4)",
    unit="percent",
    options=f"{COURSE} --drift",
)
def resnet18_reaches_74(study: xr.Dataset, margin: float) -> Decision:
    """623 of 836 lies among the middle 95 % of what one run of a head on ResNet-18 prints."""
    need(study, "resnet18")
    frozen = hits(study, "resnet18")
    decision = would_print(study, frozen, 623, 836, BREEDS, lesson.data)
    try:
        drift = paired(hits(study, "resnet18", DRIFTING), frozen)
    except NotTestedError:
        return decision
    shown = f" Batch norm left to drift, as the course does: {words.estimate(drift, 'points')}."
    return replace(decision, comment=decision.comment + shown)
