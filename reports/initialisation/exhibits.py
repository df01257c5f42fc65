"""Tables and figures of the study of initialisation schemes."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from core.data.card import baseline
from core.evaluation.intervals import wilson
from core.evaluation.prognosis import OUTLOOKS, observe
from reports import accuracies, tables, words
from reports.initialisation import figures
from reports.initialisation.claims import lesson, on_course_network
from reports.lessons import Exhibit
from reports.scores import by_arm

PERCENT = {"accuracy": "percent", "accuracy, dropout on": "percent"}


def _summary(study: xr.Dataset, scale: str = "course") -> pd.DataFrame:
    trials = study.sel(scale=scale)
    scores = {"accuracy": trials["correct"], "accuracy, dropout on": trials["correct_dropout"]}
    table = tables.arms(scores, {"loss": trials["test/loss"]})
    if "diverged_at" not in trials:
        return table.assign(diverged=0)
    steps = trials["diverged_at"]
    diverged = [int(np.isfinite(steps.sel(arm=arm)).sum()) for arm in table["arm"]]
    return table.assign(diverged=diverged)


@lesson.exhibit
def schemes(study: xr.Dataset) -> Exhibit:
    """Return accuracy and loss of every scheme, on the course's network and on the larger one."""
    networks = [_summary(study)]
    if "larger" in study["scale"]:
        larger = _summary(study, "larger")
        networks.append(larger.assign(arm=larger["arm"] + ", larger"))
    return Exhibit(
        caption="Test accuracy and loss by scheme: mean, 95 % interval over seeds and images. "
        "Larger: on a network of 5 hidden layers, not 2, which W6 asks for.",
        table=pd.concat(networks, ignore_index=True),
        units=PERCENT,
    )


@lesson.exhibit
def accuracy(study: xr.Dataset) -> Exhibit:
    """Return every seed's accuracy, and the arms' intervals."""
    return accuracies.accuracies(study, on_course_network(study, "test/accuracy"), _summary(study))


@lesson.exhibit
def loss_curves(study: xr.Dataset) -> Exhibit:
    """Return the training losses."""
    frame = tables.curves(on_course_network(study, "step_losses"))
    guess = float(np.log(study.sizes["class"]))
    return Exhibit(
        caption="Training loss. Thin lines are seeds, the band is the 95 % interval of their "
        "geometric mean, the dashed line the loss of an even guess.",
        table=frame,
        figure=partial(figures.loss_curves, frame, guess),
    )


@lesson.exhibit
def differences(study: xr.Dataset) -> Exhibit | None:
    """Return the paired differences of all schemes."""
    return accuracies.differences(on_course_network(study))


@lesson.exhibit
def prognosis(study: xr.Dataset) -> Exhibit:
    """Return the init doctor's predictions beside what happened."""
    accuracies = dict(by_arm(on_course_network(study, "test/accuracy")))
    outlooks = on_course_network(study, "doctor/outlook")
    means = {arm: float(values.mean()) for arm, values in accuracies.items()}
    chance, best, rows = baseline(study.attrs["card"]), max(means.values()), []
    for arm, value in means.items():
        seen = outlooks.sel(arm=arm).dropna("seed").values
        predicted, observed = OUTLOOKS[int(np.median(seen))], observe(value, chance, best)
        rows.append((arm, predicted, observed, "yes" if predicted == observed else "no", len(seen)))
    frame = pd.DataFrame(rows, columns=["arm", "predicted", "observed", "right", "seeds"])
    n_right = int((frame["right"] == "yes").sum())
    share = wilson(n_right, len(frame))
    bounds = (share.value, share.low, share.high)
    return Exhibit(
        caption="The init doctor's prediction, made before training, beside what happened: cannot "
        "train = within 2 points of the baseline, will train = within 2 points of the best. Right "
        f"for {n_right} of {len(frame)} schemes ({words.interval(*bounds, 'percent')}).",
        table=frame,
    )


@lesson.exhibit
def doctor(study: xr.Dataset) -> Exhibit:
    """Return what the doctor saw of each layer."""
    seen, rows = on_course_network(study, "doctor"), []
    for arm, layers in by_arm(seen):
        middle = layers.median("seed").dropna("layer").transpose("layer", "quantity")
        rows += [(arm, f"layer {i}", *row) for i, row in enumerate(middle.values.tolist(), 1)]
    frame = pd.DataFrame(rows, columns=["arm", "layer", *seen["quantity"].values.tolist()])
    return Exhibit(
        caption="The init doctor: each layer on one batch before training, median over seeds.",
        table=frame,
        figure=partial(figures.doctor, frame),
        deep=True,
    )


@lesson.exhibit
def weights(study: xr.Dataset) -> Exhibit:
    """Return where the initial weights lie."""
    return _beginnings(study, "weights", "Initial weights by layer", "initial weight")


@lesson.exhibit
def activations(study: xr.Dataset) -> Exhibit:
    """Return where the outputs of untrained layers lie."""
    what = "Outputs of each layer before the ReLU, before training"
    return _beginnings(study, "outputs", what, "output before the ReLU")


def _beginnings(study: xr.Dataset, name: str, what: str, label: str) -> Exhibit:
    frame = tables.quantiles(on_course_network(study, name).sel(seed=0))
    return Exhibit(
        caption=f"{what}, seed 0: the middle 95 % (thin), the middle half (thick) and the median "
        "(dot). One scale for all, linear around zero and logarithmic beyond.",
        table=frame,
        figure=partial(figures.spreads, frame, label),
        deep=True,
    )


@lesson.exhibit
def confusion(study: xr.Dataset) -> Exhibit:
    """Return the confusion matrices."""
    frame = tables.confusions(on_course_network(study, "confusion"))
    shown = tables.unlike(frame)
    left = frame["arm"].nunique() - len(shown)
    others = f" The {left} others are like one of these; the table has them." if left else ""
    return Exhibit(
        caption="Confusion matrices that differ, the best scheme's first: counts of all seeds "
        f"added, shaded by share of the true class.{others}",
        table=frame,
        figure=partial(figures.confusions, frame, shown),
        units={"share": "percent"},
        deep=True,
    )
