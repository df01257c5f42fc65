"""Tables that users bring: CSV in UTF-8, checked row by row."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError


@dataclass(frozen=True)
class Table:
    """The cells of a table, without the spaces around them."""

    what: str
    """how errors name it: the option and the file"""
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    numbers: list[int]
    """of the rows, as a spreadsheet counts them: the header is row 1"""

    def refuse(self, row: int, problem: str) -> UserError:
        """Return the error for a row, by its place in `rows`."""
        return UserError(f"{self.what}: row {self.numbers[row]}: {problem}")


def read(path: Path, what: str, wanted: Sequence[str], filled: Sequence[str] = ()) -> Table:
    """Read a table that has the columns `wanted`, and no empty cell in those of `filled`.

    Rows without any text are skipped. Raises UserError, one line that names the file, the row and
    what is wanted, for a file that is no table in UTF-8, has no rows, or a row of another length.
    """
    need = f"a CSV table with the columns {', '.join(wanted)} is wanted"
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{what}: not a regular file; {need}")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{what}: {error.strerror}; {need}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{what}: row {row} is not UTF-8 (byte 0x{content[error.start]:02x}); a table saved as "
            "CSV UTF-8 is wanted"
        ) from error
    return _parse(text, what, tuple(wanted), tuple(filled), need)


def _parse(
    text: str, what: str, wanted: tuple[str, ...], filled: tuple[str, ...], need: str
) -> Table:
    lines: list[list[str]] = []
    try:
        for line in csv.reader(io.StringIO(text, newline=""), strict=True):
            lines.append([cell.strip() for cell in line])
    except csv.Error as error:
        raise UserError(f"{what}: row {len(lines) + 1}: {error}; {need}") from error
    columns = tuple(lines[0]) if lines else ()
    if not any(columns):
        raise UserError(f"{what}: {'no header' if lines else 'an empty file'}; {need}")
    for name in wanted:
        if columns.count(name) != 1:
            seen = "twice" if name in columns else f"not among {', '.join(columns[:6])}"
            raise UserError(f"{what}: the column {name} is {seen}; {need}")
    table = Table(what, columns, [], [])
    for number, line in enumerate(lines[1:], 2):
        if not any(line):
            continue
        table.numbers.append(number)
        while len(line) > len(columns) and not line[-1]:
            line.pop()
        table.rows.append(dict(zip(columns, line, strict=False)))
        row = len(table.rows) - 1
        if len(line) != len(columns):
            raise table.refuse(row, f"{len(line)} cells; {len(columns)}, as in row 1, are wanted")
        for name in filled:
            if not table.rows[row][name]:
                raise table.refuse(row, f"{name} is empty; a value is wanted")
    if not table.rows:
        raise UserError(f"{what}: no rows below the header; {need}")
    return table
