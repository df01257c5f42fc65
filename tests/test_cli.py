"""How a script ends: one line and a status, after a refusal, an error and an interrupt."""

import io
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from core import cli
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


@pytest.mark.parametrize(("given", "seen"), [(None, "PASSIVE 2000"), ("ACTIVE", "ACTIVE None")])
def test_threads_that_wait_soon_sleep_unless_the_user_says_otherwise(run, monkeypatch, given, seen):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "restored after the test")
        del os.environ[name]
    if given:
        os.environ["OMP_WAIT_POLICY"] = given

    def main(_):
        print(os.environ["OMP_WAIT_POLICY"], os.environ.get("GOMP_SPINCOUNT"))

    assert run([], main) == (0, f"{seen}\n", [])


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


def test_a_misspelt_command_is_said_to_be_one(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reports", "replcate", "W3"])
    with pytest.raises(SystemExit) as end:
        cli.run_command("reports", ("replicate", "clean"), print, Config, "What it does.")
    assert end.value.code == 2
    said = "replcate: no such command; perhaps you meant replicate\n"
    assert capsys.readouterr().err == said


@dataclass
class Words:
    """Takes words."""

    words: Annotated[tuple[str, ...], tyro.conf.Positional] = ()


def test_a_word_that_is_asked_for_is_no_misspelt_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "studies"])
    cli.run_command("benchmarks", ("stores",), lambda config: print(*config.words), Words, "What.")
    assert capsys.readouterr().out == "studies\n"


@pytest.mark.parametrize("sign", cli.SIGNALS)
def test_an_interrupt_is_one_line_and_the_signals_status(run, sign):
    status, _, lines = run([], lambda _: os.kill(os.getpid(), sign))
    assert status == 128 + sign
    assert lines == ["interrupted: what is finished is kept; the same command goes on from there"]


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
