"""Downloads by libraries: without their chatter, and given up soon where there is no network."""

import contextlib
import io
import socket
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 5  # without an answer; a library's own default is to wait for ever


def attempt(download: Callable[[], T]) -> T:
    """Call a function that may download, quietly and with a time limit on each answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return download()
    finally:
        socket.setdefaulttimeout(before)
