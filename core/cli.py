"""Run a script: options in, one line for what the user can put right, a clean stop on Ctrl-C."""

import atexit
import contextlib
import difflib
import errno
import gc
import importlib
import io
import os
import re
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import FrameType
from typing import Never, TypeVar

import tyro

from core import refusals, torchrun
from core.address import hide_password
from core.config import check_options, has_positional
from core.errors import UserError, one_line

Config = TypeVar("Config")

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
UNUSABLE = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO}  # paths
SIGNALS = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")]
WHOLE = ("importlib", "sqlalchemy")
"""packages whose calls are not broken off: torch, half imported, aborts; SQLAlchemy closes what an
interrupt left open, and logs with a traceback what it cannot close"""
SPIN = "2000"
"""how long threads that wait for one another spin before they sleep (libgomp). Training on 2 cores,
quiet and beside four busy processes: never 8.0 and 25 s, so long 6.4 and 27, a hundred times as
long, about its default, 5.3 and 63"""
GARBAGE = 10_000
"""new objects before Python looks for cycles among them (its own: 700). MLflow, pandas and torch
are hundreds of thousands of objects that stay: of a report's 15 s, 2 went into looking at them, and
1 more at exit, for which they are frozen"""
ASK_AGAIN = 0.05  # seconds
ONE_PRESS = 0.1  # seconds: `timeout` and schedulers send the same signal twice, people do not


def run(main: Callable[[Config], object], config: type[Config], description: str) -> None:
    """Parse the command line into `config`, call `main`, and exit.

    Exit status: 0; 2 for a UserError, a training that diverged where that is no result, a disk
    that cannot be written and too little memory, printed as one line; 128 + n for signal n (Ctrl-C
    is 130), after which the same command goes on, and likewise, without a word, where nobody reads
    the output any more. A second signal ends the process at once.
    """
    _open_streams()
    if torchrun.follows():  # the first process speaks for all
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    hide_password()
    if "OMP_WAIT_POLICY" not in os.environ:  # before torch is loaded
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)
    sys.unraisablehook = _unraisable
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)
    try:
        try:
            options = parse(config, description, sys.argv[1:])
            for sign in SIGNALS:
                if sign != signal.SIGHUP or signal.getsignal(sign) != signal.SIG_IGN:  # nohup
                    signal.signal(sign, _interrupt)
            main(options)
        finally:
            sys.stdout.flush()  # not at exit, where a closed pipe would be a traceback
    except UserError as error:
        _stop(str(error), 2)
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EIO) and _is_unread():  # `| head`
            _stop("", 128 + signal.SIGPIPE)
        if error.errno not in UNWRITABLE | UNUSABLE:
            raise
        _stop(one_line(f"{error.filename or 'writing to disk'}: {error.strerror}"), 2)
    except FloatingPointError as error:
        _stop(one_line(f"{error}: training diverged; a lower --lr is wanted"), 2)
    except KeyboardInterrupt as interrupt:
        line = "interrupted: what is finished is kept; the same command goes on from there"
        _stop(line, 128 + (interrupt.args or (signal.SIGINT,))[0])
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        wanted = "fewer or smaller networks, images or batches are wanted"
        _stop(one_line(f"out of memory: {error}; {wanted}"), 2)


def run_command(
    package: str,
    names: Collection[str],
    main: Callable[[Config], object],
    config: type[Config],
    description: str,
) -> None:
    """Run the module of a package that the first argument names, as `run` does; else `main`.

    names: of such modules, each with `main`, `Config` and a docstring.
    """
    if sys.argv[1:2] and sys.argv[1] in names:
        name = sys.argv.pop(1)
        sys.argv[0] += f" {name}"  # as the usage is to show it
        command = importlib.import_module(f"{package}.{name}")
        run(command.main, command.Config, command.__doc__ or "")
        return
    word = "" if has_positional(config) else "".join(sys.argv[1:2])
    if near := difflib.get_close_matches(word, names, 1):
        _stop(one_line(f"{word}: no such command; perhaps you meant {near[0]}"), 2)
    run(main, config, description)


