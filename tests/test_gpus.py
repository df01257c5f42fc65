"""Which GPU a program is given; nothing here needs one."""

import os
import time
from functools import partial

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


def meets(folder, seconds, index):
    """Tell whether another program is there at the same time, within so many seconds."""
    folder.mkdir(exist_ok=True)
    here, deadline = folder / f"{index}", time.monotonic() + seconds
    here.touch()
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    met = len(list(folder.iterdir())) == 2
    if not met:
        here.unlink()
    return met


def answers(name, argument, folder, gpus, function, n):
    """Return what n programs find out, that an engine has all at once."""
    with engines.start(name, argument, folder, gpus) as engine:
        futures = [engine.submit(function, index) for index in range(n)]
        return [future.result() for future in futures]


def test_processes_are_dealt_to_the_gpus_in_turn(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert sorted(answers("loky", "3", tmp_path, 1, visible, 3)) == ["4", "4", "7"]


@pytest.mark.slow
def test_ray_puts_two_programs_on_a_gpu_where_each_wants_half_of_it(tmp_path):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    machine = {"num_cpus": 2, "num_gpus": 1, "include_dashboard": False}  # declared, not there
    cluster = Cluster(initialize_head=True, head_node_args=machine)
    try:
        for share, seconds, met in ((1, 2, False), (0.5, 120, True)):
            meet = partial(meets, tmp_path / f"{share}", seconds)
            assert any(answers("ray", cluster.address, tmp_path, share, meet, 2)) == met
    finally:
        cluster.shutdown()


@pytest.mark.parametrize("on", [None, "loky:2", "dask:tcp://here:1"])
def test_a_share_of_a_gpu_is_rays(on):
    with pytest.raises(UserError, match=r"^--gpus-per-group 0.5: --on ray \(.*\) is wanted$"):
        Where(on=on, gpus_per_group=0.5)


def test_a_share_of_a_gpu_reaches_the_engine_and_a_command():
    where = Where(on="ray:here:1", gpus_per_group=0.5)
    assert where.place() == Place("ray", "here:1", 0.5)
    assert where.options == " --on ray:here:1 --gpus-per-group 0.5"
    assert Where().options == ""


def test_a_share_of_a_gpu_is_refused_where_there_is_none(tmp_path):
    place = Place("ray", "here:1", 0.5)
    with pytest.raises(UserError, match=r"^--gpus-per-group 0.5: a study on cuda, .* is wanted$"):
        next(fleet.train(place, [(toy.trials(1), tmp_path)], order(tmp_path)))


def test_a_numbered_gpu_and_workers_are_one_line():
    start, options = running.by_looks(lambda _: pytest.fail("begun"), init_schemes.Config)
    study = init_schemes.Config(device=init_schemes.DeviceConfig(device="cuda:1"))
    with pytest.raises(UserError, match=r"^--device cuda:1: cuda, without a number, as each pro"):
        start(options(study=study, running=running.Running(on="loky:2")))
