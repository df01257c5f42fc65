"""Run what claims need, one study after the other, and print the verdicts.

Command:  python -m reports replicate W3      (on the published data)
          python -m reports replicate --all   (every study; an hour on 2 CPU cores)
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from core import cli
from core.config import UNSAID, FolderPath, Settled, check, check_options
from core.data.config import default_root
from core.errors import UserError

if TYPE_CHECKING:
    from core.store import Store

INTERRUPTED = {128 + sign for sign in (*cli.SIGNALS, signal.SIGPIPE)}
PATIENCE = 3.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which claims to replicate.

    Trials that are in the store are not trained again.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, UNSAID] = ()
    """claims, such as W3"""
    everything: Annotated[bool, tyro.conf.arg(name="all"), tyro.conf.FlagCreatePairsOff] = False
    """all of them, by the studies listed in reports/plan.toml: on real data where --data-root or
    DATA_ROOT names some, else on embedded data"""
    data_root: Settled[FolderPath] = None
    """where the real data lies (default: the environment's DATA_ROOT, else ./data)"""
    weights: str = "imagenet"
    """of the MobileNetV2 of --all: imagenet (torchvision's, downloaded), or a FILE that holds a
    state dict"""

    def __post_init__(self) -> None:
        from reports.lessons import claims  # with pandas, which --help does without

        check_options(self)
        unknown = " ".join(name for name in self.names if name not in claims())
        if unknown:
            raise UserError(f"claims {unknown}: one or more of {', '.join(claims())} are wanted")
        if bool(self.names) == self.everything:
            shown = " ".join(self.names) or "(none)"
            raise UserError(f"claims {shown}: either claims or --all is wanted")
        there = not (self.everything and self.is_real) or self.root.is_dir()
        check("data_root", self.root, there, "a folder")
        file = self.weights == "imagenet" or Path(self.weights).is_file()
        check("weights", self.weights, file, "imagenet or a file")
        used = self.everything or self.weights == "imagenet"
        check("weights", self.weights, used, "--all, whose studies use it,")

    @property
    def root(self) -> Path:
        """Return where the real data lies."""
        return self.data_root or default_root()

    @property
    def is_real(self) -> bool:
        """Tell whether somebody named that folder."""
        return self.data_root is not None or bool(os.environ.get("DATA_ROOT"))


def main(config: Config) -> None:
    """Run each study once, then print the lines of the ledger; exit with 1 if a study failed."""
    from core.store import Store
    from reports.lessons import claims

    commands = planned(config) if config.everything else asked(config.names)
    failed = []
    for index, command in enumerate(commands, 1):
        print(f"[{index}/{len(commands)}] {command}", flush=True)
        start = time.monotonic()
        status = run(command, config.root)
        if status in INTERRUPTED:
            sys.exit(status)
        print(f"  {'failed after' if status else 'took'} {time.monotonic() - start:.0f} s")
        failed += [command] if status else []
    show(Store(), config.names or tuple(claims()))
    for command in failed:
        print(f"failed, see above: {command}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def asked(names: Sequence[str]) -> list[str]:
    """Return the commands that give verdicts on the published data."""
    from reports.lessons import claims

    return list(dict.fromkeys(claims()[name].command for name in names))


def planned(config: Config) -> list[str]:
    """Return the plan's commands, with the user's paths in them."""
    plan = tomllib.loads(Path(__file__).with_name("plan.toml").read_text(encoding="utf-8"))
    root = config.root.resolve()
    weights = config.weights if config.weights == "imagenet" else os.path.abspath(config.weights)
    paths = {"DATA_ROOT": str(root), "WEIGHTS": weights}
    commands = []
    for command in plan["real" if config.is_real else "embedded"]:
        arguments = shlex.split(command)
        for name, path in paths.items():
            arguments = [argument.replace(name, path) for argument in arguments]
        commands.append(shlex.join(arguments))
    return commands


def run(command: str, data_root: Path) -> int:
    """Run a command from the repo's root; return its exit status."""
    from core import provenance

    arguments = [sys.executable, *shlex.split(command)[1:]]
    surroundings = {**os.environ, "DATA_ROOT": str(data_root.resolve())}
    with subprocess.Popen(arguments, cwd=provenance.ROOT, env=surroundings) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # a terminal tells the child too, and it closes its runs
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.terminate()  # a scheduler told this process only
            raise


def show(store: "Store", names: Sequence[str]) -> None:
    """Print the claims' lines of the ledger."""
    from reports import ledger, studies, words

    for line in ledger.build(studies.collect(store).studies):
        if line.claim.name not in names:
            continue
        print(f"\n{line.claim.name}: {line.claim.statement}\n  published: {line.claim.published}")
        for evidence in line.evidence[:1]:
            parts = "; ".join(words.parts(evidence.entry)) or "not tested"
            data = "; ".join([evidence.study.data, *evidence.caveats])
            print(f"  ours on {data}: {parts}")
            print(f"  {evidence.entry.verdict}. {words.advice(evidence.entry)}".rstrip())
        if not line.evidence:
            print(f"  not tested here: {line.claim.command}")
