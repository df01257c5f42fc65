"""Embedded studies from shell to the last figure, on an empty store, against what each may take."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import timed

ROOT = Path(__file__).resolve().parents[1]
WANTED = {"autoencoders": 120, "transfer_regimes": 120, "skin_lesions": 180}


def main(full: bool) -> None:
    """Print each study's time as a line; three times each if full."""
    for name, seconds in WANTED.items():
        times = timed(functools.partial(_run, name), 3 if full else 1)
        print(f"  {name}: {times}; wanted under {seconds} s", flush=True)


def _run(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        command = [sys.executable, str(ROOT / "experiments" / f"{name}.py")]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)
