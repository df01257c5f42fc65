"""The challenge's tasks: what the arms score in them, and thresholds chosen on validation."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import softmax

from core import dataset
from core.evaluation import roc
from core.evaluation.calibration import temperature
from core.evaluation.intervals import Estimate
from core.evaluation.odds import POSITIVES, log_odds
from core.evaluation.thresholds import Rule, choose_threshold
from reports.lessons import NotTestedError
from reports.scores import by_arm

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """How thresholds are chosen on validation, and where the test would be used."""

    rule: Rule
    target: float
    miss_cost: float
    prevalence: float

    @classmethod
    def of(cls, study: xr.Dataset) -> "Operation":
        """Read what the study was last run with: it changes how logits are judged, not them."""
        config = study.attrs["facts"]["config"]
        return cls(
            rule=config["threshold"],
            target=config["target_sensitivity"],
            miss_cost=config["miss_cost"],
            prevalence=config["prevalence"],
        )


@dataclass(frozen=True)
class Task:
    """One class against the rest, on the test images, by arm."""

    name: str
    positive: int
    labels: NDArray[np.bool_]
    """(image,)"""
    odds: xr.DataArray
    """(arm, seed, image), log-odds"""
    thresholds: xr.DataArray
    """(arm, seed), chosen on validation"""

    @property
    def arms(self) -> list[str]:
        """Return the arms that were trained."""
        return [arm for arm, _ in by_arm(self.odds)]

    def scores(self, arm: str) -> Floats:
        """Return an arm's log-odds, (seeds, images)."""
        return dataset.table(self.odds.sel(arm=arm)).values

    def chosen(self, arm: str) -> Floats:
        """Return an arm's thresholds, (seeds,)."""
        return dataset.table(self.thresholds.sel(arm=arm)).values[:, 0]

    def called(self, logits: xr.DataArray) -> xr.DataArray:
        """Call images at the thresholds; logits (arm, seed, ..., class). Returns 0. and 1."""
        return (odds(logits, self.positive) >= self.thresholds).astype(np.float64)

    def difference(self, a: str, b: str) -> Estimate:
        """Estimate the area of an arm less another's, over the seeds that both have."""
        first, second = dataset.aligned(self.odds.sel(arm=a), self.odds.sel(arm=b))
        return roc.auc_difference(first.values, second.values, self.labels)


def odds(logits: xr.DataArray, positive: int) -> xr.DataArray:
    """Return the log-odds of a class against the rest; logits (..., class)."""
    return xr.apply_ufunc(
        log_odds, logits, input_core_dims=[["class"]], kwargs={"positive": positive}
    )


def tasks(study: xr.Dataset) -> dict[str, Task]:
    """Read the tasks off a study, by name; those that lack images of a kind are left out.

    No test image has a part in the thresholds.
    """
    operation, classes = Operation.of(study), study["class"].values.tolist()
    by_name = {}
    for name, positive in POSITIVES.items():
        index = classes.index(positive) if positive in classes else -1
        labels = study["label"].values == index
        if _both(labels, 2) and _both(study["val_label"].values == index, 1):
            thresholds = _thresholds(study, index, operation)
            by_name[name] = Task(name, index, labels, odds(study["test_logits"], index), thresholds)
    return by_name


def _both(labels: NDArray[np.bool_], least: int) -> bool:
    """Tell whether there are so many images of either kind."""
    return bool(min(labels.sum(), (~labels).sum()) >= least)


def area(arm: xr.Dataset, positive: str) -> Estimate | None:
    """Estimate a class's area over seeds and images, of the trials of one arm."""
    index = arm["class"].values.tolist().index(positive)
    truth = arm["label"].values == index
    if not _both(truth, 2):
        return None
    return roc.auc(dataset.table(odds(arm["test_logits"], index)).values, truth)


def _thresholds(study: xr.Dataset, positive: int, operation: Operation) -> xr.DataArray:
    labels = study["val_label"].values == positive

    def choose(scores: Floats) -> float:
        if np.isnan(scores).any():  # of a trial that was not trained
            return np.nan
        return _threshold(scores.astype(np.float64).tobytes(), labels.tobytes(), operation)

    seen = odds(study["val_logits"], positive)
    return xr.apply_ufunc(choose, seen, input_core_dims=[["val_image"]], vectorize=True)


@functools.lru_cache(maxsize=4096)
def _threshold(scores: bytes, labels: bytes, operation: Operation) -> float:
    """Choose a seed's threshold; all claims, looks and exhibits of a study ask for the same."""
    return choose_threshold(
        np.frombuffer(scores),
        np.frombuffer(labels, dtype=bool),
        operation.rule,
        target=operation.target,
        miss_cost=operation.miss_cost,
        prevalence=operation.prevalence,
    )


def melanoma(study: xr.Dataset) -> Task:
    """Return the task that most claims are about; raises NotTestedError without its images."""
    if "melanoma" not in (by_name := tasks(study)):
        raise NotTestedError(
            "A class named melanoma is wanted, two or more test images of it and of the rest, and "
            "both among the validation images."
        )
    return by_name["melanoma"]


def nevi(study: xr.Dataset) -> NDArray[np.intp] | None:
    """Return the places of the test images of nevi; None without such a class."""
    classes = study["class"].values.tolist()
    if "nevus" not in classes:
        return None
    return np.flatnonzero(study["label"].values == classes.index("nevus"))


def subject(study: xr.Dataset) -> str:
    """Return the arm that the claims on one network are about: pretrained, if it was trained."""
    arms = [arm for arm, _ in by_arm(study["test/accuracy"])]
    return "pretrained" if "pretrained" in arms else arms[0]


def drawn(study: xr.Dataset) -> bool:
    """Tell whether the lesions are drawn by a program."""
    return bool(study.attrs["card"]["synthetic"])


def temperatures(study: xr.Dataset) -> dict[str, Floats]:
    """Fit a temperature for every trial on validation: arm -> (seeds,)."""
    labels = study["val_label"].values
    return {
        arm: np.array([temperature(z, labels) for z in logits])
        for arm, logits in _logits(study, "val_logits")
    }


def probabilities(
    study: xr.Dataset, positive: int, temperature_of: dict[str, Floats] | None = None
) -> dict[str, Floats]:
    """Return each arm's probabilities of a class on the test images, (seeds, n)."""
    shares = {}
    for arm, logits in _logits(study, "test_logits"):
        t = temperature_of[arm][:, None, None] if temperature_of else 1.0
        shares[arm] = softmax(logits / t, axis=-1)[..., positive]
    return shares


def _logits(study: xr.Dataset, name: str) -> Iterator[tuple[str, Floats]]:
    """Yield every arm with the logits of its seeds, (seeds, images, classes)."""
    for arm, logits in by_arm(study[name]):
        yield arm, logits.values[logits["trained"].values].astype(np.float64)
