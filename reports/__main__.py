"""Write the report: judge and draw every stored study; the ledger of all claims, and its section.

Reads the MLflow store (MLFLOW_TRACKING_URI, by default the repo's own) and writes one
self-contained page. Six more commands, each with --help:
  python -m reports compare NAME     compare the arms of any MLflow experiment
  python -m reports replicate W3     run what a claim needs and print the verdict; --all: all claims
  python -m reports rerun RUN_ID     train a logged trial again and compare every number
  python -m reports readme           put the ledger's present state into README.md
  python -m reports night            put into docs/running.md what a night decides, by machine
  python -m reports clean            list old studies and caches; remove what you say
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from core import cli
from core.config import (
    UNSAID,
    FilePath,
    FolderPath,
    Settled,
    check,
    check_names,
    check_options,
)
from core.errors import UserError
from core.files import write_text

if TYPE_CHECKING:
    from reports.studies import Study

OUT = Path(__file__).parent / "out"
EPOCH = date(1970, 1, 2)  # earlier days have no time stamp everywhere
COMMANDS = ("compare", "replicate", "rerun", "readme", "night", "clean")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to report."""

    study: Annotated[tuple[str, ...], UNSAID] = ()
    """experiments to report, such as init_schemes (default: all)"""
    since: Settled[str] = None
    """leave out studies begun before this date, YYYY-MM-DD"""
    format: Literal["html", "md", "json"] = "html"
    """a page with figures, or the ledger and tables as Markdown, or all numbers as JSON"""
    out: Settled[FilePath] = None
    """file to write; - prints it (default: reports/out/index.html, .md or .json)"""
    figures: Settled[FolderPath] = None
    """folder for every figure as SVG and PDF and every table as CSV, a sub-folder a study"""

    def __post_init__(self) -> None:
        check_options(self)
        wanted = "a day of 1970 or later, YYYY-MM-DD,"
        check("since", self.since, self.since is None or _is_day(self.since), wanted)


def _is_day(text: str) -> bool:
    try:
        return (
            re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and date.fromisoformat(text) >= EPOCH
        )
    except ValueError:
        return False


def main(config: Config) -> None:
    """Collect the studies, build the ledger, render, write, and say where it is."""
    from core.store import Store
    from reports import ledger, page, studies
    from reports.lessons import lessons

    known = sorted({lesson.study for lesson in lessons()})
    if config.study:
        check_names("study", dict.fromkeys(config.study), known)
    store = Store()
    since = datetime.fromisoformat(config.since) if config.since else None
    shelf = studies.collect(store, config.study, since)
    shelf.tell()
    if not shelf.studies:
        of = f" of {', '.join(config.study)}" if config.study else ""
        begun = f" begun since {config.since}" if config.since else ""
        raise UserError(
            f"MLflow store {store.name}: no study{of}{begun} to report; run one first: "
            f"python experiments/{next(iter(config.study), 'init_schemes')}.py"
        )
    render = {"html": page.html, "md": page.markdown, "json": page.as_json}[config.format]
    text = render(shelf, ledger.build(shelf.studies))
    if str(config.out) == "-":
        print(text)
        return
    out = config.out or OUT / f"index.{config.format}"
    write_text(out, text)
    print(f"report: {out.resolve()}")
    if config.figures:
        _export(shelf.studies, config.figures)


def _export(studies: "list[Study]", folder: Path) -> None:
    from tqdm import tqdm

    from reports import pictures

    try:
        for study in tqdm(studies, "figures", unit="study", disable=None):
            for name, exhibit in study.exhibits.items():
                pictures.export(exhibit, folder / f"{study.name}-{study.run.id[:8]}" / name)
    except OSError as error:
        wanted = f"a folder that can be written is wanted ({error.strerror})"
        raise UserError(f"--figures {folder}: {wanted}") from error
    print(f"figures and tables: {folder.resolve()}")


if __name__ == "__main__":
    cli.run_command("reports", COMMANDS, main, Config, __doc__ or "")
