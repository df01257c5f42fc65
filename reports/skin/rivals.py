"""How the networks stand: against the challenge, against random weights, against doctors."""

from math import ceil

import numpy as np
import xarray as xr

from core.evaluation import operating, roc
from core.evaluation.components import Components
from core.evaluation.odds import POSITIVES
from core.evaluation.published import less_published
from core.evaluation.verdicts import Decision, all_of, exact, superior
from reports import words
from reports.lessons import NotTestedError
from reports.scores import mean
from reports.skin import scoring
from reports.skin.lesson import lesson
from reports.skin.readers import WARNING, published
from reports.skin.tasks import drawn, melanoma, subject

EXPECTED = (0.525986, 0.606111, 0.566049)
TEST_IMAGES = {"melanoma": 117, "nevus": 393, "seborrheic_keratosis": 90}
BENIGN, SPREAD = 50, 0.112
"""benign images that the readers of M4 saw; and how far readers differ in specificity (standard
deviation), which their study leaves unsaid: that of Haenssle's 58 dermatologists, 2018"""


@lesson.claim(
    "M1",
    "The challenge's scorer gives 0.526 / 0.606 / 0.566 on the sample submission.",
    published="0.525986 / 0.606111 / 0.566049 (melanoma / keratosis / mean)",
    source="dermatologist-ai, get_results.py and README",
    options="--data isic2017",
    margin=1e-6,
    unit="AUC",
    seeds=0,
    shared="",
)
def scorer(study: xr.Dataset, margin: float) -> Decision:
    """Our scorer on the course's two files, rows in order and shuffled: equal to six digits."""
    if "submission" not in study:
        raise NotTestedError(
            "ground_truth.csv and sample_predictions.csv of the course are wanted in "
            "DATA_ROOT/isic2017/scoring, and `--data isic2017`."
        )
    worst = float(np.abs(study["submission"].values - np.array(EXPECTED)).max())
    return all_of(
        {"largest difference of six areas": exact(worst, 0.0, margin)},
        comment="Arithmetic: no chance is in it. Images are joined by name, so that the order of "
        "rows does not matter.",
    )


@lesson.claim(
    "M2",
    "Networks reach AUCs of 0.874 / 0.965 / 0.911 on ISIC 2017's test images, as its best "
    "entries did.",
    published="0.874 / 0.965 / 0.911 (melanoma / keratosis / mean), 600 test images",
    source="ISIC 2017 part 3 leaderboards, as the course's README has them",
    unit="AUC",
)
def leaderboard(study: xr.Dataset, margin: float) -> Decision:
    """Our areas on the same 600 images reach the best entry's in all three categories.

    Mean over seeds; the images are the board's own, so that they carry no chance here.
    """
    counts = study.attrs["card"]["counts"]["test"]
    if dict(zip(study["class"].values.tolist(), counts, strict=True)) != TEST_IMAGES:
        wanted = ", ".join(f"{n} {name}" for name, n in TEST_IMAGES.items())
        raise NotTestedError(
            f"The 600 test images of ISIC 2017 ({wanted}; challenge.isic-archive.com) are wanted "
            "in DATA_ROOT/isic2017/test, a sub-folder a class."
        )
    areas = {name: study[f"test/auc_{name}"].sel(arm=subject(study)) for name in POSITIVES}
    areas["mean"] = (areas["melanoma"] + areas["keratosis"]) / 2
    ours = {name: mean(area, bounds=(0, 1)) for name, area in areas.items()}
    best = scoring.leaderboard()
    parts = {name: superior(area, best[name][0] + margin) for name, area in ours.items()}
    shown = "; ".join(
        "{} rank {} to {}".format(name, *scoring.ranks(area, name)) for name, area in ours.items()
    )
    return all_of(parts, comment=f"Among the {best['entries']} entries: {shown}.")


@lesson.claim(
    "M3",
    "Within the same budget a pretrained network beats one that starts from random weights.",
    published="lesson title; no number",
    arms=("random", "pretrained"),
)
def pretrained_beats_random(study: xr.Dataset, margin: float) -> Decision:
    """At this budget, AUC of melanoma, pretrained less random, is above 0.

    Paired DeLong over seeds and images.
    """
    task, train = melanoma(study), study.attrs["facts"]["settings"]["train"]
    controls = "; ".join(
        f"pretrained - {arm} {words.estimate(task.difference('pretrained', arm), 'points')}"
        for arm in task.arms
        if arm not in ("random", "pretrained")
    )
    images = sum(study.attrs["card"]["counts"]["train"])
    steps = train["epochs"] * ceil(images / train["batch_size"])
    epochs = f"{train['epochs']} epoch{'s' * (train['epochs'] != 1)}"
    alone = words.estimate(roc.auc(task.scores("random"), task.labels))
    difference = task.difference("pretrained", "random")
    return all_of(
        {"AUC of melanoma, pretrained - random": superior(difference, margin)},
        comment=f"The budget: {epochs} at most, {steps:,} steps. From random "
        f"weights that is a beginning (AUC {alone}): this says which start is ahead by then, not "
        f"which would be in the end.{f' Controls: {controls}.' if controls else ''}",
    )


@lesson.claim(
    "M4",
    "A CNN is at least as specific as the mean dermatologist at the same sensitivity.",
    published="dermatologists 0.59 at sensitivity 0.82, algorithms 0.62 to 0.76",
    source="Marchetti et al. 2018, J Am Acad Dermatol 78:270 (8 readers, 100 images of ISIC 2016)",
    data="isic2016",
    margin=0.05,
)
def as_specific_as_doctors(study: xr.Dataset, margin: float) -> Decision:
    """Our specificity at sensitivity 0.82, less the readers' 0.59, is above -5 points.

    Non-inferiority. Ours varies with seeds and images, theirs with the readers and with their 50
    benign images.
    """
    if drawn(study):
        raise NotTestedError("Photographs are wanted; no doctor was asked about drawn lesions.")
    task, arm = melanoma(study), subject(study)
    doctors = next(reader for reader in published() if reader.name.startswith("Marchetti"))
    n, share = int(doctors.readers.split()[0]), doctors.specificity
    theirs = Components(SPREAD**2, share * (1 - share), 0.0, n, BENIGN)
    ours = operating.specificity_at(task.scores(arm), task.labels, doctors.sensitivity)
    gap = less_published(ours, share, theirs)
    return all_of(
        {"specificity, ours - the readers'": superior(gap, -margin)},
        comment=f"Ours ({arm}) is {words.estimate(ours, 'percent')}, its threshold read off the "
        f"test images' own curve. The spread of {n} readers is not in our source; it is taken from "
        f"58 others. {WARNING}",
    )
