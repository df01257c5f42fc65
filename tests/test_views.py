"""The saved view is what MLflow's page can decode, and the line printed opens it."""

import base64
import json
import zlib

from mlflow import MlflowClient

from core import views
from core.tracking import Store


def decoded(view):
    packed = json.loads(view)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_the_saved_view_can_be_decoded():
    view = views.saved_view("a name", "scheme", ["test/accuracy", "test/loss"], "p1", now=12.0)
    assert json.loads(view)["createdAt"] == 12_000
    state = decoded(view)
    assert state["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "scheme"}]
    assert state["selectedColumns"] == [
        "params.`scheme`",
        "params.`seed`",
        "metrics.`test/accuracy`",
        "metrics.`test/loss`",
    ]
    assert state["orderByKey"] == "metrics.`test/accuracy`"
    assert state["searchFilter"] == "tags.mlflow.parentRunId = 'p1' AND tags.complete = 'true'"
    assert len(view) < 5000  # MLflow's limit of a tag's value


def test_the_views_filter_is_one_that_mlflow_takes(store):
    one = Store()
    place = one.experiment("x")
    parent = one.create(place, "parent", {})
    trials = [one.create(place, "trial", {"mlflow.parentRunId": parent}) for _ in range(2)]
    one.end(trials[0], "FINISHED")
    query = decoded(views.saved_view("v", "scheme", ["a"], parent))["searchFilter"]
    assert [run.info.run_id for run in MlflowClient().search_runs([place], query)] == trials[:1]
    one.describe(place, {views.TAG + "key": views.saved_view("v", "scheme", ["a"], parent)})
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
