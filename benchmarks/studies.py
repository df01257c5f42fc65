"""Embedded studies from shell to the last figure, on an empty store, against what each may take."""

import functools
import tempfile
from collections.abc import Iterator

from benchmarks.results import Row
from benchmarks.timing import python, timed

WANTED = {"autoencoders": 120, "transfer_regimes": 120, "skin_lesions": 180}


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure each study once; as often as the rest if full."""
    for name, seconds in WANTED.items():
        times = timed(functools.partial(study, name), repeats if full else 1)
        yield Row(f"`{name}`, no option, from shell to last figure", times, goal=f"{seconds} s")


def study(name: str) -> None:
    """Run a study on an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        python(f"experiments/{name}.py", store=folder)
