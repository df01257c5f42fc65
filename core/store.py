"""The store of all runs, on MLflow: the only file that imports it.

Runs go to <repo>/mlflow.db and <repo>/mlruns from any working directory; the environment's
MLFLOW_TRACKING_URI overrides, and mlruns then lies beside the database it names. What a study
keeps here is in `core.outbox`, which sends it, and `core.study`. Stores of other people are
opened read only.
"""

import contextlib
import difflib
import errno
import functools
import logging
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, urlparse
from urllib.request import url2pathname

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # of every trial
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # what waits is sent again later
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
import mlflow
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core import provenance
from core.address import VARIABLE, check_store_address
from core.errors import UserError

BATCH = 1000  # MLflow's limit of metrics in one log_batch
RUNS = 100  # a call for histories: SQLite takes 999 in an older release
FAILURES = (MlflowException, SQLAlchemyError, OSError, ImportError, UnicodeDecodeError)
AWAY = (RequestException, OperationalError)
NO_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
NO_START, HAS_START = "start_time cannot be None", "attributes.start_time < 9000000000000000000"
ELSEWHERE = ("read", "upload")
"""methods that may use the library of an artifact store, which raises what it likes"""
LARGEST = 1e308  # MLflow keeps infinity as 1.797e308

P = ParamSpec("P")
R = TypeVar("R")


class StoreError(UserError):
    """The store cannot be reached, read or written."""


class AwayError(StoreError):
    """The store does not answer, or is locked: it may be back by itself."""


@dataclass(frozen=True)
class Run:
    """What the store knows of a run."""

    id: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED"""
    tags: dict[str, str]
    started: float
    """seconds since 1970"""
    artifacts: str
    """address of its artifacts"""
    name: str = ""
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, tuple[int, float]] = field(default_factory=dict)
    """metric -> step and value, of its last step; NaN and infinity are possible"""
    digests: tuple[str, ...] = ()
    """of its data sets, as logged"""
    experiment: str = ""
    """id of the experiment that it is in"""


def _guarded(
    method: Callable[Concatenate["Store", P], R],
) -> Callable[Concatenate["Store", P], R]:
    """Time a method, and turn a store that fails into one line for the user."""

    @functools.wraps(method)
    def guarded(self: "Store", /, *args: P.args, **kwargs: P.kwargs) -> R:
        start = time.monotonic()
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if not isinstance(error, FAILURES) and method.__name__ not in ELSEWHERE:
                raise
            if method.__name__ == "read" and getattr(error, "errno", None) in NO_FILE:
                raise
            reason = " ".join(str(error).split())[:300]
            access = "read" if self.read_only else "read and written"
            wanted = f"a store that can be {access} is wanted"
            if self.read_only and ("out-of-date" in reason or "readonly" in reason):
                reason = (
                    "its tables are of another release of MLflow, and nothing is changed here: "
                    "copy the file, `mlflow db upgrade sqlite:///COPY`, and give the copy"
                )
            is_away = _is_away(error) or not isinstance(error, FAILURES)
            kind = AwayError if is_away else StoreError
            raise kind(f"MLflow store {self.name}: {wanted}: {reason}") from error
        finally:
            self.seconds += time.monotonic() - start

    return guarded


def _is_away(error: BaseException | None) -> bool:
    """Tell whether it is of a server or database that does not answer, however MLflow wraps it."""
    while error and not isinstance(error, AWAY):
        error = error.__cause__
    return error is not None


def _run(run: mlflow.entities.Run) -> Run:
    inputs = run.inputs.dataset_inputs if run.inputs else ()
    points = {each.key: (each.step, _real(each.value)) for each in run.data.to_proto().metrics}
    return Run(
        run.info.run_id,
        run.info.status,
        run.data.tags,
        (run.info.start_time or 0) / 1000,
        run.info.artifact_uri,
        run.info.run_name or "",
        run.data.params,
        points,
        tuple(sorted({each.dataset.digest for each in inputs})),
        run.info.experiment_id,
    )


def _real(value: float) -> float:
    """Return a value as it was before MLflow kept it."""
    return math.copysign(math.inf, value) if abs(value) > LARGEST else value


def _place(uri: str) -> tuple[str, Path, Path | None]:
    """Return a store's address, absolute, the folder of its mlruns, and its SQLite file."""
    url = make_url(uri) if uri.startswith("sqlite") else None
    if url is None or url.database in (None, "", ":memory:"):
        return uri, provenance.ROOT, None
    path = Path(str(url.database))
    if not path.is_absolute():  # else every connection would look in the directory of its moment
        path = path.absolute()
        uri = url.set(database=str(path)).render_as_string(hide_password=False)
    return uri, path.parent, path


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


