"""Workers give the numbers that this process gives, whatever starts them and whatever befalls."""

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch

from core import archive, engines, fleet, job, provenance
from core.errors import UserError
from core.fleet import Place
from core.store import Store
from core.trials import Trial
from tests import toy

DRIVER = """
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from core import cli, fleet
from tests import toy

@dataclass
class Config:
    pass

def main(_):
    with toy.study() as study:
        study.run(toy.trials(3), partial(toy.lasts, Path({folder!r})), lambda t: (), 2)

fleet.ON.set(fleet.Place("loky", "2"))
cli.run(main, Config, "")
"""


@pytest.fixture
def on(monkeypatch):
    """Return a function that sets the place where studies train."""
    tokens = []
    yield lambda text: tokens.append(fleet.ON.set(text and Place.of(text)))
    for token in reversed(tokens):
        fleet.ON.reset(token)


def run(train=toy.TRAIN, n=3, **changes):
    """Run the toy study, two trials a program; return what was kept: trial -> record."""
    with toy.study(**changes) as study:
        study.run(toy.trials(n), train, lambda trial: trial.factors, 2)
    runs = archive.kept(Store(), study.key)
    return {each.tags["trial"]: archive.read(Store(), each)[1] for each in runs}


def bits(kept):
    """Return all that does not tell the time, in a form in which bits that differ are unequal."""
    return {
        name: (
            record.metrics["loss"],
            record.curves,
            [(each, dims, v.dtype, v.tobytes()) for each, (dims, v) in record.arrays.items()],
        )
        for name, record in kept.items()
    }


@pytest.fixture(scope="module")
def expected():
    """What this process keeps of the toy study."""
    jobs = [job.Job([trial], Path("none"), len) for trial in toy.trials(3)]
    done = [job.run(toy.TRAIN, each).records for each in jobs]
    return bits({trial.key: record for records in done for trial, record in records.items()})


def dask():
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    options = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": None}
    return distributed.LocalCluster(**options)


def test_processes_give_the_same_bits_as_this_one(store, on, expected):
    on("loky:2")
    assert bits(run()) == expected
    assert not list((store / "mlruns/outbox").rglob("workers-*"))


def test_dask_gives_the_same_bits(store, on, expected):
    with dask() as cluster:
        on(f"dask:{cluster.scheduler_address}")
        assert bits(run()) == expected


@pytest.mark.slow
def test_ray_gives_the_same_bits(store, on, expected):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    before = signal.getsignal(signal.SIGTERM)
    on("ray")
    assert bits(run()) == expected
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_slurm_jobs_give_the_same_bits(store, on, expected, monkeypatch):
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    monkeypatch.setattr(engines, "CLUSTER", "local")
    on("slurm:partition=none,time=5")
    assert bits(run()) == expected


def test_a_worker_that_is_killed_costs_its_program_which_goes_to_another(
    store, on, tmp_path, expected
):
    on("loky:2")
    assert bits(run(partial(toy.dies, tmp_path, False))) == expected
    assert (tmp_path / "died").exists()
    processes = [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]
    assert len(processes) <= 3  # the other worker stayed
    assert not any(map(psutil.pid_exists, processes))


def test_a_program_that_kills_every_worker_is_one_line(store, on, tmp_path, expected):
    on("loky:1")
    wanted = r"--on loky:1: whatever worker was given 0.1/1 and 1 more was lost, .*SIGKILL"
    with pytest.raises(UserError, match=wanted):
        run(partial(toy.dies, tmp_path, True), n=2)
    assert len([path for path in tmp_path.iterdir() if path.name.isdigit()]) == engines.TRIES
    on(None)
    assert bits(run(n=2)).items() <= expected.items()


def test_an_error_in_a_worker_is_the_drivers(store, on):
    on("loky:2")
    with pytest.raises(UserError, match=r"^--x 1: 2 is wanted") as caught:
        run(partial(toy.raises, UserError("--x 1: 2 is wanted")))
    assert "in a worker on" in caught.value.__notes__[0]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_ends_leaves_no_process_and_goes_on(store, on, tmp_path, expected, sign):
    surroundings = {**os.environ, "PYTHONPATH": str(provenance.ROOT)}
    command = [sys.executable, "-c", DRIVER.format(folder=str(tmp_path))]
    driver = subprocess.Popen(command, env=surroundings, stderr=subprocess.PIPE, text=True)
    kept = "tags.role = 'trial' AND tags.complete = 'true'"
    while len(Store().runs(kept)) < 2 or len(list(tmp_path.glob("[1-9]*"))) < 2:
        assert driver.poll() is None
        time.sleep(0.5)
    family = psutil.Process(driver.pid).children(recursive=True)
    assert len(family) >= 2
    driver.send_signal(sign)
    error = driver.communicate(timeout=20)[1]
    assert driver.returncode == (130 if sign == signal.SIGINT else -sign)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    if sign == signal.SIGINT:
        assert "the same command goes on from there" in error.splitlines()[-1]
        assert "Traceback" not in error
    (tmp_path / "quick").touch()
    on("loky:2")
    assert bits(run(partial(toy.lasts, tmp_path))) == expected
    assert len(list(tmp_path.glob("trained-0-*"))) == 1
    assert not list((store / "mlruns/outbox").rglob("workers-*"))


