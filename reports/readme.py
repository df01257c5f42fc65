"""Put the ledger's present state, from the runs in the store, into README.md between its marks."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.config import FilePath, FolderPath, check_options
from core.data.config import default_root
from core.errors import UserError

MARKS = ("<!-- ledger: `python -m reports readme` writes it -->\n", "<!-- end of the ledger -->\n")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which file to change."""

    file: FilePath = Path(__file__).resolve().parents[1] / "README.md"
    """text with the two marks"""
    data_root: FolderPath = field(default_factory=default_root)
    """folder that the commands are to show as DATA_ROOT"""

    def __post_init__(self) -> None:
        check_options(self)


def main(config: Config) -> None:
    """Render the newest verdict on each claim, and the commands that they come from."""
    from core.outbox import write
    from core.store import Store
    from reports import ledger, page, studies

    store = Store()
    found = studies.collect(store).studies
    if not found:
        raise UserError(f"MLflow store {store.name}: no study to show; run one first")
    lines = ledger.build(found)
    cited = {e.study.run.id: e.study for line in lines for e in line.evidence[:1]}.values()
    commands = {portable(s.facts["command"], config.data_root): s.seconds for s in cited}
    text = page.environment(escape=False).get_template("readme.md.j2").render(
        ledger=lines,
        published=ledger.counts(lines, as_published=True),
        elsewhere=ledger.counts(lines, as_published=False),
        commands=commands,
    )  # fmt: skip
    try:
        whole = between(config.file.read_text("utf-8"), text)
        write(config.file, whole.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--file {config.file}: a text file in UTF-8 is wanted ({error})"
        ) from error
    print(f"ledger: {config.file}")


def between(text: str, new: str, marks: Sequence[str] = MARKS) -> str:
    """Replace what stands between the marks. Raises UserError unless each is there once."""
    begin, end = marks
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise UserError(
            f"--file: the lines {begin.strip()} and {end.strip()}, once each, are wanted"
        )
    return text[: text.index(begin) + len(begin)] + new + text[text.index(end) :]


def portable(command: str, data_root: Path) -> str:
    """Return a command without paths of this machine: below DATA_ROOT, or the name of a file."""
    root, arguments = str(data_root.resolve()), []
    for argument in shlex.split(command):
        known = argument.replace(root, "DATA_ROOT")
        arguments.append(Path(known).name if Path(known).is_absolute() else known)
    return shlex.join(arguments)
