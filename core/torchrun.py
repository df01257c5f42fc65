"""Processes that torchrun starts: the first runs the script, the others join in its trainings.

torchrun --standalone --nproc-per-node 4 experiments/skin_lesions.py ...
"""

import functools
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

FOREVER = timedelta(days=365)  # torchrun itself notices the end of a process, and ends the others
GRACE = 30  # seconds in which the first process may say what went wrong
_say_once = functools.cache(print)
UNDIVIDED = (
    "torchrun: each process trains this whole: grids that train as one program, batch norm on a "
    "CPU and what trains no network are not divided; without torchrun, --on divides the programs"
)


def is_used() -> bool:
    """Tell whether this is one of several processes that torchrun has started."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1


def follows() -> bool:
    """Tell whether it is another than the first."""
    return is_used() and os.environ["RANK"] != "0"


def join() -> None:
    """Meet the other processes, and take a GPU, this process's own if they are enough."""
    from torch import cuda, distributed

    n, local = cuda.device_count(), int(os.environ["LOCAL_RANK"])
    if n:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus()[local % n]
    shared = n < int(os.environ["LOCAL_WORLD_SIZE"])  # NCCL wants a GPU for each process
    distributed.init_process_group("gloo" if shared else None, timeout=FOREVER)


def gpus() -> list[str]:
    """Return the GPUs of this process, as CUDA_VISIBLE_DEVICES names them."""
    from torch import cuda

    every = ",".join(map(str, range(cuda.device_count())))
    return os.environ.get("CUDA_VISIBLE_DEVICES", every).split(",")


def together(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in every process; return what this one, the first, makes of it."""
    from torch import distributed

    from core.training.parallel import Division

    distributed.broadcast_object_list([(function, arguments)])
    before = Division.count
    answer = _call(function, *arguments)
    if Division.count == before:
        _say_once(UNDIVIDED)
    return answer


def follow() -> None:
    """Do as the first process does, until it has no more to do; nobody keeps what comes out."""
    from torch import distributed

    while True:
        box: list[Any] = [None]
        try:
            distributed.broadcast_object_list(box)
        except RuntimeError:  # the first is gone, and has said why
            return
        if box[0] is None:
            distributed.destroy_process_group()
            return
        function, arguments = box[0]
        answer = _call(function, *arguments)
        if isinstance(answer, Exception):
            time.sleep(GRACE)  # if it is the first's error too, that process ends this one
            print(f"torchrun: process {os.environ['RANK']}: {answer}", file=sys.__stderr__)
            sys.exit(1)


def dismiss() -> None:
    """Let the others end."""
    from torch import distributed

    distributed.broadcast_object_list([None])
    distributed.destroy_process_group()


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    from core.training.parallel import TOGETHER

    token = TOGETHER.set(True)
    try:
        return function(*arguments)
    finally:
        TOGETHER.reset(token)
