"""The report of a store of 1,000 runs, from the shell to the written page."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import timed

ROOT = Path(__file__).resolve().parents[1]
SEEDS = 77  # times 13 arms


def main(full: bool) -> None:
    """Print the time as a line; five times if full."""
    with tempfile.TemporaryDirectory() as folder:
        store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}

        def run(*arguments: str) -> None:
            command = [sys.executable, *arguments]
            subprocess.run(
                command, check=True, capture_output=True, cwd=ROOT, env=os.environ | store
            )

        run("experiments/init_schemes.py", "--seeds", str(SEEDS), "--epochs", "1")
        times = timed(lambda: run("-m", "reports", "--out", f"{folder}/a.html"), 5 if full else 1)
    print(f"  a page from {13 * SEEDS:,} runs: {times}; wanted under 15 s")
