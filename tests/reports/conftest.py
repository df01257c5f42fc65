"""Experiments as other people log them, planted once."""

import contextlib
import shutil
import sqlite3

import pytest

from tests.reports import plant


@pytest.fixture(scope="session")
def planted(tmp_path_factory, empty_store):
    """A store with every experiment of `plant`; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("planted")
    path = folder / "mlflow.db"
    shutil.copy(empty_store, path)
    with (
        contextlib.closing(sqlite3.connect(path)) as database,
        pytest.MonkeyPatch.context() as patch,
    ):
        database.execute("PRAGMA journal_mode = WAL")  # planting is twice as fast
        patch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        for each in plant.PLANTS:
            each()
    return path
