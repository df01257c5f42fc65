"""What a network's initial weights tell before training, and what became of it after."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from core.data.images import Images, Splits, order
from core.evaluation.metrics import confusion, correct, cross_entropy
from core.evaluation.prognosis import OUTLOOKS
from core.models.doctor import Diagnosis, examine, ranks
from core.training.batched import predict_many
from core.training.loop import Epoch
from core.training.replicas import Replicas
from core.trials import Array, Record, Trial

QUANTITIES = ("activation", "gradient", "dead", "rank")
"""of a layer, see `core.models.doctor.Layer`; the rank as a share of the full rank"""
PARTS = ("centre", "density")
"""of a histogram"""
BATCH = 256  # images that are shown to an untrained network
BINS = 40
SHOWN = 20_000  # values of a layer that make its histogram


def before(models: Mapping[Trial, nn.Sequential], train: Images) -> list[Record]:
    """Examine every network before training, on the first images of its seed's data order.

    Arrays: `doctor` (layer, quantity), and of seed 0 `weights` and `outputs` (layer, part, bin),
    histograms of each layer, see `histogram`.
    """
    records, cpu = [], torch.device("cpu")
    for trial, model in models.items():
        batch = order(len(train), trial.seed, 1)[:BATCH]
        pixels, labels = next(train.stream([batch], cpu))
        diagnosis = examine(model, pixels, labels)
        arrays: dict[str, Array] = {"doctor": (("layer", "quantity"), _layers(diagnosis))}
        metrics = _doctor(diagnosis)
        if trial.seed == 0:
            arrays |= _histograms(model, pixels)
            metrics |= _law(model)
        records.append(Record(metrics, arrays))
    return records


def _doctor(diagnosis: Diagnosis) -> dict[str, float]:
    hidden = diagnosis.layers[:-1]
    return {
        "doctor/loss": diagnosis.loss,
        "doctor/outlook": float(OUTLOOKS.index(diagnosis.outlook)),
        "doctor/rank": float(min((layer.rank for layer in hidden), default=0)),
        "doctor/dead": max((layer.dead for layer in hidden), default=0.0),
    }


def _layers(diagnosis: Diagnosis) -> NDArray[np.float64]:
    """Return each layer's `QUANTITIES`, (layers, 4); the rank as a share of the full rank."""
    rows = [(e.activation, e.gradient, e.dead, e.rank / e.full_rank) for e in diagnosis.layers]
    return np.array(rows, dtype=np.float64)


def _histograms(model: nn.Sequential, pixels: Tensor) -> dict[str, Array]:
    """Bin the weights and the outputs before the ReLU of every layer of an untrained network."""
    weights, outputs, x, was_training = [], [], pixels, model.training
    for module in model.eval():
        with torch.no_grad():
            x = module(x)
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            weights.append(histogram(module.weight.detach()))
            outputs.append(histogram(x))
    model.train(was_training)
    dims = ("layer", "part", "bin")
    return {"weights": (dims, np.stack(weights)), "outputs": (dims, np.stack(outputs))}


def histogram(values: Tensor) -> NDArray[np.float64]:
    """Return the centres of 40 bins and the density in each, (2, 40).

    The range is that of the values; where they are all equal, so are the centres.
    """
    flat = values.flatten()
    thin = flat[:: max(1, len(flat) // SHOWN)].numpy()
    low, high = float(thin.min()), float(thin.max())
    if low == high:
        return np.stack([np.full(BINS, low), np.ones(BINS)])
    density, edges = np.histogram(thin, BINS, (low, high), density=True)
    return np.stack([(edges[1:] + edges[:-1]) / 2, density])


def _law(model: nn.Sequential) -> dict[str, float]:
    """Test the weights against the law of the rule, U(-1, 1) when scaled by 1 / sqrt(n_in)."""
    layers = [module for module in model if isinstance(module, (nn.Linear, nn.Conv2d))]
    rows = [layer.weight.detach().flatten(1).numpy() for layer in layers]
    scaled = np.concatenate([(row * np.sqrt(row.shape[1])).ravel() for row in rows])
    test = stats.kstest(scaled, stats.uniform(-1, 2).cdf)
    return {
        "initial/rule_distance": float(test.statistic),
        "initial/rule_p": float(test.pvalue),
        "initial/weights": float(len(scaled)),
    }


def after(
    replicas: Replicas, splits: Splits, epochs: Sequence[Epoch], earlier: Sequence[Record]
) -> list[Record]:
    """Read the test images once, with dropout off and on; return each trial's record.

    earlier: what `before` returned for the same networks.
    """
    labels, n_classes = splits.test.labels.cpu(), len(splits.card.classes)
    logits = predict_many(replicas, splits.test).flatten(0, 1)
    noisy = predict_many(replicas, splits.test, dropout=True).flatten(0, 1)
    hits, noisy_hits = (correct(z, labels).to(torch.uint8).numpy() for z in (logits, noisy))
    counts, loss = confusion(logits, labels, n_classes).numpy(), cross_entropy(logits, labels)
    steps = np.concatenate([epoch.step_losses for epoch in epochs]).reshape(-1, len(earlier))
    records = []
    for index, first in enumerate(earlier):
        bad = np.flatnonzero(~np.isfinite(steps[:, index]))
        hidden = [value for value in replicas.weights(index).values() if value.dim() > 1][:-1]
        metrics = {
            "test/accuracy": float(hits[index].mean()),
            "test/accuracy_dropout": float(noisy_hits[index].mean()),
            "test/loss": float(loss[index]),
            "train/loss_last_batch": float(steps[-1, index]),
            **({"diverged_at": float(bad[0] + 1)} if len(bad) else {}),
            "trained/rank": float(min(ranks(hidden), default=0)),
        }
        arrays: dict[str, Array] = {
            "correct": (("image",), hits[index]),
            "correct_dropout": (("image",), noisy_hits[index]),
            "confusion": (("class", "predicted"), counts[index]),
            "step_losses": (("step",), steps[:, index].copy()),
        }
        records.append(Record({**first.metrics, **metrics}, {**first.arrays, **arrays}))
    return records
