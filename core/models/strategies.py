"""The strategies of transfer: what a network begins with, and which part of it is trained.

No heavy import: reports name strategies without running any.
"""

from dataclasses import dataclass

DEPTH = 3
"""stages of the staged CNN, see `core.models.networks.STAGES`"""


@dataclass(frozen=True)
class Strategy:
    """One way to use, or not to use, a pretrained network."""

    stages: int
    """how many of the first stages are kept; the head on them is always new"""
    frozen: bool
    begin: str
    """what those stages begin with, one of `core.models.config.ARMS`"""


STRATEGIES = {
    "head": Strategy(DEPTH, True, "pretrained"),
    "cut": Strategy(1, True, "pretrained"),
    "cut-2": Strategy(2, True, "pretrained"),
    "fine-tune": Strategy(DEPTH, False, "pretrained"),
    "scratch": Strategy(DEPTH, False, "random"),
    "statistics": Strategy(DEPTH, False, "statistics"),
    "shuffled": Strategy(DEPTH, False, "shuffled"),
}
"""the course's four, a second cut for the curve over depth, and two controls of fine-tuning"""
