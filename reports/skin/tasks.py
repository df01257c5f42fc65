"""The challenge's tasks, and what the arms score in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from core.data.images import Splits
from core.evaluation.calibration import temperature
from core.evaluation.thresholds import Rule, choose_threshold
from reports import tables
from reports.tables import Results

POSITIVES = {"melanoma": "melanoma", "keratosis": "seborrheic_keratosis"}
"""task -> its class; the others are the rest"""
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """How thresholds are chosen on validation, and where the test would be used."""

    rule: Rule
    target: float
    miss_cost: float
    prevalence: float


@dataclass(frozen=True)
class Task:
    """One class against the rest, on the test images, by arm."""

    name: str
    positive: int
    labels: NDArray[np.bool_]
    scores: Mapping[str, Floats]
    """arm -> log-odds, (seeds, n)"""
    thresholds: Mapping[str, Floats]
    """arm -> (seeds,), chosen on validation"""

    def called(self, logits: NDArray[np.generic], arm: str) -> NDArray[np.bool_]:
        """Call other images at the arm's thresholds; logits (seeds, ..., n, classes)."""
        odds = log_odds(logits, self.positive)
        return odds >= self.thresholds[arm].reshape(-1, *[1] * (odds.ndim - 1))


def log_odds(logits: NDArray[np.generic], positive: int) -> Floats:
    """Return the log-odds of a class against the rest; logits (..., classes)."""
    z = np.asarray(logits, dtype=np.float64)
    return z[..., positive] - logsumexp(np.delete(z, positive, axis=-1), axis=-1)


def read(results: Results, splits: Splits, operation: Operation) -> list[Task]:
    """Read the tasks off a study's results; those whose class is missing are left out."""
    val, test = (tables.scores(results, f"{side}_logits") for side in ("val", "test"))
    costs = {"miss_cost": operation.miss_cost, "prevalence": operation.prevalence}
    classes, choose = splits.card.classes, {"target": operation.target, **costs}
    found = []
    for name, positive in POSITIVES.items():
        if positive not in classes:
            continue
        index = classes.index(positive)
        own = splits.val.labels.numpy() == index
        thresholds = {
            arm: np.array([choose_threshold(row, own, operation.rule, **choose) for row in rows])
            for arm, rows in ((arm, log_odds(logits, index)) for arm, logits in val.items())
        }
        scores = {arm: log_odds(logits, index) for arm, logits in test.items()}
        found.append(Task(name, index, splits.test.labels.numpy() == index, scores, thresholds))
    return found


def temperatures(results: Results, val_labels: NDArray[np.int64]) -> dict[str, Floats]:
    """Fit a temperature for every trial on validation: arm -> (seeds,)."""
    return {
        arm: np.array([temperature(logits, val_labels) for logits in each])
        for arm, each in tables.scores(results, "val_logits").items()
    }


def probabilities(
    results: Results, positive: int, temperature_of: Mapping[str, Floats] | None = None
) -> dict[str, Floats]:
    """Return each arm's probabilities of a class on the test images, (seeds, n)."""
    found = {}
    for arm, logits in tables.scores(results, "test_logits").items():
        t = temperature_of[arm][:, None, None] if temperature_of else 1.0
        found[arm] = softmax(np.asarray(logits, dtype=np.float64) / t, axis=-1)[..., positive]
    return found
