"""How a script ends: one line and a status, after an error, an interrupt, and a second one."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import tyro

from core import cli, provenance
from core.config import DeviceConfig, check
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Config:
    """Do something."""

    number: int = 3
    """how many"""
    sizes: tuple[int, ...] = ()
    """how large"""
    share: float | None = None
    """how much"""
    mode: Literal["a", "b"] = "a"
    """how"""
    other: Literal["a", "b"] | None = None
    """how else"""
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check("number", self.number, self.number > 0, "1 or more")


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function: arguments, main -> exit status, stdout and the lines of stderr."""
    handlers = {sign: signal.getsignal(sign) for sign in cli.SIGNALS}
    monkeypatch.setattr(os, "_exit", sys.exit)

    def start(arguments, main):
        monkeypatch.setattr(sys, "argv", ["script.py", *arguments])
        status = 0
        try:
            cli.run(main, Config, "What it does.")
        except SystemExit as end:
            status = end.code
        seen = capsys.readouterr()
        return status, seen.out, seen.err.strip().splitlines()

    yield start
    for sign, handler in handlers.items():
        signal.signal(sign, handler)


def raiser(error):
    def main(_):
        raise error

    return main


def test_options_of_nested_configs_are_flat(run):
    seen = []
    assert run(["--number", "5", "--device", "cpu"], seen.append)[0] == 0
    assert seen == [Config(number=5, device=DeviceConfig(device="cpu"))]


@pytest.mark.parametrize(("given", "seen"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(run, monkeypatch, given, seen):
    monkeypatch.setenv("OMP_WAIT_POLICY", "restored after the test")
    if given:
        os.environ["OMP_WAIT_POLICY"] = given
    else:
        del os.environ["OMP_WAIT_POLICY"]
    assert run([], lambda _: print(os.environ["OMP_WAIT_POLICY"])) == (0, f"{seen}\n", [])


def test_what_the_user_can_put_right_is_one_line(run):
    assert run([], raiser(UserError("--x 3: 1 is wanted"))) == (2, "", ["--x 3: 1 is wanted"])
    status, out, lines = run(["--number", "0"], pytest.fail)
    assert (status, out, lines) == (2, "", ["--number 0: 1 or more is wanted"])


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (28, "No space left on device"),
        (30, "Read-only file system"),
        (13, "Permission denied"),
        (36, "File name too long"),
    ],
)
def test_a_disk_that_cannot_be_written_is_one_line(run, number, line):
    error = OSError(number, os.strerror(number), "/disk/file")
    assert run([], raiser(error)) == (2, "", [f"/disk/file: {line}"])
    nameless = OSError(number, os.strerror(number))
    assert run([], raiser(nameless)) == (2, "", [f"writing to disk: {line}"])


def test_a_bug_keeps_its_traceback(run):
    with pytest.raises(ZeroDivisionError):
        run([], raiser(ZeroDivisionError()))
    with pytest.raises(FileNotFoundError):
        run([], raiser(FileNotFoundError(2, "No such file")))


@pytest.mark.parametrize("sign", cli.SIGNALS)
def test_an_interrupt_is_one_line_and_the_signals_status(run, sign):
    status, _, lines = run([], lambda _: os.kill(os.getpid(), sign))
    assert status == 128 + sign
    assert lines == ["interrupted: what is finished is kept; the same command goes on from there"]


SLOW_TO_STOP = """
import time
from dataclasses import dataclass
from core import cli

@dataclass
class Config:
    '''Sleep.'''

def main(_):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("stopping", flush=True)
        time.sleep({seconds})

cli.run(main, Config, "Sleep.")
"""


