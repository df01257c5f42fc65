"""Tables and figures of the example."""

from functools import partial

import xarray as xr
from reports.dropout.claims import lesson

from core.data.card import baseline
from reports import figures, tables
from reports.lessons import Exhibit


@lesson.exhibit
def accuracy(study: xr.Dataset) -> Exhibit:
    """Return every seed's accuracy, and the arms' intervals."""
    summary = tables.arms({"accuracy": study["correct"]})
    every = tables.seeds(study["test/accuracy"], "accuracy")
    return Exhibit(
        caption="Test accuracy: a dot is a seed, a bar the mean with its 95 % interval.",
        table=every,
        figure=partial(figures.accuracy_strip, every, summary, baseline(study.attrs["card"])),
        units={"accuracy": "percent"},
    )