def parse(config: type[Config], description: str, arguments: Sequence[str]) -> Config:
    """Return the options as `config`; print the help and exit where it is asked for.

    Options of nested dataclasses are flat: `--epochs`, not `--train.epochs`. Raises UserError for
    whatever is refused, by tyro or by the dataclasses.
    """
    box, width = io.StringIO(), os.environ.get("COLUMNS")
    if not {"-h", "--help"} & set(arguments):
        os.environ["COLUMNS"] = "1000000"  # tyro wraps its refusals as it does its help
    try:
        with contextlib.redirect_stderr(box):
            options = tyro.cli(
                config,
                args=arguments,
                prog=_program(),
                # Each of these lines is a paragraph: tyro would join them.
                description=re.sub(r"(?<!\n)\n(?=(Command|Expected|Source):)", "\n\n", description),
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
            )
    except SystemExit as end:
        if not end.code:
            raise
        raise UserError(refusals.one_line(box.getvalue())) from None
    except (AssertionError, OSError) as error:
        if not arguments[0].startswith("--tyro"):  # its shell completions
            raise
        raise UserError(f"{' '.join(arguments[:3])}: {error}") from error
    else:
        sys.stderr.write(box.getvalue())  # warnings
        check_options(options)
        return options
    finally:
        os.environ.pop("COLUMNS", None)
        if width is not None:
            os.environ["COLUMNS"] = width


def _program() -> str:
    """Name the program as one starts it; `python -m` where it is a package."""
    path = Path(sys.argv[0])
    file, *command = path.name.split()
    if file == "__main__.py":
        return " ".join(["python -m", path.parent.name, *command])
    return f"python {sys.argv[0]}"


def _open_streams() -> None:
    """Give /dev/null to what was closed: the next file opened would take its number.

    What a stream cannot encode becomes an escape.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_unread() -> bool:
    """Tell whether stdout or stderr is a pipe or a terminal that nobody reads any more."""
    poll = select.poll()
    for number in (1, 2):
        poll.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _is_out_of_memory(error: Exception) -> bool:
    """Tell what torch raises as another error, on the CPU and on an accelerator."""
    words = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt with the signal's number; leave at once the next time.

    Within a call that is to be whole, once that is done.
    """
    start = time.monotonic()

    def stop(_: int, frame: FrameType | None) -> None:
        if not _is_whole(frame):
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt(number)

    def again(number: int, _: FrameType | None) -> None:
        # A terminal that closes may say so twice: as the kernel and as the shell.
        if number != signal.SIGHUP and time.monotonic() - start > ONE_PRESS:
            _leave(number)

    for sign in SIGNALS:
        signal.signal(sign, again)
    if number == signal.SIGHUP:  # writing to a terminal that is gone must not stop the closing
        for stream in (1, 2):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN, ASK_AGAIN)
    stop(number, frame)


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """Raise an interrupt again that came within a finalizer, where Python drops it."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN, ASK_AGAIN)
    else:
        sys.__unraisablehook__(unraisable)


def _is_whole(frame: FrameType | None) -> bool:
    """Tell whether a frame lies within a call that is not to be broken off."""
    while frame:
        if frame.f_globals.get("__name__", "").partition(".")[0] in WHOLE:
            return True
        frame = frame.f_back
    return False


def _leave(number: int) -> Never:
    with contextlib.suppress(OSError):
        os.write(2, b"\ninterrupted twice: left at once; the same command goes on\n")
    os._exit(128 + number)


def _stop(line: str, status: int) -> Never:
    """Print a line, if any, and end."""
    with contextlib.suppress(OSError):
        if line:
            print(f"\n{line}" if status > 128 else line, file=sys.stderr, flush=True)
    try:
        sys.stdout.flush()
    except OSError:  # Python would try again at exit, and say so in a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if status > 128:  # not sys.exit: atexit hooks and worker threads must not add a traceback
        os._exit(status)
    sys.exit(status)
