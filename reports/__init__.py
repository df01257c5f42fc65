"""The report, and its three lines for a notebook.

import reports
study = reports.load("init_schemes", data="drawn-digits")  # an xarray Dataset: (arm, seed, ...)
reports.verdicts(study), reports.exhibits(study)["accuracy"].frame()
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from core.evaluation.verdicts import Decision
    from reports.lessons import Exhibit


def load(name: str, data: str | None = None, run: str | None = None) -> "xr.Dataset":
    """Read the stored trials of an experiment as one labelled dataset.

    data: name of a data set, as the report shows it. run: id of the study's run in MLflow, which
    its page shows. Where several studies fit, the one with the most trials is taken, of equals the
    latest. attrs hold the data card, the settings and what made the numbers. Raises UserError
    where there is none.
    """
    from core.errors import UserError
    from core.store import Store
    from reports.studies import collect

    store = Store()
    shelf = collect(store, [name])
    shelf.tell()
    studies = [
        study
        for study in shelf.studies
        if data in (None, study.data) and run in (None, study.run.id)
    ]
    if not studies:
        what = name + (f" on {data}" if data else "") + (f", run {run}" if run else "")
        raise UserError(f"{what}: no such study in the MLflow store {store.name}")
    return max(studies, key=lambda study: (study.trials["trained"].sum(), study.run.started)).trials


def verdicts(study: "xr.Dataset") -> "dict[str, Decision | None]":
    """Judge a study's claims: claim -> decision, None where it lacks what that needs."""
    from reports.judge import judge

    return {name: entry.decision for name, entry in judge(study).items()}


def exhibits(study: "xr.Dataset") -> "dict[str, Exhibit]":
    """Make the tables and figures of a study, by name; see `frame` and `plot`."""
    from reports import judge

    return judge.exhibits(study)
