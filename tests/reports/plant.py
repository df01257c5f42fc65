"""Experiments as other people log them, with what misleads planted in them: real MLflow calls."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

NOISE = (0.0, 0.011, -0.007, 0.004, -0.002, 0.006)
"""of each seed, shared by the arms"""
OWN = {"cnn": (0.001, -0.002, 0.0, 0.002, -0.001, 0.0), "resnet": (0.0, 0.001, 0.002, -0.001, 0, 0)}


def score(arm: str, seed: int) -> float:
    """Return the accuracy that arm and seed log last: resnet is better by .02, clearly."""
    return {"cnn": 0.90, "resnet": 0.92}[arm] + NOISE[seed % 6] + OWN[arm][seed % 6]


class Planter:
    """Logs runs to one experiment."""

    def __init__(self, experiment: str) -> None:
        self.client = MlflowClient()
        self.place = self.client.create_experiment(experiment)

    def run(
        self,
        params: Mapping[str, Any],
        metrics: Mapping[str, float | Sequence[float]],
        *,
        status: str = "FINISHED",
        tags: Mapping[str, str] | None = None,
        digest: str | None = None,
    ) -> str:
        """Log a run: a number is logged once, several are a curve. Returns its id."""
        run_id = self.client.create_run(self.place, tags=dict(tags or {})).info.run_id
        points = [
            Metric(name, value, index, index)
            for name, values in metrics.items()
            for index, value in enumerate([values] if isinstance(values, float) else values)
        ]
        listed = [Param(name, str(value)) for name, value in params.items()]
        self.client.log_batch(run_id, points, listed, [RunTag("by", "hand")])
        if digest:
            given = DatasetInput(Dataset("data", digest, "local", "here"))
            self.client.log_inputs(run_id, [given])
        if status != "RUNNING":
            self.client.set_terminated(run_id, status)
        return run_id

    def grid(
        self, arms: Sequence[str] = ("cnn", "resnet"), seeds: Sequence[int] = range(5)
    ) -> None:
        """Log arms x seeds as they should be."""
        for seed in seeds:
            for arm in arms:
                self.run({"model": arm, "seed": seed}, {"val_acc": score(arm, seed)})


def clean() -> None:
    """Plant nothing."""
    Planter("clean").grid()


def unpaired_seeds() -> None:
    planter = Planter("unpaired_seeds")
    planter.grid(["cnn"], range(5))
    planter.grid(["resnet"], range(5, 10))


def missing_pairs() -> None:
    planter = Planter("missing_pairs")
    planter.grid(["cnn"], range(6))
    planter.grid(["resnet"], range(1, 6))


def repeated_runs() -> None:
    planter = Planter("repeated_runs")
    planter.grid()
    planter.grid(["cnn"], [3])


def budgets() -> None:
    planter = Planter("budgets")
    for seed in range(5):
        for arm, epochs in (("cnn", 10), ("resnet", 20)):
            params = {"model": arm, "seed": seed, "max_epochs": epochs}
            planter.run(params, {"val_acc": [0.1] * (epochs - 1) + [score(arm, seed)]})


def early_stops() -> None:
    """No param says how long a run trains, but its last step does."""
    planter = Planter("early_stops")
    for seed in range(5):
        for arm, epochs in (("cnn", 10), ("resnet", 20)):
            curve = [0.1] * (epochs - 1) + [score(arm, seed)]
            planter.run({"model": arm, "seed": seed}, {"val_acc": curve})


def data() -> None:
    planter = Planter("data")
    for seed in range(5):
        for arm, digest in (("cnn", "aaaa"), ("resnet", "bbbb")):
            params = {"model": arm, "seed": seed}
            planter.run(params, {"val_acc": score(arm, seed)}, digest=digest)


def commits() -> None:
    planter = Planter("commits")
    for seed in range(5):
        for arm, commit in (("cnn", "1" * 40), ("resnet", "2" * 40)):
            tags = {"mlflow.source.git.commit": commit}
            params = {"model": arm, "seed": seed}
            planter.run(params, {"val_acc": score(arm, seed)}, tags=tags)


def epochs() -> None:
    """Curves of two metrics, as Keras logs them: the lowest val_loss is at step 2."""
    planter = Planter("epochs")
    for seed in range(5):
        for arm in ("cnn", "resnet"):
            final = score(arm, seed)
            curves = {
                "val_accuracy": [0.5, final + 0.02, final - 0.01, final],
                "val_loss": [0.9, 0.4, 0.2, 0.6],
            }
            planter.run({"model": arm, "seed": seed, "epochs": 4}, curves)


def diverged() -> None:
    """Two of five runs of cnn end as NaN and infinity."""
    planter = Planter("diverged")
    planter.grid(["resnet"])
    planter.grid(["cnn"], range(3))
    for seed, value in ((3, float("nan")), (4, float("inf"))):
        planter.run({"model": "cnn", "seed": seed}, {"val_acc": value})


def crashed() -> None:
    """A run of cnn crashed, another crashed and was run again, one is still running."""
    planter = Planter("crashed")
    planter.grid(["resnet"])
    planter.grid(["cnn"], range(4))
    planter.run({"model": "cnn", "seed": 4}, {"val_acc": 0.3}, status="FAILED")
    planter.run({"model": "cnn", "seed": 0}, {"val_acc": 0.3}, status="KILLED")
    planter.run({"model": "cnn", "seed": 5}, {"val_acc": 0.3}, status="RUNNING")


def single_runs() -> None:
    Planter("single_runs").grid(seeds=[0])


def folds() -> None:
    planter = Planter("folds")
    for fold in range(5):
        for arm in ("cnn", "resnet"):
            planter.run({"model": arm, "fold": fold}, {"val_acc": score(arm, fold)})


def metric_on_parents() -> None:
    """Children are the folds, their parent logs the mean."""
    planter = Planter("metric_on_parents")
    for seed in range(3):
        for arm in ("cnn", "resnet"):
            params = {"model": arm, "seed": seed}
            parent = planter.run(params, {"cv_acc": score(arm, seed)})
            for fold in range(2):
                tags = {"mlflow.parentRunId": parent}
                planter.run({"fold": fold}, {"fold_acc": score(arm, seed)}, tags=tags)


def nested() -> None:
    """A parent an arm, which holds the arm's name and a value that nobody should average."""
    planter = Planter("nested")
    for arm in ("cnn", "resnet"):
        parent = planter.run({"model": arm}, {"val_acc": 0.1})
        for seed in range(5):
            tags = {"mlflow.parentRunId": parent}
            planter.run({"seed": seed}, {"val_acc": score(arm, seed)}, tags=tags)


def by_order() -> None:
    """Twice three runs whose order is not that of their seeds: -1 on every seed."""
    planter = Planter("by_order")
    for arm, seeds, values in (
        ("a", [0, 1, 2], [0.0, 10.0, 20.0]),
        ("b", [2, 1, 0], [21.0, 11.0, 1.0]),
    ):
        for seed, value in zip(seeds, values, strict=True):
            planter.run({"arm": arm, "seed": seed}, {"score": value})


def odd_names() -> None:
    planter = Planter("odd names/ü & <b>")
    for seed in range(3):
        for arm, value in (
            ("<script>alert(1)</script>", 0.1),
            ("a|b `c` $x_1$", 0.2),
            ("", 0.3),
            ("x\ny", 0.4),
        ):
            curve = [value + seed / 10, value + seed / 9]
            planter.run({"net": arm, "seed": seed}, {"loss": curve})


PLANTS = [
    odd_names,
    clean,
    unpaired_seeds,
    missing_pairs,
    repeated_runs,
    budgets,
    early_stops,
    data,
    commits,
    epochs,
    diverged,
    crashed,
    single_runs,
    folds,
    metric_on_parents,
    nested,
    by_order,
]
