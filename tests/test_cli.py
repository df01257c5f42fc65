"""How a script ends: one line and a status, after an error, an interrupt, and a second one."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

from core import cli, provenance
from core.config import DeviceConfig, check
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Config:
    """Do something."""

    number: int = 3
    """how many"""
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check("number", self.number, self.number > 0, "1 or more")


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function: arguments, main -> exit status, stdout and the lines of stderr."""
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
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


def test_what_the_user_can_put_right_is_one_line(run):
    assert run([], raiser(UserError("--x 3: 1 is wanted"))) == (2, "", ["--x 3: 1 is wanted"])
    status, out, lines = run(["--number", "0"], pytest.fail)
    assert (status, out, lines) == (2, "", ["--number 0: 1 or more is wanted"])


@pytest.mark.parametrize("option", [["--numbre", "4"], ["--number", "many"], ["extra"]])
def test_an_impossible_command_line_is_refused(run, option):
    status, _, lines = run(option, pytest.fail)
    assert status == 2
    assert any(option[0] in line or option[-1] in line for line in lines)
    assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize(
    ("number", "line"),
    [(28, "No space left on device"), (30, "Read-only file system"), (13, "Permission denied")],
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


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_130_and_one_line(run, sign):
    status, _, lines = run([], lambda _: os.kill(os.getpid(), sign))
    assert status == 130
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
        time.sleep(60)

cli.run(main, Config, "Sleep.")
"""


def test_a_second_ctrl_c_leaves_at_once():
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_STOP],
        cwd=provenance.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - start < 20
    assert process.returncode == 130
    assert errors.strip() == "interrupted twice: left at once; the same command goes on"
