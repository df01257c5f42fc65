"""The init doctor's part in the study: what it saw before training, and whether it was right."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.card import Card
from core.data.images import Images, order
from core.evaluation.intervals import wilson
from core.models.doctor import OUTLOOKS, Diagnosis, examine, observe, ranks
from core.results import Exhibit, Trial
from reports import figures, tables
from reports.tables import Results

BATCH = 256  # images that the doctor looks at


def diagnose(models: Mapping[Trial, nn.Sequential], train: Images) -> list[Diagnosis]:
    """Examine every network before training, on the first images of its seed's data order."""
    found, cpu = [], torch.device("cpu")
    for trial, model in models.items():
        batch = order(len(train), trial.seed, 1)[:BATCH]
        found.append(examine(model, *next(train.stream([batch], cpu))))
    return found


def metrics(diagnosis: Diagnosis, weights: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the doctor's numbers as metrics, and the hidden weights' rank after training."""
    hidden = diagnosis.layers[:-1]
    trained = ranks([value for value in weights.values() if value.dim() > 1][:-1])
    return {
        "doctor/loss": diagnosis.loss,
        "doctor/outlook": float(OUTLOOKS.index(diagnosis.outlook)),
        "doctor/rank": float(min((layer.rank for layer in hidden), default=0)),
        "doctor/dead": max((layer.dead for layer in hidden), default=0.0),
        "trained/rank": float(min(trained, default=0)),
    }


def arrays(diagnosis: Diagnosis) -> dict[str, NDArray[np.float64]]:
    """Return the doctor's layers, (layers, 5): activation, gradient, dead, rank, full rank."""
    rows = [(e.activation, e.gradient, e.dead, e.rank, e.full_rank) for e in diagnosis.layers]
    return {"doctor": np.array(rows, dtype=np.float64)}


def exhibits(results: Results, card: Card) -> list[Exhibit]:
    """Return the predictions beside what happened, and the doctor's layers as heat maps."""
    scored, layers = score(results, card), _layers(results)
    n_right = int((scored["right"] == "yes").sum())
    share = wilson(n_right, len(scored))
    interval = f"95 % interval {share.low:.0%} to {share.high:.0%}"
    return [
        Exhibit(
            "prognosis",
            "The init doctor's prediction, made before training, beside what happened: cannot "
            "train = within 2 points of the baseline, will train = within 2 points of the best. "
            f"Right for {n_right} of {len(scored)} schemes ({interval}).",
            scored,
        ),
        Exhibit(
            "doctor",
            "The init doctor: each layer on one batch before training, median over seeds.",
            layers,
            figures.doctor(layers),
        ),
    ]


def score(results: Results, card: Card) -> pd.DataFrame:
    """Set each arm's prediction beside what happened: arm, predicted, observed, right, seeds."""
    accuracy = {arm: float(v.mean()) for arm, v in tables.metric(results, "test/accuracy").items()}
    best, rows = max(accuracy.values()), []
    for arm, outlooks in tables.metric(results, "doctor/outlook").items():
        predicted = OUTLOOKS[int(np.median(outlooks))]
        observed = observe(accuracy[arm], card.baseline, best)
        right = "yes" if predicted == observed else "no"
        rows.append((arm, predicted, observed, right, len(outlooks)))
    return pd.DataFrame(rows, columns=["arm", "predicted", "observed", "right", "seeds"])


def _layers(results: Results) -> pd.DataFrame:
    rows = []
    for arm, each in tables.scores(results, "doctor").items():
        for index, (activation, gradient, dead, rank, full) in enumerate(np.median(each, 0), 1):
            rows.append((arm, f"layer {index}", activation, gradient, dead, rank / full))
    return pd.DataFrame(rows, columns=["arm", "layer", "activation", "gradient", "dead", "rank"])
