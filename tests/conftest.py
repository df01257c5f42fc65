"""What all tests share: a store of their own, the real data if they are at hand, one thread."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # small tensors, and two cores that others use too
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import contextlib
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import xarray as xr

# A busy machine is no failure; and what CI runs on one commit is always the same.
settings.register_profile("repo", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("repo")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make MLflow's tables once, which takes seconds, and hand out the file to be copied."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session", autouse=True)
def _not_the_users_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep a test that forgot the `store` fixture out of the repo's own mlflow.db."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("forgotten")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield


def _point_at(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a store the one that MLflow uses; it remembers the one before, variable or not."""
    patch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test, and the processes it starts, an empty store; returns its folder.

    Database and artifacts lie in it: <folder>/mlflow.db and <folder>/mlruns.
    """
    import mlflow

    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    _point_at(folder, monkeypatch)
    yield folder
    while mlflow.active_run():
        mlflow.end_run("KILLED")


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Run the smoke study of initialisation once; returns the folder of its store.

    What it printed lies there too, as printed.txt.
    """
    from experiments import init_schemes

    folder = tmp_path_factory.mktemp("studied")
    shutil.copy(empty_store, folder / "mlflow.db")
    with (
        pytest.MonkeyPatch.context() as patch,
        open(folder / "printed.txt", "w") as printed,
        contextlib.redirect_stdout(printed),
    ):
        _point_at(folder, patch)
        init_schemes.main(init_schemes.SMOKE)
    return folder


@pytest.fixture
def study_store(studied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the test at that store, which it must leave as it is; returns its folder."""
    _point_at(studied, monkeypatch)
    return studied


@pytest.fixture
def special(tmp_path: Path) -> Path:
    """Make one file of every kind; returns their folder."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
    return tmp_path


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Return a function from a path below DATA_ROOT to where it lies; it skips what is missing."""

    def find(name: str) -> Path:
        root = os.environ.get("DATA_ROOT")
        if not root:
            pytest.skip("DATA_ROOT is not set")
        path = Path(root, name).resolve()
        if not path.exists():
            pytest.skip(f"DATA_ROOT has no {name}")
        return path

    return find


@pytest.fixture
def invent() -> Callable[..., "xr.Dataset"]:
    """Return a maker of invented studies: the dataset that `core.reading.read` would give.

    invent(name, trials, shared, settings=..., **card): trials: Trial -> Record; the rest of the
    data card is filled in.
    """
    from core import dataset

    def make(experiment, trials, shared=None, /, *, settings=None, **card):
        from core.trials import Shared

        known = {
            "name": "invented",
            "source": "made here",
            "fingerprint": "f" * 64,
            "classes": ["a", "b"],
            "shape": [1, 2, 2],
            "counts": {"train": [2, 2], "val": [1, 1], "test": [1, 1]},
            "split": "none",
            "synthetic": False,
            "warnings": [],
            "quarantined": [],
            "conflicts": [],
        }
        facts = {"settings": settings or {}, "device": "cpu", "code": "0", "arm": "arm"}
        attrs = {"study": experiment, "card": {**known, **card}, "facts": facts, "left_out": []}
        attrs |= {"key": "0" * 16, "run": "0" * 32, "runs": {}, "groups": {}}
        return dataset.build(list(trials.items()), shared or Shared(), attrs)

    return make
