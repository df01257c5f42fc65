"""How to paint. No heavy import: `--help` must answer at once."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Interval

from core.config import UNSAID, Positive, Settled, Steps, Weight, check, check_options

PUBLISHED_WEIGHTS = (1.0, 0.75, 0.2, 0.2, 0.2)
SMALLEST = 32  # pixels: five halvings leave one

_DEFAULTS: dict[str, dict[str, Any]] = {
    "published": {
        "size": 400,
        "optimizer": "adam",
        "lr": 0.003,
        "steps": 2000,
        "beta": 1e6,
        "tv": 0.0,
    },
    "normalised": {
        "size": 256,
        "optimizer": "lbfgs",
        "lr": 1.0,
        "steps": 150,
        "beta": 1e3,
        "tv": 10.0,
    },
}
_ADAM_RATE = 0.05  # where Adam is asked for in the normalised mode


@dataclass(frozen=True, kw_only=True)
class StyleConfig:
    """What a picture keeps of its content and takes of a style; --mode settles what is not set."""

    mode: Literal["normalised", "published"] = "normalised"
    """normalised: every loss is a share, so that weights mean what they say; published: the
    course's losses, weights, Adam on unclamped pixels, style squashed to the content's shape"""
    size: Settled[Annotated[int, Interval(ge=SMALLEST, le=4096)]] = None
    """longer side in pixels; smaller pictures keep theirs (default: 256, published 400)"""
    steps: Settled[Steps] = None
    """updates of the picture (default: 150, published 2000)"""
    optimizer: Settled[Literal["lbfgs", "adam"]] = None
    """default: lbfgs, published adam"""
    lr: Settled[Positive] = None
    """learning rate (default: lbfgs 1, adam 0.05, published 0.003)"""
    alpha: Weight = 1.0
    """weight of the content loss"""
    beta: Settled[Weight] = None
    """weight of the style loss (default: 1e3, published 1e6)"""
    tv: Settled[Weight] = None
    """weight of the total variation, which smooths (default: 10, published 0)"""
    style_layers: Annotated[tuple[str, ...], UNSAID] = ()
    """modules of the network that give the style (default: the first activation at each of the
    first five resolutions, VGG19's conv1_1 to conv5_1)"""
    style_weights: Annotated[tuple[Weight, ...], UNSAID] = ()
    """one a style layer (default: all 1, published 1 0.75 0.2 0.2 0.2)"""
    content_layer: str = ""
    """module that gives the content (default: the second activation at the fourth resolution,
    VGG19's conv4_2)"""
    colour: Literal["style", "content"] = "style"
    """whose colours to show; content: the style is transferred in luminance only"""
    every: Settled[Steps] = None
    """steps between intermediate pictures (default: a tenth of the steps)"""

    def __post_init__(self) -> None:
        check_options(self)
        none = self.alpha == 0 and self.beta == 0
        check("alpha", self.alpha, not none, "a number above 0, or --beta above 0,")
        shown = " ".join(map(str, self.style_weights))
        some = not self.style_weights or sum(self.style_weights) > 0
        check("style_weights", shown, some, "at least one above 0")
        distinct = len(set(self.style_layers)) == len(self.style_layers)
        check("style_layers", " ".join(self.style_layers), distinct, "a list without repetition")

    @property
    def is_published(self) -> bool:
        """Tell whether losses, pixels and the style's shape are the course's."""
        return self.mode == "published"

    def default_to(
        self,
        *,
        size: int | None = None,
        steps: int | None = None,
        beta: float | None = None,
        tv: float | None = None,
    ) -> "StyleConfig":
        """Return the config with these values where it has none of its own."""
        return replace(
            self,
            size=size if self.size is None else self.size,
            steps=steps if self.steps is None else self.steps,
            beta=beta if self.beta is None else self.beta,
            tv=tv if self.tv is None else self.tv,
        )

    def resolve(self) -> "StyleConfig":
        """Return the config with all that the mode settles."""
        defaults = dict(_DEFAULTS[self.mode])
        if self.optimizer == "adam" and not self.is_published:
            defaults["lr"] = _ADAM_RATE
        if self.optimizer == "lbfgs":
            defaults["lr"] = 1.0
        given = {name: getattr(self, name) for name in defaults}
        settled = {k: defaults[k] if given[k] is None else given[k] for k in defaults}
        every = self.every or max(1, settled["steps"] // 10)
        return replace(self, **settled, every=every)
