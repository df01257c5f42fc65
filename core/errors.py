"""The one exception that is meant for the user: a single line, no traceback, exit status 2."""

import re
import textwrap


class UserError(Exception):
    """Something the user can put right.

    The message is one line: the argument, the value seen and the value wanted. No ValueError:
    tyro would wrap it in a box of its own.
    """

    def __str__(self) -> str:
        """Return the message as it may be shown, whatever was put into it."""
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """Return a text as one line that can be shown.

    Control characters and bytes that are not UTF-8 become escapes, so that a file's name cannot
    steer a terminal; passwords in addresses are hidden; words of 200 characters and more are cut.
    """
    words = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return re.sub(r"(\S{80})\S{80,}(\S{40})", r"\1...\2", without_password(shown))


def reason(error: BaseException) -> str:
    """Return what another library says was wrong, on one line, the end left out if it is long."""
    return textwrap.shorten(str(error) or type(error).__name__, 160, placeholder=" ...")


def without_password(text: str) -> str:
    """Hide user and password of every address in a text, also of addresses that are not valid."""
    text = re.sub(r"(?<=:/)(/?)[^\s'\"]*@", r"\1***@", text)
    return re.sub(r"(?i)\b((?:ssl)?password|passwd|pwd|token)=[^\s&'\"]+", r"\1=***", text)
