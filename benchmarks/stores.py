"""Damage stores at random: what is damaged is named and left out, and everything else is shown.

A store of two studies is made once. Of each copy the files, tags, rows, runs and outbox of one
study are damaged, or bits of the database are flipped. The report must show the other study; what
is damaged can be compared, run again and trained again, or is refused in one line.
"""

import json
import random
import shlex
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from benchmarks.damages import WAYS, sql
from benchmarks.options import fault, run
from core.errors import UserError

STUDY = shlex.split("--schemes zeros --seeds 2 --epochs 1 --no-larger --device cpu --width")
SOUND, DAMAGED = "8", "16"
"""widths of the two studies"""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How many stores."""

    n: Annotated[int, Interval(ge=1, le=1_000_000)] = 500
    """stores to damage; a fifth of them as databases, bit by bit"""
    seed: Annotated[int, Interval(ge=0)] = 0
    """of what is damaged"""


def main(config: Config) -> None:
    """Print what was shown and refused; raises UserError where a store was read wrongly."""
    chance, faults, refused = random.Random(config.seed), [], 0
    with tempfile.TemporaryDirectory() as name:
        folder, whole = Path(name, "store"), Path(name, "whole")
        folder.mkdir()
        for width in (SOUND, DAMAGED):
            if wrong := _said(folder, "init_schemes.py", *STUDY, width):
                raise UserError(f"the studies to damage: {wrong}")
        shutil.copytree(folder, whole)
        for number in range(config.n):
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
            is_database = number % 5 == 4
            done = [bits(folder, chance)] if is_database else damage(folder, chance)
            status, wrong = examine(folder, number, chance, sure=not is_database)
            refused += status == 2
            if number % 50 == 49:
                print(f"  {number + 1} of {config.n}", flush=True)
            if wrong:
                faults.append(number)
                print(f"  store {number}, {'; '.join(done)}: {wrong}", flush=True)
    print(f"  {config.n} stores damaged, {refused} of them refused in one line")
    if faults:
        raise UserError(f"stores {faults}: what is sound is wanted, and a line for the rest")


def examine(folder: Path, number: int, chance: random.Random, *, sure: bool) -> tuple[int, str]:
    """Report; of every third also compare, run or train again; return status and what is wrong.

    sure: the report must show the sound study.
    """
    runs = [run_id for (run_id,) in _quietly(folder, "SELECT run_uuid FROM runs")] or ["0" * 32]
    status, wrong = _report(folder, sure)
    if wrong or number % 3:
        return status, wrong
    command = (
        ("init_schemes.py", *STUDY, DAMAGED),
        ("reports", "compare", "init_schemes", "--metric", "test/accuracy", "--out", "c.html"),
        ("reports", "rerun", chance.choice(runs)),
    )[number // 3 % 3]
    wrong = _said(folder, *command)
    if not wrong and sure and command[0] == "init_schemes.py":
        wrong = _report(folder, sure)[1]
        wrong = wrong and f"after training again: {wrong}"
    return status, wrong


def _said(folder: Path, script: str, *given: str) -> str:
    """Start a script; return what was wrong with how it ended."""
    return fault(*run(script, given, folder, inf))


def _report(folder: Path, sure: bool) -> tuple[int, str]:
    """Report; return status and what is wrong, such as that the sound study is missing."""
    page = folder / "page.json"
    page.unlink(missing_ok=True)
    status, said, errors = run("reports", ("--format", "json", "--out", page.name), folder, inf)
    lines = [line for line in errors.splitlines() if not line.startswith("left out: ")]
    wrong = fault(status, said, "\n".join(lines))
    studies = json.loads(page.read_text())["studies"] if page.exists() else []
    widths = [str(study["provenance"]["settings"]["width"]) for study in studies]
    if not wrong and sure and (status or SOUND not in widths):
        wrong = f"status {status}, widths {widths}"
    return status, wrong


def _quietly(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    try:
        return sql(folder, statement)
    except (sqlite3.Error, UnicodeDecodeError):  # its bits are flipped
        return []


def bits(folder: Path, chance: random.Random) -> str:
    """Flip bits of the database."""
    content = bytearray((folder / "mlflow.db").read_bytes())
    n = chance.choice((1, 10, 100, 1000))
    for _ in range(n):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    (folder / "mlflow.db").write_bytes(content)
    return f"{n} bits of the database"


def damage(folder: Path, chance: random.Random) -> list[str]:
    """Damage one study in one to three ways; returns what was done."""
    rows = sql(
        folder,
        "SELECT own.run_uuid, role.value, own.value FROM tags own JOIN tags role USING (run_uuid) "
        "WHERE own.key = 'study_key' AND role.key = 'role' AND own.value IN (SELECT tags.value "
        "FROM tags JOIN params USING (run_uuid) WHERE tags.key = 'study_key' "
        "AND params.key = 'width' AND params.value = ?)",
        DAMAGED,
    )
    key, runs = rows[0][2], {run_id: role for run_id, role, _ in sorted(rows)}
    return [
        way(folder, key, runs, chance) for way in chance.sample(WAYS, chance.choice((1, 1, 2, 3)))
    ]
