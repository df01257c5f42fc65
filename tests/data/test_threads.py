"""Pictures are decoded in parallel, and memory follows from their pixels and not from the cores."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from core.data import threads
from core.data.threads import Budget, in_threads


def test_threads_keep_the_order():
    paths = list(range(200))
    assert in_threads(lambda n: n * n, paths, "squares") == [n * n for n in paths]


def test_no_more_pixels_than_the_budget_are_in_flight(tmp_path, monkeypatch):
    for index in range(12):
        Image.new("L", (10, 1 + index)).save(tmp_path / f"{index:02}.png")
    (tmp_path / "zz.png").write_text("no picture")
    monkeypatch.setattr(threads, "IN_FLIGHT", 150)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    lock, now, most = threading.Lock(), [0], [0]

    def work(path):
        pixels = threads.pixels_of(path)
        with lock:
            now[0] += pixels
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= pixels
        return path.name

    paths = sorted(tmp_path.iterdir())
    assert in_threads(work, paths, "working") == [path.name for path in paths]
    assert 120 <= most[0] <= 150


def test_what_exceeds_the_budget_takes_all_of_it():
    budget = Budget(10)
    with budget.hold(1000):
        waiting = threading.Thread(target=lambda: budget.hold(1).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()


PEAK = """
import os, resource, sys
from pathlib import Path
from core.data.looks import look_at
os.cpu_count = lambda: 12
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
looks = look_at(sorted(Path(sys.argv[1]).iterdir()), "looking")
print(len(looks.files), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.slow
def test_twelve_threads_need_no_more_memory_than_two(tmp_path):
    """49 million pixels each, opaque or not, of 8 and 16 bits; 3.6 GB before the bound."""
    ramp = Image.linear_gradient("L").resize((7000, 7000))
    ramp.convert("RGBA").save(tmp_path / "0.png", compress_level=1)
    ramp.convert("RGB").save(tmp_path / "1.jpg")
    Image.fromarray(np.asarray(ramp).astype(np.uint16) * 257).save(tmp_path / "2.png")
    for index in range(3, 14):
        (tmp_path / f"{index}.x").symlink_to(sorted(tmp_path.glob("[012].*"))[index % 3])
    command = [sys.executable, "-c", PEAK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    n, kib = map(int, done.stdout.split())
    assert n == 14
    assert kib < 1.5 * 2**20
