"""Where runs are kept, as MLFLOW_TRACKING_URI says it: what can be an address, and no password.

No heavy import: a wrong address is refused before MLflow, which waits a minute, is loaded.
"""

import os
import re
import stat
from urllib.parse import unquote, urlsplit, urlunsplit

from core.errors import UserError

VARIABLE = "MLFLOW_TRACKING_URI"
USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
SERVERS = r"(postgresql|mysql|mssql)(\+\w+)?"
MAGIC = b"SQLite format 3\0"
WANTED = "sqlite:///FILE, http(s)://HOST or postgresql://HOST/DATABASE is wanted"


def check_store_address(address: str, name: str = VARIABLE) -> None:
    """Raise a UserError unless a store can be at this address. name: what gives it.

    A file is a SQLite database, empty, or not there yet: nothing else is ever opened as a store or
    replaced by one, neither a folder nor a device. Servers are not asked.
    """
    if problem := _problem(address):
        raise UserError(f"{name} {address}: {problem}; {WANTED}")


def hide_password() -> None:
    """Move user and password from a server's address to the variables where MLflow reads them too.

    So neither the address, nor what MLflow and its libraries say of it, ever holds them.
    """
    try:
        parts = urlsplit(os.environ.get(VARIABLE, ""))
    except ValueError:  # which is refused later
        return
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return
    if not (os.environ.get(USER) and os.environ.get(PASSWORD)):  # MLflow prefers these
        os.environ[USER] = unquote(parts.username or "")
        os.environ[PASSWORD] = unquote(parts.password or "")
    host = parts.netloc.rpartition("@")[2]
    os.environ[VARIABLE] = urlunsplit(parts._replace(netloc=host))


def _problem(address: str) -> str:
    """Say what is wrong with an address; empty if nothing is."""
    if address.encode(errors="replace").decode() != address:
        return "no text in UTF-8"
    scheme, _, rest = address.partition("://")
    if re.fullmatch(SERVERS, scheme):
        return "" if rest else "no host"
    if scheme in ("http", "https"):
        return _server(address)
    if scheme == "sqlite":
        return _file(rest.partition("?")[0])
    return "no store that MLflow has" if "://" in address else "no address"


def _server(address: str) -> str:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        return str(error)
    return "" if parts.hostname else "no host"


def _file(place: str) -> str:
    """Say why there can be no SQLite database; place: what follows sqlite://."""
    if place[:1] not in ("", "/"):
        return "a file after two slashes"
    if place in ("", "/", "/:memory:"):
        return ""
    if place.startswith("/~"):  # only a shell would know whose home
        return "no whole path"
    try:
        mode = os.stat(place[1:]).st_mode
        if not stat.S_ISREG(mode):
            return "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        with open(place[1:], "rb") as file:
            return "" if file.read(len(MAGIC)) in (b"", MAGIC) else "no SQLite database"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", "no path")
