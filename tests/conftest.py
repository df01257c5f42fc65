"""What all tests share: a store of their own, the real data if they are at hand, one thread."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # small tensors, and two cores that others use too
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test, and the processes it starts, an empty store; returns its folder.

    Database and artifacts lie in it: <folder>/mlflow.db and <folder>/mlruns.
    """
    import mlflow

    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    yield folder
    while mlflow.active_run():
        mlflow.end_run("KILLED")
    mlflow.set_tracking_uri(None)  # the next Store sets its own; before, none is left over


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
