"""The engines that `--on` names: what starts workers, hands programs to them, and stops them."""

import contextlib
import gc
import logging
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import provenance, torchrun
from core.errors import UserError

SECONDS = 20  # after which a cluster that does not answer is not there
AHEAD = 1000  # programs that a cluster is given at a time
JOBS = 100  # of Slurm's
TRIES = 3
CLUSTER = "slurm"  # submitit's word; `local` in tests
HOUR = 60  # minutes of a Slurm job, unless told


@dataclass(frozen=True)
class Engine:
    """An engine that runs."""

    submit: Callable[..., "Future[Any]"]
    """(function, its arguments) -> what a worker will return; raises where the worker is lost"""
    ahead: int
    """programs to hand over before the first comes back"""
    tries: int = TRIES
    """times that it is given a program whose worker is lost; 1: it tries again by itself"""


def start(
    name: str, argument: str, folder: Path, gpus: float
) -> contextlib.AbstractContextManager[Engine]:
    """Start an engine; its workers, where they are its own, are gone after the block.

    folder: workers see it. gpus: for each program. Raises UserError where it cannot start.
    """
    engines = {"loky": _loky, "dask": _dask, "ray": _ray, "slurm": _slurm, "torchrun": _torchrun}
    return engines[name](argument, folder, gpus)


class _Processes:
    """Processes of this machine, each in a pool of its own: the end of one costs its program."""

    def __init__(self, environments: list[dict[str, str]]) -> None:
        self._threads = ThreadPoolExecutor(len(environments))
        self._pools = [self._pool(environment) for environment in environments]
        self._handing = threading.Lock()
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(environments)):
            self._idle.put(index)

    def _pool(self, environment: dict[str, str]) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        return ProcessPoolExecutor(1, initializer=_stay, initargs=(os.getpid(),), env=environment)

    def submit(self, *call: Any) -> "Future[Any]":
        """Hand a function and its arguments to the next idle process."""
        return self._threads.submit(self._run, *call)

    def _run(self, *call: Any) -> Any:
        from joblib.externals.loky import BrokenProcessPool

        index = self._idle.get()
        try:
            with self._handing:  # a pool that is closed between the two below stumbles
                future = self._pools[index].submit(*call)
                while not (future.running() or future.done()):
                    time.sleep(1e-3)
            return future.result()
        except BrokenProcessPool:
            self._pools[index] = self._pool(self._pools[index]._env)
            raise
        finally:
            self._idle.put(index)

    def close(self) -> None:
        """End the processes, whatever they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._handing:
            for pool in self._pools:
                pool.shutdown(kill_workers=True)
        self._threads.shutdown()
        self._pools.clear()
        gc.collect()  # their semaphores too: what is left after an interrupt is a line on stderr


def _stay(parent: int) -> None:
    """Prepare a process of this machine: only its parent ends it, and the parent's end does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all processes, the parent too

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _loky(argument: str, folder: Path, gpus: float) -> Iterator[Engine]:
    """Start processes; cores and GPUs are shared out among them."""
    import joblib

    n = int(argument)
    threads = max(1, joblib.cpu_count() // n)
    with contextlib.suppress(KeyError, ValueError):
        threads = min(threads, int(os.environ["OMP_NUM_THREADS"]))
    environments = [{"OMP_NUM_THREADS": str(threads)} for _ in range(n)]
    if gpus:
        there = torchrun.gpus()
        for index, environment in enumerate(environments):
            environment["CUDA_VISIBLE_DEVICES"] = there[index % len(there)]
    processes = _Processes(environments)
    try:
        yield Engine(processes.submit, 2 * n)
    finally:
        processes.close()


@contextlib.contextmanager
def _dask(argument: str, folder: Path, gpus: float) -> Iterator[Engine]:
    """Connect to a scheduler; workers that announce a resource GPU are given what fits on it."""
    from distributed import Client

    try:
        client = Client(argument, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(_absent("dask", argument, "tcp://HOST:8786", error)) from error
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            print(f"--on dask:{argument}: waiting for workers", flush=True)
        announced = gpus and any("GPU" in worker["resources"] for worker in workers)
        wanted = {"resources": {"GPU": gpus}} if announced else {}
        pool = client.get_executor(pure=False, **wanted)
        try:
            yield Engine(pool.submit, AHEAD, tries=1)
        finally:
            pool.shutdown(wait=False)


@contextlib.contextmanager
def _ray(argument: str, folder: Path, gpus: float) -> Iterator[Engine]:
    """Connect to a cluster, or start Ray on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ended = signal.getsignal(signal.SIGTERM)
    host, colon, port = argument.removeprefix("ray://").rpartition(":")
    try:
        if colon:  # Ray would ask for minutes
            socket.create_connection((host, int(port)), SECONDS).close()
        ray.init(argument or None, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(_absent("ray", argument, "HOST:6379", error)) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ended)  # Ray sets its own, which would keep nothing

    @ray.remote(num_cpus=1, num_gpus=gpus, max_retries=TRIES - 1)
    def task(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    try:
        yield Engine(lambda *call: task.remote(*call).future(), AHEAD, tries=1)
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _slurm(argument: str, folder: Path, gpus: float) -> Iterator[Engine]:
    """Give each program to a job of its own. argument: options of sbatch, KEY=VALUE,..."""
    import submitit

    pairs = (pair.partition("=") for pair in argument.split(",") if pair)
    options = {key: int(value) if value.isdigit() else value for key, _, value in pairs}
    there = [str(provenance.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(there)  # jobs inherit it, and find this repo by it
    asked = not gpus or any(key.startswith("gpu") or key == "gres" for key in options)
    options = {"time": HOUR, **({} if asked else {"gpus_per_node": 1}), **options}
    try:
        executor = submitit.AutoExecutor(folder / "slurm", cluster=CLUSTER)
        executor.update_parameters(**{f"slurm_{key}": value for key, value in options.items()})
    except (RuntimeError, NameError, ValueError, TypeError) as error:
        raise UserError(_absent("slurm", argument, "partition=NAME,time=60", error)) from error
    jobs, threads = [], ThreadPoolExecutor(JOBS)

    def result(*call: Any) -> Any:
        job = executor.submit(*call)
        jobs.append(job)
        return job.result()

    try:
        yield Engine(lambda *call: threads.submit(result, *call), JOBS)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for job in jobs:
            if not job.done():
                job.cancel()


@contextlib.contextmanager
def _torchrun(argument: str, folder: Path, gpus: float) -> Iterator[Engine]:
    """Let every process that torchrun started take part in each program, this one, too."""

    def submit(*call: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(torchrun.together(*call))
        return future

    yield Engine(submit, ahead=1, tries=1)


def _absent(name: str, argument: str, example: str, error: Exception) -> str:
    shown = f"{name}:{argument}" if argument else name
    return f"--on {shown}: something that answers, such as {name}:{example}, is wanted ({error})"