def order(folder, **changes):
    versions = tuple(provenance.versions().items())
    script = "experiments/init_schemes.py"
    code = fleet.code_hash(provenance.ROOT / script)
    return replace(fleet.Order(folder, script, "cpu", code, versions), **changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": "0" * 16}, "has code [0-9a-f]{16}: 0{16} is wanted"),
        ({"versions": (("torch", "9"),)}, r"has torch [^9].*: 9 is wanted"),
        ({"device": "cuda (Abacus), bfloat16"}, r"has device cuda \(.*: cuda \(Abacus\), bfl"),
    ],
)
def test_a_worker_whose_numbers_would_be_others_is_one_line(tmp_path, change, said):
    answer = fleet.work(order(tmp_path, **change), toy.trials(1), tmp_path / "none")
    assert isinstance(answer, UserError)
    assert re.search(said, str(answer))


def test_a_worker_that_sees_another_folder_is_one_line(tmp_path):
    answer = fleet.work(order(tmp_path / "far"), toy.trials(1), tmp_path / "none")
    assert isinstance(answer, UserError)
    assert "a store whose folder mlruns all workers see is wanted" in str(answer)


def test_arrays_lie_beside_the_pickle_and_are_mapped(tmp_path):
    numbers = torch.arange(100_000)
    odd = torch.ones(3, dtype=torch.uint8)
    views = {
        "odd": odd,
        "a": numbers[1:],
        "b": numbers.reshape(400, 250).T,
        "c": torch.ones(3).bfloat16(),
    }
    fleet.write(views, tmp_path)
    assert (tmp_path / "train.pickle").stat().st_size < numbers.nbytes * 1.5
    back = fleet.read(tmp_path)
    assert all(torch.equal(back[name], value) for name, value in views.items())
    assert back["a"].data_ptr() % fleet.ALIGNED == 0
    back["a"] += 1  # a copy of its own
    assert torch.equal(fleet.read(tmp_path)["a"], views["a"])


def test_a_training_that_cannot_be_sent_is_done_here(store, on, expected, capsys):
    lock = threading.Lock()

    def train(job):
        with lock:
            return toy.TRAIN(job)

    on("loky:2")
    assert bits(run(train)) == expected
    assert "--on loky:2: cannot be sent, and trains here: cannot pickle '_thread.lock'" in (
        capsys.readouterr().out
    )


def test_an_error_that_cannot_travel_is_told_in_words(tmp_path):
    error = KeyError("first")

    def train(job):
        error.lock = threading.Lock()
        raise error

    fleet.write(train, tmp_path)
    answer = fleet.work(order(tmp_path), [Trial("a", 0)], tmp_path / "none")
    assert type(answer) is RuntimeError
    assert "KeyError: 'first'" in str(pickle.loads(pickle.dumps(answer)))


@pytest.mark.parametrize(
    "text",
    ["", "loky", "loky:0", "loky:-1", "loky:1000", "loky:two", "dask", "dask:", "ray:", "slurm:",
     "slurm:a", "slurm:=3", "slurm:a=", "spam:1"],
)  # fmt: skip
def test_a_place_that_is_none_is_one_line(text):
    with pytest.raises(UserError, match=r"^--on .*: loky:N, dask:ADDRESS, ray, .* is wanted$"):
        Place.of(text)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape("distributed (pip install '.[dask]') is wanted")):
        Place.of("dask:tcp://here:1")


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("dask:tcp://127.0.0.1:9", "distributed"),
        ("dask:what", "distributed"),
        ("ray:127.0.0.1:9", "ray"),
        ("ray:host:port", "ray"),
        ("slurm:partition=x", "submitit"),
        ("slurm:colour=red", "submitit"),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_line(store, on, monkeypatch, text, package):
    pytest.importorskip(package)
    monkeypatch.setattr(engines, "SECONDS", 1)
    on(text)
    with pytest.raises(UserError, match=rf"^--on {text}: something that answers") as caught:
        run()
    assert "\n" not in str(caught.value)