class Store:
    """MLflow's store; every method raises UserError where it cannot be read or written."""

    uri: str
    home: Path
    """folder that holds mlruns, unless a server keeps it"""
    seconds: float = 0.0
    """time spent in the store"""
    left_out: Sequence[str] = ()
    """a line for each run that cannot be read at all"""

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
        server = not self.uri.startswith("sqlite")
        return re.sub(r"//[^/@]*@", "//", self.uri) if server else self.uri

    @_guarded
    def _settle(self, uri: str | None) -> None:
        self.uri = uri or os.environ.get(VARIABLE) or ""
        self.uri = self.uri or f"sqlite:///{provenance.ROOT}/mlflow.db"
        if Path(self.uri).is_file():
            self.uri = f"sqlite:///{Path(self.uri).absolute()}"
        if "://" in self.uri or not self.read_only:
            check_store_address(self.uri, "--uri" if uri else VARIABLE)
        self.uri, self.home, self._database = _place(self.uri)

    @_guarded
    def _open(self) -> None:
        _ = self._client

    @functools.cached_property
    def _client(self) -> MlflowClient:
        for chatty in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)  # our one line says it
        if self.read_only:
            self._scratch = tempfile.TemporaryDirectory()  # goes when the store does
            return _reader(self.uri, self._database, Path(self._scratch.name))
        mlflow.set_tracking_uri(self.uri)
        with self.lock():
            if self._database:
                _make(self.uri, self._database)
            client = MlflowClient()
            client.search_experiments(max_results=1)
        return client

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

    @_guarded
    def experiment(self, name: str) -> str:
        """Return the id of the named experiment, made or restored if need be."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return self._client.create_experiment(name)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return found.experiment_id

    @_guarded
    def find(self, experiment: str) -> str:
        """Return the id of an experiment, given by name or id. Raises UserError without one."""
        known = {each.name: each.experiment_id for each in self._experiments()}
        if experiment in known.values():
            return experiment
        if experiment not in known:
            names = difflib.get_close_matches(experiment, known, 5) or sorted(known)[:10]
            raise UserError(
                f"experiment {experiment}: one of the store's {len(known)} is wanted: "
                f"{', '.join(names) or 'none'}"
            )
        return known[experiment]

    def _experiments(self) -> list[mlflow.entities.Experiment]:
        found: list[mlflow.entities.Experiment] = []
        token = None
        while token != "":
            page = self._client.search_experiments(max_results=1000, page_token=token)
            found += page
            token = page.token or ""
        return found

    @_guarded
    def describe(self, experiment: str, tags: Mapping[str, str]) -> None:
        """Tag an experiment."""
        for key, value in tags.items():
            self._client.set_experiment_tag(experiment, key, value)

    @_guarded
    def runs(self, query: str, experiment: str | None = None) -> list[Run]:
        """Return the runs that match an MLflow filter, the latest first.

        Those without a start are named in `left_out`: one of them keeps MLflow from reading any.
        """
        places = [experiment] if experiment else [e.experiment_id for e in self._experiments()]
        try:
            return self._search(places, query)
        except MlflowException as error:
            if NO_START not in str(error):
                raise
            self.left_out = self._without_start()
            return self._search(places, " AND ".join(filter(None, (query, HAS_START))))

    def _without_start(self) -> list[str]:
        """Name the runs that MLflow cannot read, as their database does; a server hides them."""
        service = getattr(self._client, "_tracking_client", None)
        engine = getattr(getattr(service, "store", None), "engine", None)
        if engine is None:
            return [f"some runs of {self.name}: {NO_START}"]
        with engine.connect() as database:
            rows = database.execute(
                text("SELECT run_uuid, name FROM runs WHERE start_time IS NULL")
            )
            return [f"run {run_id} ({name}): {NO_START}" for run_id, name in rows]

    def _search(self, places: list[str], query: str) -> list[Run]:
        found, token = [], None
        while token != "":
            page = self._client.search_runs(
                places, query, ViewType.ACTIVE_ONLY, 1000, page_token=token
            )
            found += [_run(run) for run in page]
            token = page.token or ""
        return found

    @_guarded
    def run(self, run_id: str) -> Run:
        """Return a run by its id. Raises UserError if there is none."""
        try:
            return _run(self._client.get_run(run_id))
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise UserError(f"run {run_id}: the store {self.name} has no such run") from error

    @_guarded
    def metrics(self, run_id: str) -> dict[tuple[str, int], float]:
        """Return every value logged of a run: (metric, step) -> value."""
        names = self._client.get_run(run_id).data.metrics
        histories = ((name, self._client.get_metric_history(run_id, name)) for name in names)
        return {(name, each.step): each.value for name, points in histories for each in points}

    @_guarded
    def histories(self, run_ids: Sequence[str], metric: str) -> dict[str, dict[int, float]]:
        """Return all values of a metric: run -> step -> the last value logged at it, by step.

        In bulk where the store can, which MLflow's client does not offer; else by 8 calls at once.
        """
        service = getattr(self._client, "_tracking_client", None)
        bulk = getattr(getattr(service, "store", None), "get_metric_history_bulk", None)
        if bulk:
            chunks = [run_ids[i : i + RUNS] for i in range(0, len(run_ids), RUNS)]
            points = [(p.run_id, p) for chunk in chunks for p in bulk(chunk, metric, 10**9)]
        else:
            with ThreadPoolExecutor(8) as pool:
                found = pool.map(lambda i: self._client.get_metric_history(i, metric), run_ids)
            points = [(i, p) for i, history in zip(run_ids, found, strict=True) for p in history]
        values: dict[str, dict[int, float]] = {run_id: {} for run_id in run_ids}
        for run_id, point in sorted(points, key=lambda each: (each[1].step, each[1].timestamp)):
            values[run_id][point.step] = _real(point.value)
        return values

    @_guarded
    def create(
        self, experiment: str, name: str, tags: Mapping[str, str], started: float | None = None
    ) -> str:
        """Begin a run; return its id. started: seconds since 1970, else now."""
        known = {"mlflow.user": provenance.user(), "mlflow.source.type": "LOCAL"}
        milliseconds = int(1000 * started) if started is not None else None
        run = self._client.create_run(experiment, milliseconds, {**known, **tags}, name)
        return run.info.run_id

    @_guarded
    def log(
        self,
        run_id: str,
        metrics: Sequence[tuple[str, float, int]] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics (name, value, step), params and tags; values not finite are left out.

        MLflow would keep infinity as 1.8e308, which poisons every mean. Tags are kept last, so
        that a run which has them has all the rest.
        """
        now = int(time.time() * 1000)
        points = [Metric(n, v, now, step) for n, v, step in metrics if math.isfinite(v)]
        rows = [Param(name, str(value)) for name, value in (params or {}).items()]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()]
        chunks = [points[i : i + BATCH] for i in range(0, len(points), BATCH)] or [[]]
        for chunk in chunks[:-1]:
            self._client.log_batch(run_id, chunk)
        self._client.log_batch(run_id, chunks[-1], rows, labels)

    @_guarded
    def log_data(self, run_id: str, name: str, fingerprint: str, source: str) -> None:
        """Log which data a run used; MLflow's own digest would look at a sample only."""
        dataset = Dataset(name, fingerprint[:36], "local", source)
        self._client.log_inputs(run_id, [DatasetInput(dataset)])

    @_guarded
    def upload(self, run_id: str, folder: str | Path, place: str | None = None) -> None:
        """Log the files of a folder as artifacts."""
        self._client.log_artifacts(run_id, str(folder), place)

    @_guarded
    def read(self, run: Run, artifact: str) -> bytes:
        """Return the content of an artifact. Raises OSError where there is no such file."""
        if run.artifacts.startswith("file:"):
            return Path(url2pathname(urlparse(run.artifacts).path), artifact).read_bytes()
        if not re.match(
            r"[a-z0-9+.-]+:", run.artifacts
        ):  # a path; a hundred times as fast as MLflow's own copy
            return Path(run.artifacts, artifact).read_bytes()
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = self._client.download_artifacts(run.id, artifact, folder)
                return Path(path).read_bytes()
        except MlflowException:  # it may be missing, or the server away: MLflow says the same
            place = artifact.rpartition("/")[0] or None
            if artifact in {each.path for each in self._client.list_artifacts(run.id, place)}:
                raise
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), artifact) from None

    @_guarded
    def end(self, run_id: str, status: str, ended: float | None = None) -> None:
        """End a run as FINISHED, FAILED or KILLED. ended: seconds since 1970, else now."""
        milliseconds = int(1000 * ended) if ended is not None else None
        self._client.set_terminated(run_id, status, milliseconds)

    @_guarded
    def revive(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Make a run that ended one that goes on, with these tags."""
        self._client.update_run(run_id, status="RUNNING")
        self.log(run_id, tags=tags)

    @_guarded
    def delete(self, run_id: str) -> None:
        """Delete a run, as MLflow's page does: `mlflow gc` removes its files."""
        self._client.delete_run(run_id)

    def sweep(self) -> None:
        """End as KILLED the runs whose process is gone: MLflow never would."""
        for run in self.runs("attributes.status = 'RUNNING' AND tags.role LIKE '%'"):
            if provenance.is_dead(run.tags) or provenance.is_silent(run.tags):
                self.end(run.id, "KILLED")
