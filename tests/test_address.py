"""Addresses of stores: refused at once where no store can be, and never shown with a password."""

import http.server
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from core import address, provenance
from core.address import PASSWORD, USER, VARIABLE, check_store_address, hide_password
from core.errors import UserError

FINE = [
    "http://localhost:5000",
    "https://host/path",
    "http://[::1]:5000/",
    "postgresql://me:secret@host/runs",
    "mysql+pymysql://host/runs",
    "sqlite:///:memory:",
    "sqlite:///relative.db",
    "sqlite:////tmp/not there/yet.db?timeout=20",
]


@pytest.mark.parametrize("fine", FINE)
def test_addresses_of_stores_pass(fine):
    check_store_address(fine)


def test_files_that_are_databases_or_empty_pass(tmp_path):
    with sqlite3.connect(tmp_path / "a b.db") as database:
        database.execute("create table x (y)")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("a b.db")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("a b.db", "empty", "link", "dangling", "nowhere", "no/folder/yet.db"):
        check_store_address(f"sqlite:///{tmp_path}/{name}")


REFUSED = {
    "": "no address",
    "/tmp": "no address",
    "./mlruns": "no address",
    "file:///tmp/mlruns": "no store that MLflow has",
    "ftp://me:secret@host": "no store that MLflow has",
    "http://": "no host",
    "https://:80/x": "no host",
    "http://host:many": "Port could not be cast to integer value as 'many'",
    "http://host:99999": "Port out of range 0-65535",
    "http://[::1": "Invalid IPv6 URL",
    "postgresql://": "no host",
    "sqlite://tmp/x.db": "a file after two slashes",
    "sqlite:///~/x.db": "no whole path",
    "sqlite:////": "a folder",
    "sqlite:////dev/null": "a device, a pipe or a socket",
    "sqlite:////etc/passwd": "no SQLite database",
    "sqlite:////etc/passwd/x.db": "Not a directory",
    "sqlite:////" + "a" * 256: "File name too long",
    "sqlite:////tmp/caf\udce9.db": "no text in UTF-8",
    "sqlite:////\0": "no path",
}


@pytest.mark.parametrize("bad", REFUSED)
def test_where_no_store_can_be_is_one_line_at_once(bad):
    with pytest.raises(UserError) as refused:
        check_store_address(bad)
    shown = str(refused.value)
    assert shown.startswith(f"{VARIABLE} ")
    assert shown.endswith(f": {REFUSED[bad]}; {address.WANTED}")
    assert "secret" not in shown
    assert shown.isprintable()


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a device, a pipe or a socket"):
        check_store_address(f"sqlite:///{tmp_path}/pipe")


def test_passwords_leave_the_address(monkeypatch):
    for name in (USER, PASSWORD):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, "https://me:p%40ss@host:5000/path?x=1")
    hide_password()
    assert os.environ[VARIABLE] == "https://host:5000/path?x=1"
    assert (os.environ[USER], os.environ[PASSWORD]) == ("me", "p@ss")
    monkeypatch.setenv(VARIABLE, "http://other:word@host")
    hide_password()
    assert os.environ[VARIABLE] == "http://host"
    assert (os.environ[USER], os.environ[PASSWORD]) == ("me", "p@ss")  # MLflow's own order
    for same in ("postgresql://me:secret@host/runs", "http://host/@x", "http://[::1", ""):
        monkeypatch.setenv(VARIABLE, same)
        hide_password()
        assert os.environ[VARIABLE] == same


ASKS = """
import os
from core.address import hide_password
hide_password()
import mlflow
from mlflow.exceptions import MlflowException
try:
    mlflow.MlflowClient().search_experiments(max_results=1)
except MlflowException as error:
    print(error)
"""


def test_a_server_still_gets_user_and_password():
    seen = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            self.send_error(403)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        surroundings = {k: v for k, v in os.environ.items() if k not in (USER, PASSWORD)}
        surroundings[VARIABLE] = f"http://me:p%40ss@{host}"
        ended = subprocess.run(
            [sys.executable, "-c", ASKS],
            cwd=provenance.ROOT,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        server.shutdown()
    assert set(seen) == {"Basic bWU6cEBzcw=="}  # me:p@ss
    assert "403" in ended.stdout
    assert "p@ss" not in ended.stdout + ended.stderr
    assert "p%40ss" not in ended.stdout + ended.stderr
