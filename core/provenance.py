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

from core.errors import one_line, without_password

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "scikit-image", "mlflow")
SILENCE = 3600.0  # seconds; a study says each minute that it lives, where its epochs are as short
HIDDEN = "mlflow.owner."
"""before the names of an owner's tags: MLflow's page shows none that begin with `mlflow.`"""
SETTINGS = ("color.ui=never", "core.fsmonitor=false", "safe.directory=*")
DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")


@functools.cache
def _git(*arguments: str) -> str:
    """Return what git says, whatever the user's settings are; empty where it is absent or fails."""
    settings = [part for setting in SETTINGS for part in ("-c", setting)]
    command = ["git", "--no-pager", *settings, "-C", str(ROOT), *arguments]
    # A hook's GIT_DIR would name another repo, and GIT_EXTERNAL_DIFF another language.
    surroundings = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    surroundings["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        ended = subprocess.run(command, capture_output=True, env=surroundings, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git, or none that answers: the hash of the code still tells versions apart
    return ended.stdout.decode("utf-8", "surrogateescape") if ended.returncode == 0 else ""


def diff() -> str:
    """Return what the working tree changes against the commit; empty if clean or without git.

    Files need not be in UTF-8: encode it with `surrogateescape`, and it is the patch, bit for bit.
    """
    return _git("diff", *DIFF, "HEAD", "--", ".") if commit() else ""


def commit() -> str:
    """Return the commit checked out; empty outside git, or where another project's repo is ours."""
    is_ours = _git("ls-files", "--", "core/provenance.py")
    return _git("rev-parse", "--verify", "HEAD").strip() if is_ours else ""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }


def all_versions() -> str:
    """Return every installed distribution as `name==version` lines, sorted."""
    # A broken install leaves folders without a card.
    whole = (d for d in metadata.distributions() if d.read_text("METADATA"))
    lines = {f"{d.metadata['Name']}=={d.version}" for d in whole}
    return "\n".join(sorted(lines, key=str.lower)) + "\n"


def command() -> str:
    """Return the command that started this process, to be run from the repo's root.

    A password in an address is not part of it.
    """
    script = Path(sys.argv[0]).resolve()
    name = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script.name
    return shlex.join(["python", str(name), *map(without_password, sys.argv[1:])])


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

    started = f"{psutil.Process().create_time():.2f}"
    process = {"host": socket.gethostname(), "pid": str(os.getpid()), "pid_started": started}
    return {f"{HIDDEN}{name}": value for name, value in process.items()}


def heartbeat() -> dict[str, str]:
    """Return the tag by which other machines know that the owner of a run lives."""
    return {f"{HIDDEN}alive": f"{time.time():.0f}"}


def is_silent(tags: dict[str, str]) -> bool:
    """Tell whether the owner of a run, on another machine, has not been heard of for long."""
    elsewhere = tags.get(f"{HIDDEN}host", socket.gethostname()) != socket.gethostname()
    alive = tags.get(f"{HIDDEN}alive", "")
    return elsewhere and alive.isdecimal() and int(alive) < time.time() - SILENCE


def is_dead(tags: dict[str, str]) -> bool:
    """Tell whether the owner of a run was a process of this machine that is gone."""
    import psutil

    tags = {name.removeprefix(HIDDEN): value for name, value in tags.items()}  # once they were bare
    if tags.get("host") != socket.gethostname() or "pid" not in tags:
        return False
    try:
        process = psutil.Process(int(tags["pid"]))
        ended = process.status() == psutil.STATUS_ZOMBIE  # killed, and nobody asked for its status
        # A process of another age was given the same number.
        return ended or abs(process.create_time() - float(tags["pid_started"])) > 1
    except psutil.NoSuchProcess:
        return True
    except (psutil.AccessDenied, KeyError, ValueError):  # another user's, or tags of somebody else
        return False


def user() -> str:
    """Return the name of the user, in characters that can be shown, or `unknown`."""
    try:
        return one_line(getpass.getuser())
    except (ImportError, KeyError, OSError):  # a container's user id without a name
        return "unknown"
