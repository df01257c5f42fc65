"""Tables and figures of the study of initialisation schemes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.card import Card
from core.data.images import Images, Splits, order
from core.evaluation.comparisons import compare_all
from core.results import Exhibit
from reports import figures, tables
from reports.initialisation import prognosis
from reports.tables import Results

SHOWN = 20_000  # values of a layer that make its histogram


def exhibits(
    results: Results, splits: Splits, initial: Mapping[str, nn.Sequential]
) -> list[Exhibit]:
    """Draw the study's tables and figures. initial: arm -> its network before training, seed 0."""
    return [
        *_accuracies(results, splits.card),
        _losses(results, len(splits.card.classes)),
        _differences(results),
        *prognosis.exhibits(results, splits.card),
        *_beginnings(initial, splits.train),
        _confusions(results, splits.card),
    ]


def _accuracies(results: Results, card: Card) -> list[Exhibit]:
    summary, every = tables.arms(results), tables.seeds(results)
    n = every["seed"].nunique()
    whole = f"mean over {n} seeds, 95 % interval over seeds and images"
    percent = dict.fromkeys(("accuracy", "accuracy, dropout on"), "percent")
    return [
        Exhibit("schemes", f"Test accuracy and loss by scheme: {whole}.", summary, units=percent),
        Exhibit(
            "accuracy",
            f"Test accuracy by scheme. A dot is a seed, a bar the {whole}; the dashed line is "
            "the accuracy of naming the largest class.",
            every,
            figures.accuracy_strip(every, summary, card.baseline),
            {"accuracy": "percent"},
        ),
    ]


def _losses(results: Results, n_classes: int) -> Exhibit:
    frame = tables.curves(results)
    caption = (
        "Training loss. Thin lines are seeds, the band is the 95 % interval of their geometric "
        "mean, the dashed line the loss of an even guess."
    )
    figure = figures.loss_curves(frame, float(np.log(n_classes)))
    return Exhibit("loss-curves", caption, frame, figure)


def _differences(results: Results) -> Exhibit:
    scores = tables.scores(results, "correct")
    frame = compare_all(scores)
    caption = (
        "Paired differences of test accuracy, row minus column, in points; * marks p < .05 "
        "after Holm over all pairs."
    )
    points = dict.fromkeys(("difference", "low", "high"), "points")
    return Exhibit("differences", caption, frame, figures.differences(frame, [*scores]), points)


def _beginnings(initial: Mapping[str, nn.Sequential], train: Images) -> list[Exhibit]:
    weights, outputs = _samples(initial, train)
    scale = "densities, each on its own scale"
    return [
        Exhibit(
            "weights",
            f"Initial weights by layer, seed 0; {scale}.",
            weights,
            figures.histograms(weights, "initial weight"),
        ),
        Exhibit(
            "activations",
            f"Outputs of each layer before the ReLU, before training, seed 0; {scale}.",
            outputs,
            figures.histograms(outputs, "output before the ReLU"),
        ),
    ]


def _samples(
    initial: Mapping[str, nn.Sequential], train: Images
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bin the weights and the layer outputs of untrained networks on one batch."""
    batch = order(len(train), 0, 1)[: prognosis.BATCH]
    pixels, _ = next(train.stream([batch], torch.device("cpu")))
    weights, outputs = {}, {}
    for arm, model in initial.items():
        x, layer = pixels, 0
        for module in model.eval():
            with torch.no_grad():
                x = module(x)
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                layer += 1
                weights[arm, f"layer {layer}"] = _thin(module.weight.detach())
                outputs[arm, f"layer {layer}"] = _thin(x)
    return tables.histograms(weights, 40), tables.histograms(outputs, 40)


def _thin(values: Tensor) -> NDArray[np.float32]:
    flat = values.flatten()
    return flat[:: max(1, len(flat) // SHOWN)].numpy()


def _confusions(results: Results, card: Card) -> Exhibit:
    frame = tables.confusions(results, card.classes)
    caption = (
        "Confusion matrices, counts of all seeds added; true class down, predicted across, shaded "
        "by share of the true class."
    )
    return Exhibit("confusion", caption, frame, figures.confusions(frame), {"share": "percent"})
