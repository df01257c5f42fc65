"""Files in threads: as many as there are cores, and as many pixels as memory is to hold."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from core.data.decode import MEGAPIXELS, pixels_of

T = TypeVar("T")

IN_FLIGHT = 2 * MEGAPIXELS * 1_000_000
"""pixels that are decoded at once, whatever the number of cores"""


class Budget:
    """What threads share, and wait for."""

    def __init__(self, total: int) -> None:
        self._left, self._changed = total, threading.Condition()
        self._total = total

    @contextlib.contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait until there is as much, and keep it while the block runs."""
        amount = min(amount, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


def in_threads(function: Callable[[Path], T], items: Sequence[Path], label: str) -> list[T]:
    """Map a function over picture files in threads, with a progress bar; in their order.

    Pillow lets go of the interpreter's lock. IN_FLIGHT bounds the pixels of files that the function
    works on at once.
    """
    budget = Budget(IN_FLIGHT)

    def bounded(item: Path) -> T:
        with budget.hold(pixels_of(item)):
            return function(item)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(tqdm(pool.map(bounded, items), label, len(items), unit="image", disable=None))
