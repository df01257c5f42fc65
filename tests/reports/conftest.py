"""A store with one complete study, made once; the tests of the report read it."""

import shutil
from pathlib import Path

import pytest

from experiments import init_schemes


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Run the smoke study once in a store of its own; returns its folder."""
    folder = tmp_path_factory.mktemp("studied")
    shutil.copy(empty_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        init_schemes.main(init_schemes.SMOKE)
    return folder


@pytest.fixture
def study_store(studied: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the test at that store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{studied}/mlflow.db")
    return studied
