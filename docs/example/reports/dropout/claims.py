"""What is claimed of dropout, and what tests it."""

import xarray as xr

from core.evaluation.verdicts import Decision, superior
from reports.lessons import NO_DATA, Lesson
from reports.scores import paired

lesson = Lesson(
    title="dropout",
    question="Does dropout help where there are few images?",
    study="dropout",
    data=NO_DATA,
    source="Srivastava et al., JMLR 15 (2014) 1929-1958",
    seeds=5,
    columns=("test/accuracy",),
    scores={"test/accuracy": "correct"},
)


@lesson.claim("X1", "Dropout of one half helps.", published="prose only", arms=("none", "half"))
def dropout_helps(study: xr.Dataset, margin: float) -> Decision:
    """More accurate with dropout of one half than without, paired by seed and image."""
    hits = study["correct"]
    return superior(paired(hits.sel(arm="half"), hits.sel(arm="none")), margin)
