"""What the lesson on skin cancer claims, and what tests it."""

from dataclasses import replace
from functools import partial
from math import ceil

import numpy as np
import xarray as xr

from core import dataset
from core.evaluation import neighbours, operating, roc
from core.evaluation.components import Components
from core.evaluation.odds import POSITIVES
from core.evaluation.published import less_published
from core.evaluation.verdicts import Decision, all_of, equivalent, exact, superior
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import mean, paired
from reports.skin import scoring
from reports.skin.readers import WARNING, published
from reports.skin.tasks import area, drawn, melanoma, nevi, odds, subject

lesson = Lesson(
    title="skin cancer",
    question="Does pretraining help to find melanomas, and what are the numbers worth?",
    study="skin_lesions",
    data="isic2017",
    options="--data isic2017 --network mobilenet_v2 --weights imagenet --size 96 --frozen",
    source="the course's lesson on skin cancer",
    seeds=5,
    shared="All seeds share the split and the pretrained weights.",
    columns=("test/auc_melanoma", "test/auc_keratosis", "test/accuracy", "test/loss"),
    scores={"test/accuracy": "correct"},
    estimates={f"test/auc_{name}": partial(area, positive=c) for name, c in POSITIVES.items()},
)

EXPECTED = (0.525986, 0.606111, 0.566049)
TEST_IMAGES = {"melanoma": 117, "nevus": 393, "seborrheic_keratosis": 90}
SPACES = ("plane", "full")
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
    return replace(
        all_of({"largest difference of six areas": exact(worst, 0.0, margin)}),
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
    decision = all_of({name: superior(area, best[name][0] + margin) for name, area in ours.items()})
    shown = "; ".join(
        "{} rank {} to {}".format(name, *scoring.ranks(area, name)) for name, area in ours.items()
    )
    return replace(decision, comment=f"Among the {best['entries']} entries: {shown}.")


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
    alone = words.estimate(roc.auc(task.scores("random"), task.labels))
    difference = task.difference("pretrained", "random")
    return replace(
        all_of({"AUC of melanoma, pretrained - random": superior(difference, margin)}),
        comment=f"The budget: {train['epochs']} epochs at most, {steps:,} steps. From random "
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
    return replace(
        all_of({"specificity, ours - the readers'": superior(gap, -margin)}),
        comment=f"Ours ({arm}) is {words.estimate(ours, 'percent')}, its threshold read off the "
        f"test images' own curve. The spread of {n} readers is not in our source; it is taken from "
        f"58 others. {WARNING}",
    )


@lesson.claim(
    "M5",
    "The t-SNE of the network's features separates the classes.",
    published="lesson title; no number",
    seeds=0,
    shared="",
)
def plane_separates(study: xr.Dataset, margin: float) -> Decision:
    """The ten nearest neighbours in the plane name more images right than with shuffled labels.

    One network and one t-SNE, seed 0; equally many test images of every class; a permutation test
    over the images.
    """
    arm = subject(study)
    if "near" not in study or study["near"].sel(arm=arm, seed=0).isnull().any():
        raise NotTestedError("More than ten test images, equally many a class, are wanted.")
    near = {s: study["near"].sel(arm=arm, seed=0, space=s).values.astype(int) for s in SPACES}
    labels = study["label"].sel(image=study["shown"].values).values
    shares = {s: words.number(neighbours.hits(near[s], labels).mean(), "percent") for s in SPACES}
    kept = words.number(neighbours.kept(near["full"], near["plane"]).mean(), "percent")
    found = neighbours.above_chance(near["plane"], labels)
    return replace(
        all_of({"10-NN accuracy in the plane - by chance": superior(found, margin)}),
        comment=f"Right of these images: {shares['plane']} in the plane, {shares['full']} in full "
        f"dimension; {kept} of the neighbours in full are neighbours in the plane.",
    )


@lesson.claim(
    "M6",
    "The network looks at the lesion.",
    published="lesson title; no number",
    options=f"{lesson.options} --masks FOLDER",
)
def looks_at_the_lesion(study: xr.Dataset, margin: float) -> Decision:
    """AUC of melanoma with only the lesion shown, less that with the lesion hidden, is above 0.

    Paired DeLong over seeds and images; outlines of real lesions.
    """
    if drawn(study):
        raise NotTestedError(
            "Of drawn lesions it is true by construction: their background is empty. Photographs "
            "with outlines of their lesions are wanted."
        )
    if "seen" not in study:
        raise NotTestedError("Outlines of the test images' lesions are wanted.")
    task, arm = melanoma(study), subject(study)
    truth = study["probe_label"].values == task.positive
    seen = odds(study["seen"].sel(arm=arm), task.positive)
    lesion, rest = (seen.sel(view=view) for view in ("only the lesion", "lesion hidden"))
    shown, hidden = dataset.aligned(lesion.drop_vars("view"), rest.drop_vars("view"))
    areas = [words.estimate(roc.auc(each.values, truth)) for each in (shown, hidden)]
    gap = roc.auc_difference(shown.values, hidden.values, truth)
    return replace(
        all_of({"AUC of melanoma, only the lesion shown - lesion hidden": superior(gap, margin)}),
        comment=f"AUC with only the lesion {areas[0]}, with the lesion hidden {areas[1]}.",
    )


@lesson.claim(
    "M7",
    "Drawn ink markings raise false positives on nevi.",
    published="false positives on nevi about 40 % up, by real ink",
    source="Winkler et al. 2019, PMC6694463",
    data="winkler2019",
)
def ink_misleads(study: xr.Dataset, margin: float) -> Decision:
    """Share of nevi called melanoma, inked less as they are, is above 0 (same images and seeds).

    The ink is drawn by us; the threshold is chosen on validation.
    """
    task, arm, places = melanoma(study), subject(study), nevi(study)
    if places is None:
        raise NotTestedError("A class named nevus is wanted.")
    before, inked, ruled = (
        task.called(study[name]).sel(arm=arm).isel(image=places)
        for name in ("test_logits", "inked", "ruled")
    )
    was, now = (mean(each) for each in (before, inked))
    change = now.value / was.value - 1 if was.value else float("nan")
    shown = [words.estimate(each, "percent") for each in (was, now)]
    more, gap = words.estimate(paired(ruled, before), "points"), paired(inked, before)
    return replace(
        all_of({"false positives on nevi, inked - as they are": superior(gap, margin)}),
        comment=f"From {shown[0]} to {shown[1]}, a change by {words.number(change, 'percent')} of "
        f"what it was. A drawn ruler changes it by {more}.",
    )


@lesson.claim(
    "M8",
    "Copies on both sides of a split inflate the score.",
    published="validation accuracy 0.51 to 0.84 in a project that augmented before its split; "
    "ISIC copies, 14,310 removed",
    source="a student's project; Cassidy et al. 2022, doi 10.1016/j.media.2021.102305",
    data="isic, nine classes",
    seeds=0,
    shared="",
)
def copies_inflate(study: xr.Dataset, margin: float) -> Decision:
    """AUC of melanoma, images and their copies split at random less split by image, is above 0.

    A linear head on the features of one network, seed 0, in five folds; paired DeLong over images.
    """
    task, arm = melanoma(study), subject(study)
    if "leak" not in study or study["leak"].sel(arm=arm, seed=0).isnull().any():
        raise NotTestedError("Five or more images of melanoma and of the rest are wanted.")
    truth = study["probe_label"].values == task.positive
    scores = study["leak"].sel(arm=arm, seed=0)
    by_chance, by_image = (scores.sel(split=name).values for name in ("at random", "by image"))
    areas = [words.estimate(roc.auc(each, truth)) for each in (by_chance, by_image)]
    gap = roc.auc_difference(by_chance, by_image, truth)
    return replace(
        all_of({"AUC of melanoma, split at random - split by image": superior(gap, margin)}),
        comment=f"AUC split at random {areas[0]}, by image {areas[1]}: features of {arm}, every "
        "image three times, as it is, mirrored and turned; scored as it is.",
    )


@lesson.claim(
    "M9",
    "Turning the image flips 6.5 to 22 % of decisions.",
    published="6.5 to 22 % of lesions flip under simple transforms",
    source="Young et al. 2021, PMC7820258",
    data="young2021",
    margin=0.0775,
    unit="percent",
)
def turning_flips(study: xr.Dataset, margin: float) -> Decision:
    """Share of lesions whose call changes when turned lies between 6.5 and 22 %.

    By 90, 180 or 270 degrees, at the threshold chosen on validation; two one-sided tests.
    """
    task, arm = melanoma(study), subject(study)
    still, turned = (task.called(study[name]).sel(arm=arm) for name in ("test_logits", "turned"))
    flipped = (turned != still).any("turn").astype(float)
    return replace(
        all_of({"lesions whose call flips": equivalent(mean(flipped), margin, target=0.1425)}),
        comment=f"{arm} was shown mirrored images in training, not turned ones."
        if not study.attrs["facts"]["settings"]["frozen"]
        else f"The head of {arm} was trained on images as they are, upright.",
    )
