"""What the lesson on transfer learning claims, and what tests it."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from core import dataset
from core.evaluation.ranking import share_of_gain
from core.evaluation.verdicts import Decision, all_of, superior
from reports import words
from reports.breeds.claims import hits, need, would_print
from reports.lessons import NO_DATA, Lesson, NotTestedError, Test
from reports.scores import paired

FLOWERS = "folder:flower_photos"

lesson = Lesson(
    title="transfer learning",
    question="Small or large, similar or different: which strategy of transfer is best?",
    study="transfer_regimes",
    data=NO_DATA,
    source="the blog post's account of the lesson on transfer learning",
    seeds=5,
    columns=("test/accuracy", "test/loss", "trained/parameters"),
    scores={"test/accuracy": "correct"},
)

FOUR = ("head", "cut", "fine-tune", "scratch")
"""the strategies of the course's table"""
COURSE = {
    ("small", "similar"): "head",
    ("small", "different"): "cut",
    ("large", "similar"): "fine-tune",
    ("large", "different"): "scratch",
}
"""what the course recommends; for large and different it allows fine-tuning too"""
STATEMENTS = {
    "T2a": "Small and similar: train a new head on the frozen network.",
    "T2b": "Small and different: cut the network early, train a new head.",
    "T2c": "Large and similar: fine-tune the whole network.",
    "T2d": "Large and different: train from scratch.",
}


def complete(study: xr.Dataset) -> xr.Dataset:
    """Return the seeds that have every strategy in every cell; NotTestedError below 2."""
    trained = study["trained"]
    seeds = np.flatnonzero(trained.all([dim for dim in trained.dims if dim != "seed"]))
    if len(seeds) < 2 or trained.sizes["size"] * trained.sizes["task"] < len(COURSE):
        raise NotTestedError(f"{len(seeds)} seeds have all four cells, 2 are needed.")
    return study.isel(seed=seeds)


def cells(study: xr.Dataset) -> Iterator[tuple[tuple[str, str], xr.Dataset]]:
    """Yield (size, task) and the cell's trials, (arm, seed, ...), of the complete seeds."""
    whole = complete(study)
    for size, task in COURSE:
        yield (size, task), whole.sel(size=size, task=task)


def _hits(study: xr.Dataset) -> xr.DataArray:
    """Return the hits, (arm, seed, size, task, image); NotTestedError unless all seeds have all.

    A look at so many seeds is one at all of them.
    """
    lacking = study.sizes["seed"] - complete(study).sizes["seed"]
    if lacking:
        raise NotTestedError(f"{lacking} of the seeds lack a cell.")
    return study["correct"]


def _table(cell: tuple[str, str]) -> Test:
    """Return the test of one cell of the course's table."""

    def recommended_is_best(study: xr.Dataset, margin: float) -> Decision:
        """The recommended strategy is at most 2 points worse than each of the other three.

        Accuracies, paired by seed and image; each seed draws its own small training set.
        """
        (size, task), choice = cell, COURSE[cell]
        correct = _hits(study).sel(size=size, task=task)
        gaps = {
            f"{choice} - {other}": paired(correct.sel(arm=choice), correct.sel(arm=other))
            for other in FOUR
            if other != choice
        }
        too = "The course allows fine-tuning here too." if choice == "scratch" else ""
        return all_of({name: superior(gap, -margin) for name, gap in gaps.items()}, comment=too)

    return recommended_is_best


for (_name, _statement), _cell in zip(STATEMENTS.items(), COURSE, strict=True):
    lesson.claim(_name, _statement, published="a table without numbers", margin=0.02, arms=FOUR)(
        _table(_cell)
    )


