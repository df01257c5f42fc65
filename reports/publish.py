"""Put what is known of a study where MLflow's page shows it: arms, tables, figures, verdicts."""

import json
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from core.manifest import scalars
from core.outbox import StudyFolder, outbox
from core.store import Store
from core.tracking import StoreError
from reports import ledger, page, pictures, views, words
from reports.arms import arms, boards, number
from reports.lessons import Lesson
from reports.studies import Shelf, Study
from reports.tables import columns

BAR = 24
"""characters of the longest bar in the terminal"""
DIGITS = 4
"""of an arm's numbers; MLflow's page would show up to 17"""


def publish(store: Store, key: str) -> Study | None:
    """Judge and draw a stored study, and log arms, tables, figures and verdicts to its run.

    Prints the verdicts and where to look. Returns the study; None where the store is absent, and
    what waits for it is left for later.
    """
    study, folder = None, StudyFolder(outbox(store) / key)
    try:
        if folder.waiting():
            print(f"{folder.send(store)} trials sent: the store is back")
        for run in store.runs(f"tags.role = 'study' AND tags.study_key = '{key}'"):
            study = Study.read(store, run)
            with tempfile.TemporaryDirectory() as drawn:
                _write(study, Path(drawn))
                store.upload(run.id, drawn, "report")
            experiment = store.experiment(study.name)
            _arms(store, experiment, study)
            _describe(store, experiment, study)
            _tell(store, experiment, study)
    except StoreError as error:
        print(f"{error}; `python -m reports` shows the study when the store is back")
    return study


def _write(study: Study, folder: Path) -> None:
    for name, exhibit in study.exhibits.items():
        pictures.save(exhibit, folder / name)
    text = json.dumps(study.as_dict(), indent=2, default=str)
    (folder / "study.json").write_text(text, encoding="utf-8")
    lines = [line for line in ledger.build([study]) if line.evidence]
    (folder / "page.html").write_text(page.html(Shelf([study], []), lines), encoding="utf-8")


def _describe(store: Store, experiment: str, study: Study) -> None:
    """Describe the study's run, save the view of its arms, tag it complete."""
    lesson, arm = study.lesson, str(study.facts["arm"])
    verdicts = "\n".join(
        f"* **{name}** {entry.claim.statement} **{entry.verdict}**"
        for name, entry in study.entries.items()
    )
    note = f"{lesson.question}\n\n{verdicts}\n\n{study.size}; `{study.facts['command']}`"
    note += "\n\nNumbers and figures: artifacts, `report/page.html`"
    name = ", ".join([study.data, *study.counts[1:3]])
    tags = {"mlflow.note.content": note, "mlflow.runName": name, "complete": "true"}
    store.log(study.run.id, tags=tags)
    key = str(study.trials.attrs["key"])
    factors = [str(dim) for dim in study.trials["trained"].dims if dim not in ("arm", "seed")]
    view = views.saved_view(f"{study.title}: arms", (arm, *factors), lesson.columns, key)
    about = {"mlflow.note.content": lesson.question}
    store.describe(experiment, {views.TAG + key: view, **about})


def _tell(store: Store, experiment: str, study: Study) -> None:
    """Print the arms, the verdicts and where to look."""
    for line in _scoreboard(study):
        print(line)
    tested = any(entry.decision for entry in study.entries.values())
    for name, entry in study.entries.items() if tested else ():  # a picture tests no claim
        print(f"{name} {entry.verdict}: {entry.claim.statement}")
        advice = words.advice(entry) if entry.decision else entry.lacking
        for line in filter(None, (words.deciding(entry), advice)):
            print(f"   {line}")
    if not tested:
        print("No claim was tested; the report says what each takes.")
    if study.card["synthetic"]:
        print(words.SYNTHETIC)
    if apart := words.apart(study.entries.values()):
        print(apart)
    if command := words.following(study.entries.values()):
        print(f"on the published data: {command}")
    print("report: python -m reports")
    print(views.instructions(store.name, experiment, study.trials.attrs["key"]))


def _scoreboard(study: Study) -> Iterator[str]:
    """Yield a line an arm: its first metric with the interval, what it rests on, a small bar."""
    for board in boards(study):
        most = max(abs(estimate.value) for estimate in board.rows.values())
        rows = []
        for name, estimate in board.rows.items():
            bar = "\u2588" * round(BAR * abs(estimate.value) / most) if most else ""
            rows.append((name, board.shown(name), words.size(estimate), bar))
        yield f"{board.metric}, mean (95 % interval)"
        yield from (f"  {line}" for line in words.aligned(rows))


def _arms(store: Store, experiment: str, study: Study) -> None:
    """Log a run for each arm, with means over seeds, and hang its trials below it.

    Arms are derived: where trials have been added they are made anew. An arm's duration is the time
    that its trials trained.
    """
    key, facts = str(study.trials.attrs["key"]), study.facts
    runs: dict[str, str] = study.trials.attrs["runs"]
    query = f"tags.role = 'arm' AND tags.study_key = '{key}'"
    known = {run.tags.get("trials", ""): run for run in store.runs(query, experiment)}
    wanted = set()
    for name, levels, trials in arms(study.trials):
        content = sha256(repr(sorted(runs[trial] for trial in trials)).encode()).hexdigest()
        wanted.add(content)
        if content in known:
            continue
        tags = {"role": "arm", "study": study.name, "study_key": key, "trials": content}
        tags |= {"mlflow.parentRunId": study.run.id, "complete": "true"}
        seconds = float(study.trials["seconds"].sel(levels).sum())
        run_id = store.create(experiment, name, tags, time.time() - seconds)
        shown = {str(facts["arm"]) if k == "arm" else k: v for k, v in levels.items()}
        params = {"data": study.data, **scalars(facts["settings"]), **shown}
        store.log(run_id, list(_numbers(study.trials, levels, study.lesson)), params)
        store.end(run_id, "FINISHED")
        for trial in trials:
            store.log(runs[trial], tags={"mlflow.parentRunId": run_id})
    for content, run in known.items():
        if content not in wanted:
            store.delete(run.id)


def _numbers(
    trials: xr.Dataset, levels: dict[str, Any], lesson: Lesson
) -> Iterator[tuple[str, float, int]]:
    """Yield an arm's metrics (name, value, step): mean, `_low`, `_high`, n, and mean curves."""
    arm = trials.sel(levels)
    for name, values in arm.data_vars.items():
        if values.dims == ("seed",) and np.isfinite(values).any():
            estimate = number(arm, lesson, str(name))
            shown = columns(str(name), estimate) if estimate else {str(name): float(values.mean())}
            yield from ((column, _rounded(value), 0) for column, value in shown.items())
        elif values.dims == ("seed", "epoch"):
            for epoch, value in enumerate(values.mean("seed").values, 1):
                yield str(name), _rounded(float(value)), epoch
    yield "n", float(arm["trained"].sum()), 0


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