def start(source, **options):
    command = [sys.executable, "-c", source]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=provenance.ROOT, **{**pipes, **options})


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGQUIT])
def test_a_second_ctrl_c_leaves_at_once(second):
    with start(SLOW_TO_STOP.format(seconds=60)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping\n"
        time.sleep(2 * cli.ONE_PRESS)
        before = time.monotonic()
        process.send_signal(second)
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - before < 20
    assert process.returncode == 128 + second
    assert errors.strip() == "interrupted twice: left at once; the same command goes on"


def test_a_signal_sent_twice_by_timeout_or_a_closing_terminal_is_one():
    with start(SLOW_TO_STOP.format(seconds=1)) as process:
        assert process.stdout.readline() == "ready\n"
        for sign in (signal.SIGTERM, signal.SIGTERM):
            process.send_signal(sign)
        assert process.stdout.readline() == "stopping\n"
        time.sleep(2 * cli.ONE_PRESS)
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    assert errors.strip().startswith("interrupted: what is finished is kept")


UNBUFFERED = {**os.environ, "PYTHONUNBUFFERED": "1"}
BREAKS = """
import sys
from pathlib import Path
from dataclasses import dataclass
from core import cli

sys.path.insert(0, {folder!r})

@dataclass
class Config:
    pass

def main(_):
    import slow
    while True:
        pass

cli.run(main, Config, "Break off.")
"""


def test_an_import_is_not_broken_off(tmp_path):
    lines = ("import time", "print('ready')", "time.sleep(0.5)", "print('imported')")
    (tmp_path / "slow.py").write_text("\n".join(lines))
    with start(BREAKS.format(folder=str(tmp_path)), env=UNBUFFERED) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    assert out == "imported\n"
    assert (
        errors.strip()
        == "interrupted: what is finished is kept; the same command goes on from there"
    )


FINALIZES = """
import os, signal, time
from dataclasses import dataclass
from core import cli

class Dies:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        print("finalized", flush=True)

@dataclass
class Config:
    pass

def main(_):
    Dies()
    time.sleep(5)

cli.run(main, Config, "Die.")
"""


def test_an_interrupt_within_a_finalizer_is_not_lost():
    """Python prints and drops it: one study in fifteen went on as if nobody had asked it to end."""
    with start(FINALIZES) as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    assert (
        errors.strip()
        == "interrupted: what is finished is kept; the same command goes on from there"
    )


def test_nohup_holds():
    source = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" + SLOW_TO_STOP
    with start(source.format(seconds=0)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143


PRINTS = """
import os, sys
from dataclasses import dataclass
from core import cli

@dataclass
class Config:
    '''Print.'''

def main(_):
    {body}

cli.run(main, Config, "Print.")
"""


def shell(body, redirection):
    """Run a script whose main is `body`; returns bash's status, stdout and stderr."""
    command = ["bash", "-o", "pipefail", "-c", f'"$0" -c "$1" {redirection}', sys.executable]
    command.append(PRINTS.format(body=body))
    ended = subprocess.run(
        command, cwd=provenance.ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error_and_their_numbers_are_taken(closed):
    body = "print(1); print(2, file=sys.stderr); os.write(2, str(os.open('/', 0)).encode())"
    status, out, err = shell(body, closed)
    assert status == 0
    assert out == ("" if ">&- " in closed or closed == ">&-" else "1\n")
    assert err in ("", "2\n3")  # the first number that a file gets
    assert bool(err) == ("2>" not in closed)


def test_nobody_reads_on():
    endless = "[print(number) for number in range(10**7)]"
    assert shell(endless, "| head -1") == (141, "0\n", "")
    assert shell("print(1, file=sys.stderr)", "2>&1 >/dev/null | head -1") == (0, "1\n", "")
    assert shell("print('a' * 9000)", "> /dev/full")[0] == 2
    status, _, err = shell("print('few')", "> /dev/full")
    assert (status, err) == (2, "writing to disk: No space left on device\n")


def test_a_broken_pipe_elsewhere_is_a_bug():
    status, _, err = shell("raise BrokenPipeError(32, 'a worker is gone')", "")
    assert status == 1
    assert "Traceback" in err
    assert "a worker is gone" in err


def test_what_the_terminal_cannot_show_is_escaped():
    assert shell("print('caf\\udce9 \u2500')", "")[1] == "caf\\udce9 \u2500\n"


REFUSED = {
    "--numbre 4": "--numbre, 4: no such option; perhaps you meant --number",
    "--number many": "--number many: a whole number is wanted",
    "--number": "--number: a value is wanted",
    "--frobnicate": "--frobnicate: no such option; see --help",
    "extra": "extra: no such option; see --help",
    "": "(blank): no such option; see --help",
    "--number 0": "--number 0: 1 or more is wanted",
    "--sizes 1 x": "--sizes 1 x: whole numbers are wanted",
    "--share x": "--share x: a number is wanted",
    "--mode c": "--mode c: one of a, b is wanted",
    "--other c": "--other c: one of a, b is wanted",
    "--devise cpu --nummber 3": "--devise, cpu, --nummber, 3: no such option; perhaps you meant "
    "--device for --devise; perhaps you meant --number for --nummber",
    "--mode a\nb": "--mode a b: one of a, b is wanted",
    "--number \x1b[31m": r"--number \x1b[31m: a whole number is wanted",
    "--mode \udce9": r"--mode \udce9: one of a, b is wanted",
    "--mode " + "x" * 5000: f"--mode {'x' * 80}...{'x' * 39}: one of a, b is wanted",
    "--mode http://me:secret@host/": "--mode http://***@host/: one of a, b is wanted",
    "--tyro-print-completion foo": "--tyro-print-completion foo: Shell should be one `bash`, "
    "`zsh`, `tcsh`, or `fish`, but got foo",
}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("line", REFUSED)
def test_every_refusal_is_one_line(line, encoding, monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding)  # tyro draws its boxes for it
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(UserError) as refused:
        cli.parse(Config, "What it does.", line.split(" "))
    assert str(refused.value) == REFUSED[line]


def test_what_is_missing_is_named():
    @dataclass
    class Needs:
        """Need."""

        table: tyro.conf.Positional[Path]
        """a table"""
        truth: Path
        """what is true"""

    with pytest.raises(UserError, match=r"^PATH, --truth PATH: wanted and not given$"):
        cli.parse(Needs, "", [])


def test_a_training_that_diverges_is_one_line(run):
    status, _, lines = run([], raiser(FloatingPointError("loss nan at step 2, epoch 1")))
    line = "loss nan at step 2, epoch 1: training diverged; a lower --lr is wanted"
    assert (status, lines) == (2, [line])


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried\nx")])
def test_too_little_memory_is_one_line(run, error):
    status, _, lines = run([], raiser(error))
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("out of memory: ")
    assert lines[0].endswith("are wanted")
    with pytest.raises(RuntimeError):
        run([], raiser(RuntimeError("a bug")))
