"""Start every script with random options: each ends well, or says in one line what is wanted.

Of every script's own `--help` some options are drawn, with values that suit them and values that
nobody means: no number, no path, far too many. What is accepted runs, for a few seconds.
"""

import contextlib
import os
import random
import re
import resource
import runpy
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated

import psutil
from annotated_types import Interval

from benchmarks.kills import PROCESSES, SAID
from core.address import VARIABLE
from core.config import Positive
from core.errors import UserError
from core.provenance import ROOT

SCRIPTS = sorted(path.name for path in (ROOT / "experiments").glob("[a-z]*.py"))
STARTS = (
    *((name,) for name in SCRIPTS),
    ("skin_lesions.py", "score"),
    ("reports",),
    ("reports", "compare"),
)
"""scripts of experiments and packages, and their commands"""
OPTION = re.compile(r"^│ (--[a-z][\w-]*)(?:, --no-\S+)? *(\S*)", re.MULTILINE)
SMALL = {"--seeds": "2", "--epochs": "1", "--pretraining": "1", "--device": "cpu", "--width": "8"}
"""what keeps a study short, where it has such options"""
SUITING = {
    "INT": ("1", "2", "3", "16"),
    "FLOAT": ("0.1", "0.5", "1", "2"),
    "STR": ("digits", "lesions", "lfw-patches", "photos", "cnn", "resnet18", "random", "haar-alt"),
    "PATH": ("empty", "file.csv", "new/page.html"),
}
NUMBERS = ("-1", "0", "1.5", "1e9", "9" * 25, "nan", "inf", "-inf", "1e-320", "0x10", "1_000", "١")
WORDS = ("", " ", "None", "--", "-", "true", "*", "$HOME", "caf\udce9", "a\nb", "\x1b[31m", "日本")
PLACES = (
    *("~nobody/x", "/dev/null", "/dev/zero", "fifo", "empty", "file.csv", "/", "..", "x" * 300),
    *("x/" * 3000, "folder:", "folder:/nowhere", "folder:empty", "folder:file.csv", "sqlite:///x"),
    *(
        "http://me:secret@host/",
        "hf:nobody/nothing",
        "hf:../..",
        "loky:0",
        "ray:nowhere",
        "slurm:x",
    ),
    *("0001-01-01", "2026-02-30", "9999-99-99", "-3s", "999999h", "best:", "last:x", "isic2017"),
)
MEMORY = 12 * 2**30
TOLD = "ran until told to end"
ENDS = {0: "ended well", 2: "refused", 128 + signal.SIGTERM: TOLD, -signal.SIGTERM: TOLD}
PATIENCE = 60.0  # seconds that a script has to end, once told to


@dataclass(frozen=True, kw_only=True)
class Config:
    """How many sets of options."""

    n: Annotated[int, Interval(ge=1, le=1_000_000)] = 2000
    """sets of options"""
    seed: Annotated[int, Interval(ge=0)] = 0
    """of what is drawn"""
    seconds: Positive = 3.0
    """of computing, after which what is accepted is told to end"""


def main(config: Config) -> None:
    """Print how they ended; raises UserError where one did in another way than it should."""
    chance, ends, faults = random.Random(config.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty").mkdir()
        (folder / "file.csv").write_text("a,b\n1,2\n")
        os.mkfifo(folder / "fifo")
        run("reports", (), folder, inf)  # makes the store, which takes longest
        known = {start: options(start, folder) for start in STARTS}
        for _ in range(config.n):
            start = chance.choice(STARTS)
            given = [*start[1:], *draw(known[start], chance)]
            status, said, errors = run(start[0], given, folder, config.seconds)
            ends[ENDS.get(status, "otherwise")] += 1
            if ends.total() % 200 == 0:
                print(f"  {ends.total():,} of {config.n:,}", flush=True)
            if wrong := fault(status, said, errors):
                faults += 1
                print(f"  {start[0]} {shlex.join(given)[:300]!r}: {wrong}", flush=True)
    print("  " + ", ".join(f"{n:,} {end}" for end, n in sorted(ends.items())))
    if faults:
        raise UserError(f"{faults} of {config.n} sets of options: one line and status 2 are wanted")


def options(start: Sequence[str], folder: Path) -> dict[str, str]:
    """Return what `--help` lists: option -> kind of its values, empty for a switch."""
    _, said, _ = run(start[0], [*start[1:], "--help"], folder, PATIENCE)
    return dict(OPTION.findall(said))


def draw(known: dict[str, str], chance: random.Random) -> list[str]:
    """Draw up to four options with their values."""
    given = [word for option in SMALL if option in known for word in (option, SMALL[option])]
    pools = chance.choice(((), (NUMBERS, WORDS, PLACES)))  # half of the sets have what suits
    for option in chance.choices(sorted(known), k=chance.randint(1, 4)):
        kind = known[option]
        choices = re.findall(r"[\w-]+", kind) if kind.startswith("{") else []
        suiting = (*choices, *SUITING.get(kind.rpartition("|")[2].strip("[]"), ("2", "digits")))
        values = [
            chance.choice(chance.choice((suiting, suiting, *pools)))
            for _ in range(chance.choice((1, 1, 1, 1, 0, 2)) if pools else 1)
        ]
        is_switch = kind in ("", "│")
        given += [option] if is_switch and chance.random() < 0.9 else [option, *values]
    return given


def run(script: str, given: Sequence[str], folder: Path, seconds: float) -> tuple[int, str, str]:
    """Start a script of experiments, or a package; return its status and what it said."""
    process = PROCESSES.Process(target=_start, args=(script, given, folder))
    process.start()
    try:
        deadline, spent = time.monotonic() + max(PATIENCE, seconds), 0.0
        while process.is_alive() and spent < seconds and time.monotonic() < deadline:
            process.join(0.2)
            with contextlib.suppress(psutil.NoSuchProcess):
                spent = sum(psutil.Process(process.pid).cpu_times()[:2])
        if process.is_alive():
            process.terminate()
            process.join(PATIENCE)
    finally:
        process.kill()
        process.join()
    said, errors = ((folder / name).read_text(errors="replace") for name in (SAID, "errors.txt"))
    return process.exitcode or 0, said, errors


def _start(script: str, given: Sequence[str], folder: Path) -> None:
    os.chdir(folder)
    for number, name in ((1, SAID), (2, "errors.txt")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    places = {"DATA_ROOT": f"{folder}/data", "TORCH_HOME": f"{folder}/torch", "COLUMNS": "80"}
    os.environ.update({VARIABLE: f"sqlite:///{folder}/mlflow.db", **nowhere, **places})
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    is_script = script.endswith(".py")
    sys.argv = [str(ROOT / "experiments" / script) if is_script else script, *given]
    if is_script:
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(script, run_name="__main__", alter_sys=True)


def fault(status: int, said: str, errors: str) -> str:
    """Say how a script ended in another way than it should; empty if it did not."""
    if "Traceback" in said + errors:
        return (said + errors).strip().splitlines()[-1]
    if status not in ENDS:
        return f"status {status}: {errors[-200:]!r}"
    lines = [line for line in errors.splitlines() if line.strip()]
    return f"{len(lines)} lines: {errors[:300]!r}" if status == 2 and len(lines) != 1 else ""
