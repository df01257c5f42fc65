"""What one set of logits is worth: hits, losses, confusion counts, and means that weigh samples.

Every function takes leading replica dimensions, so that K networks trained as one program are
measured as one. An image whose logits are not all finite has no prediction: it is wrong, it is
in no column of the confusion matrix and its loss is NaN. A network that diverged therefore
scores 0, not the share of class 0 that argmax over NaN would give it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

NO_PREDICTION = -1
"""stands for the class of an image whose logits are not all finite"""


def predict_classes(logits: Tensor) -> Tensor:
    """Pick the most probable class of every image.

    logits: (..., n, classes) float. Returns (..., n) int64, NO_PREDICTION where not finite.
    """
    return logits.argmax(-1).where(logits.isfinite().all(-1), NO_PREDICTION)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Tell which images are classified right.

    logits: (..., n, classes) float; labels: (n,) or (..., n) int64. Returns (..., n) bool.
    """
    return predict_classes(logits) == labels


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Measure the share of images classified right.

    logits: (..., n, classes) float; labels: (n,) or (..., n) int64. Returns (...) float32.
    """
    return correct(logits, labels).float().mean(-1)


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Measure the cross-entropy of every image, in nats.

    logits: (..., n, classes) float; labels: (n,) or (..., n) int64. Returns (..., n), float32
    where the logits are coarser. NaN where the logits are not all finite.
    """
    fine = logits if logits.dtype == torch.float64 else logits.float()
    truth = labels.expand(logits.shape[:-1]).unsqueeze(-1)
    nats = -F.log_softmax(fine, -1).gather(-1, truth).squeeze(-1)
    return nats.where(fine.isfinite().all(-1), torch.nan)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Measure the mean cross-entropy over the images, in nats.

    logits: (..., n, classes) float; labels: (n,) or (..., n) int64. Returns (...).
    """
    return losses(logits, labels).mean(-1)


def confusion(scores: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Count how often each true class (row) is taken for each class (column).

    scores: logits (..., n, n_classes) float, or predicted classes (..., n) int64.
    labels: (n,) or (..., n) int64. Returns (..., n_classes, n_classes) int64. A row adds up to
    the images of its class, less those without a prediction. Counts of batches may be added.
    Raises ValueError if a label or a predicted class is out of range.
    """
    predicted = predict_classes(scores) if scores.is_floating_point() else scores
    truth = labels.expand(predicted.shape)
    for name, classes, lowest in (("labels", truth, 0), ("predictions", predicted, NO_PREDICTION)):
        if classes.numel() and not lowest <= classes.min() <= classes.max() < n_classes:
            seen = f"{int(classes.min())}..{int(classes.max())}"
            raise ValueError(f"{name}: {seen}, wanted {lowest}..{n_classes - 1}")
    known = predicted != NO_PREDICTION
    cells = (truth * n_classes + predicted).where(known, 0)
    counts = torch.zeros(
        *predicted.shape[:-1], n_classes**2, dtype=torch.int64, device=scores.device
    )
    return counts.scatter_add_(-1, cells, known.long()).unflatten(-1, (n_classes, n_classes))


@dataclass
class Mean:
    """Average a quantity over samples, whatever the batches they came in.

    A mean of batch means, or a sum over samples divided by batches, cannot be written with it.
    Quantities are floats or tensors (one value a replica); tensors stay on their device, so
    that adding does not wait for it.
    """

    total: Tensor | float = 0.0
    n: int = 0

    def add(self, mean: Tensor | float, n: int) -> None:
        """Add a batch of n samples by its mean.

        Raises ValueError if n is below 1.
        """
        if n < 1:
            raise ValueError(f"n: {n}, wanted the number of samples, at least 1")
        self.total = self.total + (mean.detach() if isinstance(mean, Tensor) else mean) * n
        self.n += n

    @property
    def value(self) -> Tensor | float:
        """The mean over all samples; raises ValueError if none was added."""
        if self.n == 0:
            raise ValueError("Mean: no sample was added, wanted at least 1")
        return self.total / self.n
