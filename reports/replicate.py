"""Run what a claim needs, and print the verdict."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from core.config import check
from reports.verdicts import claims


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which claims to replicate."""

    names: tyro.conf.Positional[tuple[str, ...]]
    """claims, such as W3"""
    data_root: Path | None = None
    """where the real data lies (default: the environment's DATA_ROOT, else ./data)"""

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in claims()]
        valid = bool(self.names) and not unknown
        check("names", " ".join(unknown), valid, f"one or more of {', '.join(claims())}")


def main(config: Config) -> None:
    """Run each study that the claims need once, then print their lines of the ledger."""
    from core import provenance
    from core.tracking import Store
    from reports import ledger, studies, words

    for command in dict.fromkeys(claims()[name].command for name in config.names):
        arguments = [sys.executable, *shlex.split(command)[1:]]
        if config.data_root:
            arguments += ["--data-root", str(config.data_root.resolve())]
        print(f"running {command}", flush=True)
        status = subprocess.run(arguments, cwd=provenance.ROOT).returncode
        if status:
            sys.exit(status)
    shelf = studies.collect(Store())
    for line in ledger.build(shelf.studies):
        if line.name not in config.names:
            continue
        print(f"\n{line.name}: {line.claim.statement}\n  published: {line.claim.published}")
        for entry in line.entries[:1]:
            parts = "; ".join(words.part(part) for part in entry.row["parts"])
            print(f"  ours on {entry.study.data}: {parts}")
            print(f"  {entry.row['verdict']}. {entry.row['needed']}".rstrip())
