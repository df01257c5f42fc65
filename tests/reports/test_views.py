"""The saved view is what MLflow's page can decode, and the line printed opens it."""

import base64
import json
import time
import zlib

import pytest
from mlflow import MlflowClient

from core.store import Store
from reports import views


def decoded(view):
    packed = json.loads(view)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def view_of(key):
    return views.saved_view("a name", ("scheme", "scale"), ["test/accuracy", "test/loss"], key)


def test_the_saved_view_can_be_decoded():
    view = view_of("k1")
    assert json.loads(view)["createdAt"] / 1000 == pytest.approx(time.time(), abs=60)
    state = decoded(view)
    assert state["groupBy"] is None
    assert state["selectedColumns"] == [
        "params.`scheme`",
        "params.`scale`",
        "metrics.`test/accuracy`",
        "metrics.`test/accuracy_low`",
        "metrics.`test/accuracy_high`",
        "metrics.`test/loss`",
        "metrics.`test/loss_low`",
        "metrics.`test/loss_high`",
        "metrics.`n`",
    ]
    assert state["orderByKey"] == "metrics.`test/accuracy`"
    assert len(view) < 5000  # MLflow's limit of a tag's value


def test_the_views_filter_shows_the_arms_of_one_study(store):
    one = Store()
    place = one.experiment("x")
    made = {
        (role, key): one.create(place, role, {"role": role, "study_key": key})
        for role in ("study", "arm", "trial")
        for key in ("k1", "k2")
    }
    query = decoded(view_of("k1"))["searchFilter"]
    found = MlflowClient().search_runs([place], query)
    assert [run.info.run_id for run in found] == [made["arm", "k1"]]
    one.describe(place, {views.TAG + "key": view_of("k1")})
    tags = MlflowClient().get_experiment(place).tags
    assert decoded(tags["mlflow.sharedViewState.key"])["searchFilter"] == query


def test_instructions_name_the_store_that_the_page_must_read():
    own = views.instructions("sqlite:////repo/mlflow.db", "7", "key")
    assert "`mlflow ui --backend-store-uri sqlite:////repo/mlflow.db`" in own
    other = views.instructions("sqlite:////tmp/a b.db", "7", "key")
    assert "`mlflow ui --backend-store-uri 'sqlite:////tmp/a b.db'`" in other
    served = views.instructions("http://host:5000/", "7", "key")
    assert served.startswith("runs: http://host:5000/#/experiments/7/runs?")


def test_instructions_show_no_password():
    served = views.instructions("https://me:s3cr@t@host/", "7", "key")
    assert served.startswith("runs: https://***@host/#/experiments/7/runs?")
    database = views.instructions("postgresql://me:secret@host/runs", "7", "key")
    assert '`mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"`' in database
    assert "secret" not in database
