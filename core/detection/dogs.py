"""Dogs by ImageNet class: the course's index rule, and the probability of all dogs together."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from core.errors import UserError
from core.evaluation.metrics import predict_classes

FIRST, LAST = 151, 268
"""ImageNet's breeds of dog, Chihuahua to Mexican hairless; wolves, dingo, dhole and African
hunting dog follow and are not among them"""
N_CLASSES = 1000
NAMES = {150: "sea lion", FIRST: "Chihuahua", LAST: "Mexican hairless", 269: "timber wolf"}

_NEARLY = re.compile(r"(^|[^a-z])(wolf|fox|coyote|dingo|dhole|hyena|jackal|hunting|cat)([^a-z]|$)")


def is_nearly_dog(name: str) -> bool:
    """Tell whether a file is named after a wolf, a fox, a cat or the like: a hard negative."""
    return bool(_NEARLY.search(name.lower()))


def check_classes(classes: Sequence[str], network: str) -> None:
    """Raise UserError unless the classes lie where the rule expects dogs.

    A network with a background class first, or with indices from 1, would shift them by one.
    """
    if len(classes) != N_CLASSES:
        raise UserError(
            f"--backbones {network}: a network with ImageNet's {N_CLASSES} classes is wanted, "
            f"this one has {len(classes)}"
        )
    for index, name in NAMES.items():
        if classes[index] != name:
            raise UserError(
                f"--backbones {network}: class {index} is {classes[index]!r}; {name!r} is wanted, "
                f"or classes {FIRST} to {LAST} are not the dogs"
            )


def is_dog(logits: Tensor) -> Tensor:
    """Apply the course's rule: the most probable class is a breed of dog.

    logits: (..., n, 1000) float. Returns (..., n) bool; False where logits are not finite.
    """
    top = predict_classes(logits)
    return (top >= FIRST) & (top <= LAST)


def dog_mass(logits: Tensor) -> Tensor:
    """Add the probabilities of all breeds: a score that a threshold turns into a rule.

    Two breeds that share the evidence both lose to a third thing in the course's rule, not here.
    logits: (..., n, 1000) float. Returns (..., n) float64 in [0, 1].
    """
    log = torch.log_softmax(logits.double(), -1)
    return log[..., FIRST : LAST + 1].logsumexp(-1).exp().clamp(0, 1)
