"""The report of a store of 1,000 runs, from the shell to the written page."""

import tempfile

from benchmarks.timing import python, timed

SEEDS = 77  # times 13 arms


def main(full: bool) -> None:
    """Print the time as a line; five times if full."""
    with tempfile.TemporaryDirectory() as folder:
        python("experiments/init_schemes.py", "--seeds", str(SEEDS), "--epochs", "1", store=folder)
        page = ("-m", "reports", "--out", f"{folder}/a.html")
        times = timed(lambda: python(*page, store=folder), 5 if full else 1)
    print(f"  a page from {13 * SEEDS:,} runs: {times}; wanted under 15 s")
