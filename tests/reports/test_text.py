"""Names from outside are drawn as they are, wherever text reaches a figure."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from reports import figures
from reports.faces import sheets as faces
from reports.initialisation import figures as initialisation
from reports.skin import figures as skin
from reports.skin.readers import Reader

NAMES = ["note $\\frac{1$", "_hidden", "50 % $x^2$", "$", "\\alpha {", "日本 ^_", "a" * 200]


def drawn(figure):
    """Draw a figure; return all that is written on it."""
    figure.canvas.draw()
    texts = {text.get_text() for text in figure.findobj(plt.Text) if text.get_visible()}
    with io.BytesIO() as file:
        figure.savefig(file, format="png")
    plt.close(figure)
    return texts


def table(**columns):
    return pd.DataFrame(columns)


def confusion(names, **columns):
    rows = [(a, b) for a in names for b in names]
    true, predicted = zip(*rows, strict=True)
    return table(arm="an arm", true=true, predicted=predicted, share=0.5, **columns)


def plane(names):
    return table(arm="an arm", x=np.arange(len(names)), y=0.0, **{"class": names})


def curves():
    frame = table(task="melanoma", arm="an arm", sensitivity=[0.0, 1.0])
    frame["false alarms"] = frame["sensitivity_low"] = frame["sensitivity_high"] = [0.0, 1.0]
    return frame


FIGURES = {
    "confusions": lambda: initialisation.confusions(
        confusion([name[:3] for name in NAMES]), ["an arm"]
    ),
    "panels": lambda: figures.panels(NAMES)[0],
    "sheet": lambda: figures.contact_sheet([np.zeros((4, 4, 3), np.uint8)] * 7, NAMES),
    "skin confusions": lambda: skin.confusions(confusion(NAMES, count=3)),
    "skin roc": lambda: skin.roc(
        curves(),
        {("melanoma", "an arm"): "an arm"},
        [Reader(name=name, sensitivity=0.5, specificity=0.5) for name in NAMES],
    ),
    "plane": lambda: figures.plane(plane(NAMES), NAMES),
}


@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout", "ignore:.*collapsed")
@pytest.mark.parametrize("name", FIGURES)
def test_names_are_drawn_as_they_are(name):
    seen = {text.strip() for text in drawn(FIGURES[name]())}
    wanted = [each[:3] for each in NAMES] if name == "confusions" else NAMES
    assert {each.strip() for each in wanted} <= seen


def test_a_file_name_that_is_no_text_is_drawn(monkeypatch):
    from core.detection.faces import Faces

    none = Faces(np.empty((0, 4), np.float32), np.empty(0, np.float32), None, 0.0)
    image = np.zeros((9, 9, 3), np.uint8)
    figure = faces.side_by_side("caf\udce9 $x$.png", image, {"mtcnn": none})
    assert {"caf\\xe9 $x$.png", "mtcnn: 0 faces"} <= drawn(figure)


@pytest.mark.parametrize("base", [10, 2])
def test_ticks_of_logarithmic_axes_have_no_formulas(base):
    figure, axis = plt.subplots()
    axis.plot([1e-3, 1e4], [0.01, 0.05])
    axis.set_xscale("log", base=base)
    axis.set_yscale("log", base=base)
    texts = drawn(figure)
    assert not any("$" in text or "\\" in text for text in texts)
    assert {"10⁻¹", "10³"} <= texts if base == 10 else {"2⁻⁴", "2⁴"} & texts


def test_ticks_of_shares_have_no_decimals_that_say_nothing():
    frame = table(arm=["a", "b"], seed=0, accuracy=[0.1, 0.962])
    summary = table(
        arm=["a", "b"],
        accuracy=[0.1, 0.962],
        accuracy_low=[0.09, 0.958],
        accuracy_high=[0.11, 0.966],
    )
    texts = drawn(figures.accuracy_strip(frame, summary, 0.1))
    assert {"100%", "94%", "97%"} <= texts
    assert figures.percent(0.975) == "97.5%"
