"""The connection to MLflow's store: its address, its tables, its lock, its errors as one line.

Runs go to <repo>/mlflow.db and <repo>/mlruns from any working directory; the environment's
MLFLOW_TRACKING_URI overrides, and mlruns then lies beside the database it names. With
`core.store`, which has the runs, the only file that imports MLflow.
"""

import contextlib
import errno
import functools
import logging
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, urlparse

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # of every trial
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # what waits is sent again later
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
import mlflow
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy import text as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core import provenance
from core.address import VARIABLE, check_store_address
from core.errors import UserError, reason

FAILURES = (MlflowException, SQLAlchemyError, OSError, ImportError, UnicodeDecodeError)
AWAY = (RequestException, OperationalError)
NO_START = "start_time cannot be None"  # as MLflow says it of a run that it cannot read
NO_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
ELSEWHERE = ("read", "upload")
"""methods that may use the library of an artifact store, which raises what it likes"""

C = TypeVar("C", bound="Connection")
P = ParamSpec("P")
R = TypeVar("R")


class StoreError(UserError):
    """The store cannot be reached, read or written."""


class AwayError(StoreError):
    """The store does not answer, or is locked: it may be back by itself."""


def guarded(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Turn a store that fails into one line for the user."""

    @functools.wraps(method)
    def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if not isinstance(error, FAILURES) and method.__name__ not in ELSEWHERE:
                raise
            if method.__name__ == "read" and getattr(error, "errno", None) in NO_FILE:
                raise
            absence, text = _absence(error), str(error)
            access = "read" if self.read_only else "read and written"
            why = reason(error)
            if isinstance(absence, RequestException):
                why = f"no answer ({type(absence).__name__})"
            elif self.read_only and ("out-of-date" in text or "readonly" in text):
                why = (
                    "its tables are of another release of MLflow, and nothing is changed here: "
                    "copy the file, `mlflow db upgrade sqlite:///COPY`, and give the copy"
                )
            kind = AwayError if absence or not isinstance(error, FAILURES) else StoreError
            wanted = f"a store that can be {access} is wanted"
            raise kind(f"MLflow store {self.name}: {wanted}: {why}") from error

    return call


def _absence(error: BaseException | None) -> BaseException | None:
    """Find the error of a server or database that does not answer, however MLflow wraps it."""
    while error and not isinstance(error, AWAY):
        error = error.__cause__ or error.__context__
    return error


def _make(uri: str, path: Path) -> None:
    """Make the tables of a new SQLite store, whole or not at all.

    MLflow makes them one by one, and a database that it left half-made can never be opened again.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a file", str(path))
    if path.exists() and path.stat().st_size:
        return  # even where it cannot be written, it can be read
    writable = path if path.exists() else path.parent
    if not os.access(writable, os.W_OK):  # MLflow would try for two minutes
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(writable))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        url = make_url(uri).set(database=str(draft)).render_as_string(hide_password=False)
        MlflowClient(tracking_uri=url).search_experiments(max_results=1)
        os.replace(draft, path)
    finally:
        for left in path.parent.glob(f".{path.name}.*"):  # of killed starts too: we hold the lock
            left.unlink()


def _reader(uri: str, database: Path | None, scratch: Path) -> MlflowClient:
    """Open a store without writing: MLflow would make what it misses, and migrate older tables.

    scratch: an empty folder, where it may leave what it makes on the way.
    """
    scheme = urlparse(uri).scheme
    if database:
        if not database.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(database))
        uri = f"sqlite:///file:{quote(str(database))}?mode=ro&uri=true"
    elif not scheme:  # a folder, in which older releases kept runs: linked, and so never written to
        experiments = [path.parent for path in Path(uri).absolute().glob("*/meta.yaml")]
        if not experiments:
            raise FileNotFoundError(errno.ENOENT, "no runs of MLflow's", uri)
        for path in experiments:
            (scratch / path.name).symlink_to(path)
        os.environ["MLFLOW_ALLOW_FILE_STORE"], uri = "true", str(scratch)
    elif not scheme.startswith("http"):
        wanted = "an SQLite file or a tracking server's http is wanted"
        raise UserError(f"--uri {scheme}: {wanted}, as MLflow may migrate others")
    with contextlib.chdir(scratch):
        client = MlflowClient(tracking_uri=uri)  # makes a folder by the name of `file:`
        client.search_experiments(max_results=1)
    return client


