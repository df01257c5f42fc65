"""Run a script: options in, one line for what the user can put right, a clean stop on Ctrl-C."""

import errno
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeVar

import tyro

from core.errors import UserError

Config = TypeVar("Config")

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def run(main: Callable[[Config], None], config: type[Config], description: str) -> None:
    """Parse the command line into `config`, call `main`, and exit.

    Options of nested dataclasses are flat: `--epochs`, not `--train.epochs`. Exit status: 0; 2
    for a UserError and for a disk that cannot be written, printed as one line; 130 for Ctrl-C or
    SIGTERM, after which the same command goes on. A second Ctrl-C ends the process at once.
    """
    try:
        options = tyro.cli(
            config,
            prog=_program(),
            # Each of these lines is a paragraph: tyro would join them.
            description=re.sub(r"(?<!\n)\n(?=(Command|Expected|Source):)", "\n\n", description),
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, _interrupt)
        main(options)
    except UserError as error:
        _stop(str(error), 2)
    except BrokenPipeError:  # `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _stop(f"{error.filename or 'writing to disk'}: {error.strerror}", 2)
    except KeyboardInterrupt:
        _stop("interrupted: what is finished is kept; the same command goes on from there", 130)


def _program() -> str:
    """Name the program as one starts it; `python -m` where it is a package."""
    path = Path(sys.argv[0])
    file, *command = path.name.split()
    if file == "__main__.py":
        return " ".join(["python -m", path.parent.name, *command])
    return f"python {sys.argv[0]}"


def _interrupt(number: int, _: FrameType | None) -> None:
    """Raise KeyboardInterrupt once (SIGTERM too: Slurm, timeout); leave at once the next time."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _leave)
    raise KeyboardInterrupt


def _leave(number: int, _: FrameType | None) -> None:
    os.write(2, b"\ninterrupted twice: left at once; the same command goes on\n")
    os._exit(130)


def _stop(line: str, status: int) -> None:
    print(f"\n{line}" if status == 130 else line, file=sys.stderr)
    # Not sys.exit: a library's atexit hooks and worker threads must not add a traceback.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status) if status == 130 else sys.exit(status)
