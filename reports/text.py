"""Text in figures, drawn as it is.

Names of classes, files and readers come from outside, and a $ in them is no formula: what looks
like one and is none would stop the figure. So no text is read as mathematics, and the one place
where matplotlib itself writes formulas, the ticks of logarithmic axes, has plain text instead.
Whoever draws imports this.
"""

import re
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.scale import LogScale, register_scale
from matplotlib.ticker import LogFormatterSciNotation

POWERS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

mpl.rcParams["text.parse_math"] = False
mpl.rcParams["figure.constrained_layout.use"] = True  # and so no text covers another


class Powers(LogFormatterSciNotation):
    """Writes powers as text: 10⁻³, 3×10²."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the text of a tick; nothing where ticks are dense."""
        formula = super().__call__(x, pos).replace(r"\times", "×")
        text = re.sub(r"\^\{(.*?)\}", lambda match: match[1].translate(POWERS), formula)
        return re.sub(r"\$|\\mathdefault|[{}]", "", text)


class PlainLog(LogScale):
    """The logarithmic scale, `log`, with such ticks."""

    def __init__(self, *axes: Axis, **options: Any) -> None:
        """Make the scale; matplotlib before 3.11 hands over an axis, too."""
        super().__init__(*axes, **options)

    def set_default_locators_and_formatters(self, axis: Axis) -> None:
        """Set what the scale has by default, but for the formatters."""
        super().set_default_locators_and_formatters(axis)
        axis.set_major_formatter(Powers(self.base))
        axis.set_minor_formatter(Powers(self.base, labelOnlyBase=self.subs is not None))


register_scale(PlainLog)


def plain(text: str) -> str:
    """Return a text from outside for a legend, which leaves out what begins with an underscore."""
    return f" {text}" if text.startswith("_") else text
