"""What produced a result: code, versions, machine, command."""

import functools
import getpass
import os
import platform
import shlex
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "scikit-image", "mlflow")


@functools.cache
def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git, or none that answers: the code hash below still tells versions apart


def diff() -> str:
    """Return what the working tree changes against the commit; empty if clean or without git."""
    return _git("diff", "HEAD")


def commit() -> str:
    """Return the commit checked out, or an empty string outside git."""
    return _git("rev-parse", "HEAD").strip()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }


def all_versions() -> str:
    """Return every installed distribution as `name==version` lines, sorted."""
    found = {f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def command() -> str:
    """Return the command that started this process, to be run from the repo's root."""
    script = Path(sys.argv[0]).resolve()
    name = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script.name
    return shlex.join(["python", str(name), *sys.argv[1:]])


def summary() -> dict[str, Any]:
    """Return what the report prints of the code and the machine, plain values."""
    return {
        "command": command(),
        "commit": commit(),
        "changed": bool(diff()),
        "versions": versions(),
        "finished": time.strftime("%Y-%m-%d %H:%M"),
    }


def owner() -> dict[str, str]:
    """Return tags that tell whether the process that owns a run still lives."""
    import psutil

    started = psutil.Process().create_time()
    return {"host": socket.gethostname(), "pid": str(os.getpid()), "pid_started": f"{started:.2f}"}


def is_dead(tags: dict[str, str]) -> bool:
    """Tell whether the owner of a run was a process of this machine that is gone."""
    import psutil

    if tags.get("host") != socket.gethostname() or "pid" not in tags:
        return False
    try:
        process = psutil.Process(int(tags["pid"]))
        ended = process.status() == psutil.STATUS_ZOMBIE  # killed, and nobody asked for its status
        started = process.create_time()
    except psutil.NoSuchProcess:
        return True
    # A process of another age was given the same number.
    return ended or abs(started - float(tags["pid_started"])) > 1


def user() -> str:
    """Return the name of the user, or `unknown` where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