@lesson.claim(
    "T3",
    "Small and similar: training the last layer alone suffices.",
    published="403 of 540 flowers (74.6 %)",
    source="DLv2 notebook transfer-learning, flowers",
    data=FLOWERS,
    protocol={"network": "vgg16"},
    options="--network vgg16 --similar folder:flower_photos --different isic2017",
    margin=0.02,
    arms=("head", "fine-tune"),
)
def last_layer_suffices(study: xr.Dataset, margin: float) -> Decision:
    """A new head on the frozen network is at most 2 points worse than fine-tuning all.

    In the small, similar cell, paired by seed and image; each seed draws its own training set.
    """
    correct = _hits(study).sel(size="small", task="similar")
    gap = paired(correct.sel(arm="head"), correct.sel(arm="fine-tune"))
    return all_of({"small, similar: head - fine-tune": superior(gap, -margin)})


@lesson.claim(
    "T4",
    "VGG16 with a new last layer reaches 74 % on flowers after two epochs.",
    published="403 of 540 test images (74.6 %, 95 % interval 70.8 to 78.1)",
    source="DLv2 notebook transfer-learning, flowers",
    data=FLOWERS,
    protocol={"epochs": 2, "batch_size": 20, "lr": 1e-3, "optimizer": "sgd", "mirror": False},
    study="dog_breeds",
    options="--data folder:flower_photos --backbones vgg16 --epochs 2 --batch-size 20 "
    "--optimizer sgd --no-mirror --no-scratch",
    unit="percent",
)
def vgg16_reaches_74(study: xr.Dataset, margin: float) -> Decision:
    """403 of 540 lies among the middle 95 % of what one run of a head on frozen VGG16 prints.

    The notebook's code trains VGG16's whole classifier where its prose says the last layer; here it
    is the last layer.
    """
    need(study, "vgg16")
    return would_print(study, hits(study, "vgg16"), 403, 540, 5, FLOWERS)


@lesson.claim(
    "T5",
    "Part of what pretraining gives is the scale of the weights, not features.",
    published="prose and figures",
    source="Raghu et al., NeurIPS 2019, arXiv 1902.07208",
    arms=("fine-tune", "scratch", "statistics"),
)
def scale_is_part_of_it(study: xr.Dataset, margin: float) -> Decision:
    """Fine-tuning beats random weights, and so do weights of the same mean and variance by layer.

    Accuracies over the four cells, each of equal weight, paired by seed and image.
    """
    arms = ("fine-tune", "statistics", "scratch")
    pooled = {arm: over_cells(_hits(study).sel(arm=arm)) for arm in arms}
    gains = {arm: paired(pooled[arm], pooled["scratch"]) for arm in ("fine-tune", "statistics")}
    gaps = {
        ", ".join(cell): paired(*(t["correct"].sel(arm=arm) for arm in ("statistics", "scratch")))
        for cell, t in cells(study)
    }
    shown = "; ".join(f"{name} {words.estimate(gap, 'points')}" for name, gap in gaps.items())
    part, whole = (
        dataset.table(pooled[arm] - pooled["scratch"]).values for arm in ("statistics", "fine-tune")
    )
    share = share_of_gain(part, whole)
    told = words.estimate(share, "percent")
    if not np.isfinite([share.low, share.high]).all():
        told = "a share that cannot be told, as the gain itself may be zero,"
    return all_of(
        {
            "fine-tune - scratch": superior(gains["fine-tune"], margin),
            "mean and variance - scratch": superior(gains["statistics"], margin),
        },
        comment=f"Mean and variance give {told} of what fine-tuning gains. Mean and variance - "
        f"scratch by cell: {shown}.",
    )


def over_cells(hits: xr.DataArray) -> xr.DataArray:
    """Pool an arm's hits over the four cells, which count alike: (seed, image), of both tasks.

    hits: (seed, size, task, image). A value for each image: its hits, averaged over small and
    large, and weighted so that the mean over images is the mean of the cells' means.
    """
    images = hits.notnull().any(["seed", "size"]).sum("image")
    weights = images.sum() / (images.sizes["task"] * images)
    return (hits.astype(float).mean("size") * weights).sum("task", min_count=1)
