"""Tables and figures of the example."""

import xarray as xr
from reports.dropout.claims import lesson

from reports import accuracies, tables
from reports.lessons import Exhibit


@lesson.exhibit
def accuracy(study: xr.Dataset) -> Exhibit:
    """Return every seed's accuracy, and the arms' intervals."""
    summary = tables.arms({"accuracy": study["correct"]})
    return accuracies.accuracies(study, study["test/accuracy"], summary)
