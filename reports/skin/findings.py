"""What the study says on the lesson's claims M1 to M9."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.data.card import Card
from core.data.images import Splits
from core.evaluation.comparisons import mcnemar, paired
from core.evaluation.intervals import Estimate, mean
from core.evaluation.operating import specificity_at
from core.evaluation.roc import auc, auc_difference
from core.evaluation.verdicts import exact, superior
from core.training.loop import Plan
from reports import tables
from reports.skin import scoring
from reports.skin.readers import WARNING, published
from reports.skin.tasks import Task, log_odds
from reports.tables import Results
from reports.verdicts import Finding, claims
from reports.words import interval

EXPECTED = (0.525986, 0.606111, 0.566049)
NOT_A_DEVICE = (
    "Not a medical device: nothing here may be used to judge anyone's skin. See a doctor."
)
DRAWN = (
    "Drawn lesions, not photographs: results on them tell of the method and nothing of skin; no "
    "doctor and no leaderboard is comparable."
)


def subject(results: Results) -> str:
    """Return the arm that the claims on one network are about: pretrained, if it was trained."""
    arms = list(dict.fromkeys(trial.arm for trial in results))
    return "pretrained" if "pretrained" in arms else arms[0]


def findings(
    results: Results, tasks: Sequence[Task], splits: Splits, scored: Path
) -> dict[str, Finding]:
    """Test the claims; one that lacks something says what.

    scored: folder of the course's ground_truth.csv and sample_predictions.csv.
    """
    arm, card, labels = subject(results), splits.card, splits.test.labels.numpy()
    melanoma = next((task for task in tasks if task.name == "melanoma"), None)
    found = {"M1": _scorer(scored, card), "M2": _leaderboard(tasks, arm, card)}
    if melanoma is None:
        lacking = Finding(decision=None, lacking="A class named melanoma is wanted.")
        return found | {f"M{index}": lacking for index in range(3, 10)}
    return found | {
        "M3": _pretrained(melanoma),
        "M4": _doctors(melanoma, arm, card),
        "M5": _plane(results, arm, labels),
        "M6": _lesion(results, arm, melanoma, card),
        "M7": _ink(results, arm, melanoma, labels, card),
        "M8": _leak(results, arm),
        "M9": _turned(results, arm, melanoma),
    }


def _scorer(folder: Path, card: Card) -> Finding:
    if card.synthetic:  # a page of drawn images holds no real result
        return Finding(decision=None, lacking="The real set is wanted: `--data isic2017`.")
    files = [folder / name for name in ("ground_truth.csv", "sample_predictions.csv")]
    if not all(file.is_file() for file in files):
        wanted = "ground_truth.csv and sample_predictions.csv of the course"
        return Finding(decision=None, lacking=f"{wanted} are wanted in DATA_ROOT/isic2017/scoring.")
    truth, predictions = scoring.read(files[0], truth=True), scoring.read(files[1])
    gaps = []
    for rows in (predictions, predictions.sample(frac=1, random_state=0)):
        areas = scoring.score(rows, truth, 0.5, 0.5).areas.values()
        gaps += [abs(area.value - wanted) for area, wanted in zip(areas, EXPECTED, strict=True)]
    return Finding(
        decision=exact(max(gaps), 0.0, claims()["M1"].margin),
        names=("largest difference of six areas",),
        unit="AUC",
        comment="The published numbers have six digits. Joined by image, so the order is nothing.",
    )


def _leaderboard(tasks: Sequence[Task], arm: str, card: Card) -> Finding:
    shown = []
    for task in tasks if card.name == "isic2017" else ():
        area = auc(task.scores[arm], task.labels)
        best, worst = scoring.ranks(area, task.name)
        shown.append(
            f"{task.name} {interval(area.value, area.low, area.high)} (rank {best}-{worst})"
        )
    own = f" On our own held-out part, {arm}: {'; '.join(shown)}; other images." if shown else ""
    return Finding(
        decision=None,
        lacking="The 600 test images of ISIC 2017 are wanted (challenge.isic-archive.com); score "
        "predictions on them with `python experiments/skin_lesions.py score`.",
        comment=own.strip(),
    )


def _lacking_arms(*arms: str) -> Finding:
    return Finding(decision=None, lacking=f"This study left out an arm: `--arms {' '.join(arms)}`.")


def _pretrained(task: Task) -> Finding:
    if not {"random", "pretrained"} <= set(task.scores):
        return _lacking_arms("random", "pretrained")
    scores, pretrained = task.scores, task.scores["pretrained"]
    controls = [
        f"pretrained - {arm} {_points(auc_difference(pretrained, scores[arm], task.labels))}"
        for arm in scores
        if arm not in ("random", "pretrained")
    ]
    return Finding(
        decision=superior(auc_difference(pretrained, scores["random"], task.labels)),
        names=("AUC of melanoma, pretrained - random",),
        comment=f"Controls: {'; '.join(controls)}." if controls else "",
    )


def _doctors(task: Task, arm: str, card: Card) -> Finding:
    if card.synthetic:
        return Finding(decision=None, lacking="Photographs are wanted: `--data isic2017`.")
    near = next(reader for reader in published() if reader.name.startswith("Marchetti"))
    estimate = specificity_at(task.scores[arm], task.labels, near.sensitivity)
    return Finding(
        decision=superior(estimate, claims()["M4"].margin),
        names=(f"specificity of {arm} at sensitivity {near.sensitivity:.2f}",),
        unit="percent",
        comment=f"{WARNING} Our threshold is read off the test images' own curve.",
    )


def _plane(results: Results, arm: str, labels: np.ndarray) -> Finding:
    hits = tables.scores(results, "hits_plane")[arm].astype(float)
    shown = labels[tables.scores(results, "shown")[arm][0].astype(np.int64)]
    largest = np.tile(shown == np.bincount(shown).argmax(), (len(hits), 1))
    full = mean(tables.scores(results, "hits_full")[arm])
    kept = mean(tables.scores(results, "preserved")[arm])
    return Finding(
        decision=superior(paired(hits, largest.astype(float))),
        names=("10-NN accuracy in the plane - naming the largest class",),
        comment=f"In the plane {_percent(mean(hits))}, in full dimension {_percent(full)}; "
        f"{_percent(kept)} of the neighbours in full are neighbours in the plane.",
    )


def _lesion(results: Results, arm: str, task: Task, card: Card) -> Finding:
    if not card.synthetic:
        return Finding(
            decision=None, lacking="Masks of the lesions are wanted; `lesions` has them."
        )
    seen = {
        name: log_odds(tables.scores(results, f"seen_{name}")[arm], task.positive)
        for name in ("lesion", "rest")
    }
    truth = tables.scores(results, "probe_labels")[arm][0] == task.positive
    areas = {name: auc(each, truth) for name, each in seen.items()}
    shown = "; ".join(
        f"{words} {interval(area.value, area.low, area.high)}"
        for words, area in zip(("only the lesion", "lesion hidden"), areas.values(), strict=True)
    )
    return Finding(
        decision=superior(auc_difference(seen["lesion"], seen["rest"], truth)),
        names=("AUC of melanoma, only the lesion shown - lesion hidden",),
        comment=f"AUC with {shown}. Drawn lesions have nothing in the background to learn from.",
    )


def _ink(results: Results, arm: str, task: Task, labels: np.ndarray, card: Card) -> Finding:
    nevi = labels == card.classes.index("nevus") if "nevus" in card.classes else ~task.labels
    names = ("test_logits", "inked", "ruled")
    before, inked, ruled = (
        task.called(tables.scores(results, name)[arm], arm)[:, nevi].astype(float) for name in names
    )
    change = inked.mean() / before.mean() - 1 if before.any() else np.nan
    by_seed = [mcnemar(*pair) for pair in zip(inked, before, strict=True)]
    return Finding(
        decision=superior(paired(inked, before)),
        names=("false positives on nevi, inked - as they are",),
        comment=f"From {_percent(mean(before))} to {_percent(mean(inked))}: {change:+.0%}. "
        f"Ink is drawn by us. McNemar's p by seed: {', '.join(f'{p:.2g}' for p in by_seed)}. "
        f"A ruler instead: {_points(paired(ruled, before))}.",
    )


def _leak(results: Results, arm: str) -> Finding:
    areas = tables.scores(results, "leak")[arm].astype(float)
    return Finding(
        decision=superior(paired(areas[:, :1], areas[:, 1:])),
        names=("AUC of melanoma, split at random - split by image",),
        comment=f"Split at random {_auc(mean(areas[:, :1]))}, by image {_auc(mean(areas[:, 1:]))}. "
        f"A linear head on the features of {arm}, every image three times: as it is, mirrored, "
        "turned.",
    )


def _turned(results: Results, arm: str, task: Task) -> Finding:
    still = task.called(tables.scores(results, "test_logits")[arm], arm)
    turned = task.called(tables.scores(results, "turned")[arm], arm)
    flipped = (turned != still[:, None]).any(1)
    return Finding(
        decision=superior(mean(flipped), claims()["M9"].margin),
        names=("lesions whose call flips when turned",),
        unit="percent",
        comment=f"At the threshold chosen on validation; {arm} was shown mirrored images in "
        "training, not turned ones.",
    )


def _points(estimate: Estimate) -> str:
    return interval(estimate.value, estimate.low, estimate.high, "points")


def _percent(estimate: Estimate) -> str:
    return interval(estimate.value, estimate.low, estimate.high, "percent")


def _auc(estimate: Estimate) -> str:
    return interval(estimate.value, estimate.low, estimate.high)


def summary(results: Results, card: Card, plan: Plan) -> dict[str, object]:
    """Return what else the page prints: the question, warnings, how many trials."""
    short = (
        f"Every arm trained for {plan.epochs} epochs at most, {plan.epochs * plan.steps:,} steps. "
        "From random weights that is a beginning: M3 says which start is ahead by then, not which "
        "would be in the end."
    )
    return {
        "question": "Does pretraining help to find melanomas, and what are the numbers worth?",
        "warnings": [NOT_A_DEVICE, DRAWN if card.synthetic else WARNING, short],
        "trials": {"complete": len(results), "diverged": []},
        "baseline": card.baseline,
    }
