"""Tables and figures of the breeds study."""

import numpy as np
import pandas as pd
import torch
from core.results import Exhibit
from numpy.typing import NDArray

from core.data.card import Card
from core.data.images import Splits
from core.evaluation.comparisons import compare_all
from core.evaluation.intervals import mean
from core.evaluation.metrics import confusion
from reports import tables
from reports.dogs import SCRATCH, figures
from reports.dogs.transfer import CURVES
from reports.figures import accuracy_strip, differences
from reports.tables import Results, columns

PAIRS = 6  # of confused breeds that are shown with pictures


def exhibits(results: Results, splits: Splits) -> list[Exhibit]:
    """Draw the study's tables and figures."""
    hits = tables.scores(results, "correct")
    return [
        *_accuracies(results, splits.card),
        *([_differences(hits)] if len(hits) > 1 else []),
        _curves(results),
        _recall(hits, splits),
        *_confused(results, splits),
    ]


def _accuracies(results: Results, card: Card) -> list[Exhibit]:
    hits, five = tables.scores(results, "correct"), tables.scores(results, "correct5")
    sizes, epochs = (tables.metric(results, f"trained/{n}") for n in ("parameters", "epochs"))
    rows = [
        {
            "arm": arm,
            **columns("accuracy", mean(hits[arm])),
            **columns("among the first five", mean(five[arm])),
            "trained parameters": int(sizes[arm][0]),
            "epochs": float(epochs[arm].mean()),
            "seeds": len(hits[arm]),
            "images": hits[arm].shape[1],
        }
        for arm in hits
    ]
    frame, every = pd.DataFrame(rows), tables.seeds(results)
    whole = f"{every['seed'].nunique()} seeds, 95 % interval over seeds and images"
    caption = (
        f"Test accuracy, top-1 and top-5: mean over {whole}; the weights are those of the epoch "
        f"with the lowest validation loss. Naming the largest class gives {card.baseline:.1%}."
    )
    percent = dict.fromkeys(("accuracy", "among the first five"), "percent")
    dots = f"A dot is a seed, a bar the mean over {whole}; dashed: naming the largest class."
    strip = accuracy_strip(every, frame, card.baseline)
    return [
        Exhibit("breeds", caption, frame, units=percent),
        Exhibit("accuracy", dots, every, strip, {"accuracy": "percent"}),
    ]


def _differences(hits: dict[str, NDArray[np.generic]]) -> Exhibit:
    frame = compare_all(hits)
    caption = (
        "Paired differences of test accuracy, row minus column, in points; * marks p < .05 after "
        "Holm over all pairs."
    )
    points = dict.fromkeys(("difference", "low", "high"), "points")
    return Exhibit("differences", caption, frame, differences(frame, [*hits]), points)


def _curves(results: Results) -> Exhibit:
    rows = [
        (trial.arm, trial.seed, epoch, *values)
        for trial, result in results.items()
        for epoch, values in enumerate(result.arrays["curves"].tolist(), 1)
    ]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "epoch", *CURVES])
    caption = (
        "Loss on training and validation images by epoch; a line is a seed, a dot the epoch whose "
        "weights were kept. Training stops when the validation loss has not fallen for a while."
    )
    return Exhibit("curves", caption, frame, figures.curves(frame))


def _recall(hits: dict[str, NDArray[np.generic]], splits: Splits) -> Exhibit:
    labels = splits.test.labels.cpu().numpy()
    rows = []
    for arm, table in hits.items():
        for index, name in enumerate(splits.card.classes):
            own = table[:, labels == index]
            if own.size > 1:
                share = columns("recall", mean(own))
                rows.append({"arm": arm, "breed": name, **share, "images": own.shape[1]})
    frame = pd.DataFrame(rows)
    caption = (
        "Share of each breed's test images that is named right, 95 % interval over seeds and "
        "images."
    )
    return Exhibit("recall", caption, frame, figures.recall(frame), {"recall": "percent"})


def _confused(results: Results, splits: Splits) -> list[Exhibit]:
    """List the pairs of breeds that the best arm confuses most, with pictures."""
    predicted = tables.scores(results, "predicted")
    accuracy = {a: float(v.mean()) for a, v in tables.metric(results, "test/accuracy").items()}
    arm = max((a for a in accuracy if a != SCRATCH), key=accuracy.__getitem__, default=SCRATCH)
    labels, classes = splits.test.labels.cpu(), splits.card.classes
    table = torch.from_numpy(predicted[arm])
    counts = confusion(table, labels, len(classes)).sum(0).numpy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[: 4 * PAIRS]
    rows = []
    pictures: list[NDArray[np.uint8]] = []
    for true, taken in zip(*np.unravel_index(order, counts.shape), strict=True):
        count, n = int(counts[true, taken]), int((labels == true).sum()) * len(table)
        if count == 0:
            break
        rows.append((arm, classes[true], classes[taken], count, n))
        if len(pictures) < 2 * PAIRS:
            mistaken = (labels == true) & (table == taken)
            known = (labels == taken) & (table == taken)
            chosen = torch.stack([m.sum(0).argmax() for m in (mistaken, known)])
            pictures += [*splits.test.take(chosen).tensor().numpy()]
    if not rows:
        return []
    frame = pd.DataFrame(rows, columns=["arm", "breed", "taken for", "count", "of"])
    caption = (
        f"Breeds that {arm} confuses most, counts of all seeds added. Pictures in pairs: a test "
        "image that is taken for the other breed, and one of that breed that is known for it."
    )
    return [Exhibit("confused", caption, frame, figures.confused(frame[:PAIRS], pictures))]
