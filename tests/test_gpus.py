"""Which GPU a program is given; nothing here needs one."""

import os
import time

import pytest

from core import engines, fleet
from core.errors import UserError
from core.fleet import Place
from experiments import init_schemes
from reports import running
from reports.running import Where
from tests import toy
from tests.test_fleet import order


def visible(_):
    time.sleep(0.5)  # so that every process has one
    return os.environ["CUDA_VISIBLE_DEVICES"]


def span(_):
    start = time.time()
    time.sleep(0.5)
    return start, time.time()


def answers(name, argument, folder, gpus, function, n):
    """Return what n programs find out, that an engine has all at once."""
    with engines.start(name, argument, folder, gpus) as engine:
        futures = [engine.submit(function, index) for index in range(n)]
        return [future.result() for future in futures]


def test_processes_are_dealt_to_the_gpus_in_turn(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert sorted(answers("loky", "3", tmp_path, 1, visible, 3)) == ["4", "4", "7"]


@pytest.mark.parametrize(("share", "together"), [(1, False), (0.5, True)])
def test_two_programs_are_on_one_gpu_where_each_wants_half_of_it(tmp_path, share, together):
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    with distributed.LocalCluster(**options, dashboard_address=None, resources={"GPU": 1}) as dask:
        one, two = answers("dask", dask.scheduler_address, tmp_path, share, span, 2)
    assert (max(one[0], two[0]) < min(one[1], two[1])) == together


@pytest.mark.parametrize("on", [None, "loky:2"])
def test_a_share_of_a_gpu_is_for_engines_that_share(on):
    with pytest.raises(UserError, match=r"^--gpus-per-group 0.5: --on ray or dask is wanted$"):
        Where(on=on, gpus_per_group=0.5)


def test_a_share_of_a_gpu_reaches_the_engine_and_a_command():
    where = Where(on="dask:tcp://here:1", gpus_per_group=0.5)
    assert where.place() == Place("dask", "tcp://here:1", 0.5)
    assert where.options == " --on dask:tcp://here:1 --gpus-per-group 0.5"
    assert Where().options == ""


def test_a_share_of_a_gpu_is_refused_where_there_is_none(tmp_path):
    place = Place("dask", "tcp://here:1", 0.5)
    with pytest.raises(UserError, match=r"^--gpus-per-group 0.5: a study on cuda, .* is wanted$"):
        next(fleet.train(place, [(toy.trials(1), tmp_path)], order(tmp_path)))


def test_a_numbered_gpu_and_workers_are_one_line():
    start, options = running.by_looks(lambda _: pytest.fail("begun"), init_schemes.Config)
    study = init_schemes.Config(device=init_schemes.DeviceConfig(device="cuda:1"))
    with pytest.raises(UserError, match=r"^--device cuda:1: cuda, without a number, as each pro"):
        start(options(study=study, running=running.Running(on="loky:2")))