class Connection:
    """A store of MLflow's, opened."""

    uri: str
    home: Path
    """folder that holds mlruns, unless a server keeps it"""

    def __init__(
        self, uri: str | None = None, *, read_only: bool = False, later: bool = False
    ) -> None:
        """Open the store, and make its tables if need be.

        uri: an address of MLflow's, or the path of an SQLite file; if not given, the
        environment's or the repo's own. read_only: nothing is made, migrated or written.
        later: it is opened when first used, as it may be away until then.
        """
        self.read_only = read_only
        self._settle(uri)
        if not later:
            self._open()

    @property
    def name(self) -> str:
        """Return the address without user and password, to be shown."""
        return self.uri if self.uri.startswith("sqlite") else re.sub("//[^/@]*@", "//", self.uri)

    @guarded
    def _settle(self, uri: str | None) -> None:
        self.uri = uri or os.environ.get(VARIABLE) or f"sqlite:///{provenance.ROOT}/mlflow.db"
        if Path(self.uri).is_file():
            self.uri = f"sqlite:///{Path(self.uri).absolute()}"
        if "://" in self.uri or not self.read_only:
            check_store_address(self.uri, "--uri" if uri else VARIABLE)
        self.home, self._database = provenance.ROOT, None
        url = make_url(self.uri) if self.uri.startswith("sqlite") else None
        if url is not None and url.database not in (None, "", ":memory:"):
            path = Path(str(url.database))
            if not path.is_absolute():  # else every connection would look where it is just then
                path = path.absolute()
                self.uri = url.set(database=str(path)).render_as_string(hide_password=False)
            self.home, self._database = path.parent, path

    @guarded
    def _open(self) -> None:
        _ = self._client

    @functools.cached_property
    def _client(self) -> MlflowClient:
        for chatty in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)  # our one line says it
        if self.read_only:
            scratch = tempfile.mkdtemp()
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
            return _reader(self.uri, self._database, Path(scratch))
        mlflow.set_tracking_uri(self.uri)
        with self.lock():
            if self._database:
                _make(self.uri, self._database)
            client = MlflowClient()
            client.search_experiments(max_results=1)
        return client

    @property
    def _backend(self) -> Any:
        """Return what MLflow's client calls, which offers more than it does; None if unknown."""
        return getattr(getattr(self._client, "_tracking_client", None), "store", None)

    def _without_start(self) -> list[str]:
        """Name the runs that MLflow cannot read, as their database does; a server hides them."""
        engine = getattr(self._backend, "engine", None)
        if engine is None:
            return [f"some runs of {self.name}: {NO_START}"]
        query = "SELECT run_uuid, name FROM runs WHERE start_time IS NULL"
        with engine.connect() as database:
            rows = database.execute(sql(query))
            return [f"run {run_id} ({name}): {NO_START}" for run_id, name in rows]

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes of this machine from making tables, experiments and studies.

        MLflow makes them without a lock, and two that start together break the database. It
        also settles the place of ./mlruns when first used, by the directory it is used from.
        """
        place = self.home / "mlruns"  # beside the database: every process must find the same file
        with contextlib.ExitStack() as held:
            try:
                place.mkdir(parents=True, exist_ok=True)
                held.enter_context(FileLock(place / ".lock", is_singleton=True))  # may be held
            except OSError as error:
                if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                    raise  # what cannot be written can still be read, and needs no lock
            held.enter_context(contextlib.chdir(self.home))
            yield
