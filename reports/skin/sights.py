"""What the networks see: the lesson's claims on features, shortcuts and copies."""

import xarray as xr

from core import dataset
from core.evaluation import neighbours, roc
from core.evaluation.verdicts import Decision, all_of, equivalent, superior
from reports import words
from reports.lessons import NotTestedError
from reports.scores import mean, paired
from reports.skin.lesson import lesson
from reports.skin.tasks import drawn, melanoma, nevi, odds, subject

SPACES = ("plane", "full")


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
    gap = neighbours.above_chance(near["plane"], labels)
    return all_of(
        {"10-NN accuracy in the plane - by chance": superior(gap, margin)},
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
    areas = [words.estimate(roc.auc(scores.values, truth)) for scores in (shown, hidden)]
    gap = roc.auc_difference(shown.values, hidden.values, truth)
    return all_of(
        {"AUC of melanoma, only the lesion shown - lesion hidden": superior(gap, margin)},
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
    was, now = (mean(calls) for calls in (before, inked))
    change = now.value / was.value - 1 if was.value else float("nan")
    shown = [words.estimate(rate, "percent") for rate in (was, now)]
    more, gap = words.estimate(paired(ruled, before), "points"), paired(inked, before)
    return all_of(
        {"false positives on nevi, inked - as they are": superior(gap, margin)},
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
    areas = [words.estimate(roc.auc(values, truth)) for values in (by_chance, by_image)]
    gap = roc.auc_difference(by_chance, by_image, truth)
    return all_of(
        {"AUC of melanoma, split at random - split by image": superior(gap, margin)},
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
    return all_of(
        {"lesions whose call flips": equivalent(mean(flipped), margin, target=0.1425)},
        comment=f"{arm} was shown mirrored images in training, not turned ones."
        if not study.attrs["facts"]["settings"]["frozen"]
        else f"The head of {arm} was trained on images as they are, upright.",
    )
