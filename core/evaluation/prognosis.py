"""What a look at an untrained network predicts, and what came of it, in the same words."""

from typing import Literal

Outlook = Literal["cannot train", "will train badly", "will train"]
OUTLOOKS: tuple[Outlook, ...] = ("cannot train", "will train badly", "will train")
NEAR = 0.02  # accuracy; closer to the best arm, or to the baseline, counts as equal


def observe(accuracy: float, baseline: float, best: float) -> Outlook:
    """Say what happened in the words of the prediction: near the baseline, near the best, between.

    All three are accuracies in [0, 1]; baseline is the share of the largest class.
    """
    if accuracy <= baseline + NEAR:
        return "cannot train"
    return "will train" if accuracy >= best - NEAR else "will train badly"
