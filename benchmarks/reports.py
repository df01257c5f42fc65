"""The report of a store of 1,000 runs, from the shell to the written page."""

import tempfile
from collections.abc import Iterator

from benchmarks.results import Row
from benchmarks.timing import python, timed

SEEDS = 77  # times 13 arms


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure the page with its figures in the cache, and the command of a complete study."""
    with tempfile.TemporaryDirectory() as folder:
        study = ("experiments/init_schemes.py", "--seeds", str(SEEDS), "--epochs", "1")
        python(*study, store=folder)
        page = ("-m", "reports", "--out", f"{folder}/a.html")
        python(*page, store=folder)
        times = timed(lambda: python(*page, store=folder), repeats)
        yield Row(f"a page from {13 * SEEDS:,} runs", times, goal="3 s")
        times = timed(lambda: python(*study, store=folder), repeats)
        yield Row(f"a study of {13 * SEEDS:,} trials again: trains nothing", times, goal="3 s")
