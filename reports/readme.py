"""Put what the store says into docs/ledger.md and README.md, between their marks."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.config import FilePath, FolderPath
from core.data.config import default_root
from core.errors import UserError
from core.provenance import ROOT

if TYPE_CHECKING:
    from reports.ledger import Line

MARKS = ("<!-- `python -m reports readme` writes what follows -->\n", "<!-- until here -->\n")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which files to change."""

    summary: FilePath = ROOT / "README.md"
    """text with the two marks, for a line a lesson"""
    ledger: FilePath = ROOT / "docs" / "ledger.md"
    """text with the two marks, for a row a claim and the commands"""
    data_root: FolderPath = field(default_factory=default_root)
    """folder that the commands are to show as DATA_ROOT"""


def main(config: Config) -> None:
    """Render the verdicts of all stored studies, and the commands that they come from."""
    from core.store import Store
    from reports import ledger, page, studies
    from reports.lessons import lessons

    store = Store()
    shelf = studies.collect(store)
    shelf.tell()
    if not shelf.studies:
        raise UserError(f"MLflow store {store.name}: no study to show; run one first")
    lines = ledger.build(shelf.studies)
    by_name = {line.claim.name: line for line in lines}
    cited = {e.study.run.id: e.study for line in lines for e in line.evidence[:1]}.values()
    templates = page.environment(escape=False)
    ledger_text = templates.get_template("ledger.md.j2").render(
        ledger=lines,
        standing=ledger.standing(lines),
        commands={portable(s.facts["command"], config.data_root): s.seconds for s in cited},
    )
    summary = templates.get_template("readme.md.j2").render(
        lessons=[(lesson, [by_name[name] for name in lesson.claims]) for lesson in lessons()],
        tally=tally,
        headline=headline,
    )
    put("ledger", config.ledger, ledger_text)
    put("summary", config.summary, summary)


def tally(lines: "Sequence[Line]", as_published: bool) -> str:
    """Count the verdicts that rest on published data and training, or those that do not."""
    from reports import ledger

    counted = [line for line in lines if line.as_published and line.verdict != "not tested"]
    rest = [line for line in lines if line not in counted]
    return ledger.tally(counted if as_published else rest) or "none"


def headline(lines: "Sequence[Line]") -> "Line | None":
    """Return the claim of a lesson that is told first: decided, as published if one is."""
    decided = [line for line in lines if line.verdict in ("supported", "refuted")]
    return min(decided, key=lambda line: not line.as_published, default=None)


def put(option: str, file: Path, text: str, marks: Sequence[str] = MARKS) -> None:
    """Write a text between the marks of a file. Raises UserError where that cannot be."""
    from core.files import write

    try:
        write(file, between(file.read_text("utf-8"), text, option, marks).encode())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--{option} {file}: a text file in UTF-8 is wanted ({error})") from error
    print(f"written: {file}")


def between(text: str, new: str, option: str, marks: Sequence[str] = MARKS) -> str:
    """Replace what stands between the marks. Raises UserError unless each is there once."""
    begin, end = marks
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise UserError(
            f"--{option}: the lines {begin.strip()} and {end.strip()}, once each, are wanted"
        )
    return text[: text.index(begin) + len(begin)] + new + text[text.index(end) :]


def portable(command: str, data_root: Path) -> str:
    """Return a command without paths of this machine: below DATA_ROOT, or the name of a file."""
    root, arguments = str(data_root.resolve()), []
    for argument in shlex.split(command):
        known = argument.replace(root, "DATA_ROOT")
        arguments.append(Path(known).name if Path(known).is_absolute() else known)
    return shlex.join(arguments)
