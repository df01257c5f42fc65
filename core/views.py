"""The saved view of a study on the MLflow page, as the page itself would store it.

MLflow opens on its LLM pages, shows ten runs and no column. A view saved as an experiment tag
(since MLflow 3.15) opens on the trials of one study, grouped by arm. The format is MLflow's own
and undocumented: `serializePersistedState` of its web page.
"""

import base64
import json
import shlex
import time
import zlib
from collections.abc import Sequence

from core.errors import without_password

TAG = "mlflow.sharedViewState."


def saved_view(
    name: str, arm: str, columns: Sequence[str], parent: str, now: float | None = None
) -> str:
    """Return the value of the tag that shows the complete children of `parent`, grouped by `arm`.

    arm: name of a param. columns: names of metrics. now: seconds since 1970, else the present.
    """
    moment = int((now or time.time()) * 1000)
    metrics = [f"metrics.`{column}`" for column in columns]
    state = {
        "searchFilter": f"tags.mlflow.parentRunId = '{parent}' AND tags.complete = 'true'",
        "orderByKey": metrics[0],
        "orderByAsc": False,
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "param", "groupByData": arm}],
        },
        "selectedColumns": [*(f"params.`{name}`" for name in (arm, "seed")), *metrics],
        "runsHiddenMode": "SHOWALL",
    }
    packed = "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    view = {"name": name, "createdAt": moment, "updatedAt": moment, "state": packed}
    return json.dumps(view)


def instructions(uri: str, experiment: str, key: str) -> str:
    """Return how to open a saved view in a browser.

    uri: of the store, absolute where it is a file; a password in it is not shown. The address is
    always given to MLflow's page: it does not read MLFLOW_TRACKING_URI, and prefers an old
    ./mlruns to the database beside it.
    """
    served = uri.startswith("http")
    base = without_password(uri).rstrip("/") if served else "http://127.0.0.1:5000"
    query = f"workflowType=machine_learning&viewStateShareKey={key}"
    address = f"{base}/#/experiments/{experiment}/runs?{query}"
    if served:
        return f"runs: {address}"
    store = shlex.quote(uri) if uri.startswith("sqlite") else '"$MLFLOW_TRACKING_URI"'
    return f"runs: start `mlflow ui --backend-store-uri {store}`, then open\n  {address}"
