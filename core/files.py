"""Files are written whole or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.errors import UserError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a file to write, which takes the place of `path` when the block ends without error.

    Until then, and for ever after a kill, a full disk or an exception, `path` is what it was. The
    file yielded is hidden, lies in the same folder and has the same suffix. A link stays a link,
    to the new content; what is no regular file (a pipe, /dev/stdout) is yielded itself. Makes no
    folder. An OSError names `path`.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        yield path
        return
    partial = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}{target.suffix[:16]}")
    try:
        yield partial
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # or a power cut may leave the new name on an empty file
        os.replace(partial, target)
    except OSError as error:
        if error.filename == str(partial):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write the text that --out asks for. Raises UserError for a file that cannot be written."""
    try:
        write(path, text.encode())
    except OSError as error:
        wanted = f"a file that can be written is wanted ({error.strerror})"
        raise UserError(f"--out {path}: {wanted}") from error


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write_bytes(content)
