"""Which networks to use, with which weights. No heavy import: `--help` must answer at once.

What an option `weights` may be is the same in every script: random (drawn from the seed), imagenet
(torchvision's first set, the one courses use: kept in TORCH_HOME and downloaded to it), digits
(only of the course's cnn: learnt from scikit-learn's digits), or a FILE that holds a state dict.
`core.models.weights` reads them.
"""

from dataclasses import dataclass

from core.config import NameOrFile, check, check_names, check_options

RANDOM, IMAGENET, DIGITS = "random", "imagenet", "digits"

ARMS = (RANDOM, "pretrained", "statistics", "shuffled")
"""what a network of a transfer study begins with, see `core.models.arms`"""


SCRATCH = "scratch"
"""the course's CNN, trained from random weights"""
TRAINED, FROZEN, DRIFTING = "trained", "frozen", "drifting"
"""what becomes of a network below its head: trained too; kept, batch norm's statistics included;
kept but for these, which follow the training images (the course's way)"""


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The pretrained networks of a study."""

    backbones: tuple[str, ...] = ("vgg16", "resnet18")
    """torchvision classifiers by name: vgg16, vgg19, resnet18, mobilenet_v2, ..."""
    weights: tuple[NameOrFile, ...] = (IMAGENET,)
    """one for all backbones or one for each: imagenet (torchvision's, kept in TORCH_HOME and
    downloaded to it), random, or a FILE that holds a state dict"""

    def __post_init__(self) -> None:
        check_options(self)
        check_names("backbones", self.backbones)
        fits = len(self.weights) in (1, len(self.backbones))
        check("weights", " ".join(self.weights), fits, f"one, or {len(self.backbones)}")

    @property
    def pairs(self) -> dict[str, str]:
        """Return backbone -> weights."""
        weights = self.weights if len(self.weights) > 1 else self.weights * len(self.backbones)
        return dict(zip(self.backbones, weights, strict=True))
