"""Scripts as processes: signals, once and twice, and streams that are closed or unread."""

import os
import signal
import subprocess
import sys
import time

import pytest

from core import cli, provenance

SCRIPT = """
import os, signal, sys, time
from dataclasses import dataclass
from core import cli

@dataclass
class Config:
    pass

{source}

cli.run(main, Config, "Do something.")
"""
INTERRUPTED = "interrupted: what is finished is kept; the same command goes on from there"


def start(source, **options):
    """Start a script whose source defines main."""
    command = [sys.executable, "-c", SCRIPT.format(source=source)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=provenance.ROOT, **{**pipes, **options})


SLOW_TO_STOP = """
def main(_):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("stopping", flush=True)
        time.sleep({seconds})
"""


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
    assert errors.strip() == INTERRUPTED


TRAINS_APART = """
import torch
from torch import nn
from core.config import DeviceConfig, TrainConfig
from core.data.images import InMemory
from core.device import pick
from core.training import seeds

def main(_):
    seeds.os.cpu_count = lambda: 2
    models = [nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 2)) for _ in "ab"]
    images = InMemory(torch.zeros(100, 1, 6, 6, dtype=torch.uint8), labels=torch.zeros(100).long())
    endless = [TrainConfig(epochs=1_000_000, batch_size=20)] * 2
    print("ready", flush=True)
    seeds.fit_apart(models, (0, 1), images, None, endless, pick(DeviceConfig(device="cpu")))
"""


@pytest.mark.slow  # processes import torch
def test_an_interrupt_ends_processes_that_train_without_a_further_word():
    with start(TRAINS_APART) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(10)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors.strip() == INTERRUPTED


UNBUFFERED = {**os.environ, "PYTHONUNBUFFERED": "1"}
BREAKS = """
sys.path.insert(0, {folder!r})

def main(_):
    import slow
    while True:
        pass
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
    assert errors.strip() == INTERRUPTED


ASKS = """
import sqlalchemy

def slowly(*_):
    print("ready", flush=True)
    time.sleep(0.5)
    print("done", flush=True)

def main(_):
    engine = sqlalchemy.create_engine("sqlite://")
    connection = engine.connect()
    {how}
    time.sleep(5)
"""
PUTS_BACK = "engine.dialect.do_rollback = slowly; connection.close()"
FETCHES = (
    "connection.connection.dbapi_connection.create_function('slowly', 0, slowly); "
    "connection.execute(sqlalchemy.text('SELECT slowly()')).all()"
)


@pytest.mark.parametrize("how", [PUTS_BACK, FETCHES])
def test_a_call_to_the_database_ends_before_an_interrupt_counts(how):
    """SQLAlchemy would log what it cannot close thereafter as an error, with a traceback."""
    with start(ASKS.format(how=how)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, "done\n")
    assert errors.strip() == INTERRUPTED


FINALIZES = """
class Dies:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        print("finalized", flush=True)

def main(_):
    Dies()
    time.sleep(5)
"""


def test_an_interrupt_within_a_finalizer_is_not_lost():
    """Python prints and drops it: one study in fifteen went on as if nobody had asked it to end."""
    with start(FINALIZES) as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    assert errors.strip() == INTERRUPTED


def test_nohup_holds():
    source = "signal.signal(signal.SIGHUP, signal.SIG_IGN)" + SLOW_TO_STOP
    with start(source.format(seconds=0)) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143


def shell(body, redirection):
    """Run a script whose main is `body`; returns bash's status, stdout and stderr."""
    command = ["bash", "-o", "pipefail", "-c", f'"$0" -c "$1" {redirection}', sys.executable]
    command.append(SCRIPT.format(source=f"def main(_):\n    {body}"))
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
