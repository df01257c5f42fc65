"""The saved view of a study on the MLflow page, as the page itself would store it.

MLflow opens on its LLM pages, shows ten runs and no column. A view saved as an experiment tag
(since MLflow 3.15) opens on the arms of one study. The page loads 100 runs: a view that grouped
the trials would average those that are loaded, and lose the worst arms without a word. The format
is MLflow's own and undocumented: `serializePersistedState` of its web page.
"""

import base64
import json
import shlex
import time
import zlib
from collections.abc import Sequence

from core.errors import without_password

TAG = "mlflow.sharedViewState."
TRAINING = "workflowType=machine_learning"
"""in an address: without it MLflow's page shows a run among those of language models"""


def saved_view(name: str, params: Sequence[str], columns: Sequence[str], key: str) -> str:
    """Return the value of the tag that shows the arms of the study `key`.

    params: names of params. columns: names of metrics, each shown with its interval; the first
    one sorts.
    """
    moment = int(time.time() * 1000)
    bounds = [f"metrics.`{column}{end}`" for column in columns for end in ("", "_low", "_high")]
    state = {
        "searchFilter": f"tags.role = 'arm' AND tags.study_key = '{key}'",
        "orderByKey": f"metrics.`{columns[0]}`",
        "orderByAsc": False,
        "groupBy": None,
        "selectedColumns": [*(f"params.`{name}`" for name in params), *bounds, "metrics.`n`"],
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
    query = f"{TRAINING}&viewStateShareKey={key}"
    address = f"{server(uri)}/#/experiments/{experiment}/runs?{query}"
    start = start_server(uri)
    return f"runs: start `{start}`, then open\n  {address}" if start else f"runs: {address}"


def server(uri: str) -> str:
    """Return the address of MLflow's page: the store's own, or where `mlflow ui` would serve it."""
    served = uri.startswith("http")
    return without_password(uri).rstrip("/") if served else "http://127.0.0.1:5000"


def address(uri: str, experiment: str, run: str) -> str:
    """Return the address of a run on MLflow's page."""
    return f"{server(uri)}/#/experiments/{experiment}/runs/{run}?{TRAINING}"


def start_server(uri: str) -> str:
    """Return the command that serves a store's page; nothing where a server does."""
    if uri.startswith("http"):
        return ""
    store = shlex.quote(uri) if uri.startswith("sqlite") else '"$MLFLOW_TRACKING_URI"'
    return f"mlflow ui --backend-store-uri {store}"
