"""Embedded studies from shell to the last figure, on an empty store, against what each may take."""

import functools
import tempfile

from benchmarks.timing import python, timed

WANTED = {"autoencoders": 120, "transfer_regimes": 120, "skin_lesions": 180}


def main(full: bool) -> None:
    """Print each study's time as a line; three times each if full."""
    for name, seconds in WANTED.items():
        times = timed(functools.partial(_run, name), 3 if full else 1)
        print(f"  {name}: {times}; wanted under {seconds} s", flush=True)


def _run(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        python(f"experiments/{name}.py", store=folder)
