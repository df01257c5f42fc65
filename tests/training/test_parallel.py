"""Two processes that train one network: the numbers of one, up to rounding."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from core import provenance
from core.config import TrainConfig
from core.data.augment import mirror_and_shift
from core.data.images import InMemory
from core.device import Device
from core.models.networks import mlp, scratch_cnn
from core.training import checkpoints, parallel
from core.training.objective import CLASSIFICATION, reconstruction
from core.training.single import fit

CPU = Device(torch.device("cpu"), bfloat16=False)
SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import distributed
from core import torchrun
from core.training.parallel import TOGETHER, Division
from tests.training import test_parallel

distributed.init_process_group("gloo")
TOGETHER.set(True)
folder = Path(sys.argv[1])
found = {
    name: test_parallel.trained(name, folder / f"checkpoint-{distributed.get_rank()}")
    for name in test_parallel.CASES
}
torch.save((found, Division.count), folder / f"found-{distributed.get_rank()}")
"""


def network(dropout=0.3):
    torch.manual_seed(0)
    return scratch_cnn((1, 16, 16), 2, dropout)


def with_norm():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(256), nn.Linear(256, 2))


def autoencoder():
    torch.manual_seed(0)
    return nn.Sequential(*mlp((1, 16, 16), 256, hidden=(8,)), nn.Unflatten(1, (1, 16, 16)))


CASES = {
    "dropout and augmentation": (network, 103, CLASSIFICATION, mirror_and_shift),
    "a short last batch": (partial(network, 0.0), 42, CLASSIFICATION, None),
    "noise": (autoencoder, 103, reconstruction(0.3), None),
    "batch norm": (with_norm, 103, CLASSIFICATION, None),
    "from a checkpoint": (network, 103, CLASSIFICATION, None),
}


def images(n, seed):
    source = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (n, 1, 16, 16), generator=source, dtype=torch.uint8)
    return InMemory(pixels, labels=torch.randint(0, 2, (n,), generator=source))


def epochs(name, checkpoint, n):
    """Return a model and its training, which `next` carries on."""
    build, size, objective, augment = CASES[name]
    model, config = build(), TrainConfig(epochs=n, batch_size=20, lr=0.1, optimizer="sgd")
    options = {"augment": augment, "checkpoint": checkpoint, "objective": objective}
    return model, fit(model, images(size, 1), images(251, 2), config, 7, CPU, **options)


def trained(name, checkpoint):
    """Return losses of steps, means of validation, and all weights."""
    model, running = epochs(name, checkpoint if "checkpoint" in name else None, 3)
    done = list(running)
    losses = np.concatenate([each.step_losses.ravel() for each in done])
    means = [value.item() for each in done for value in each.metrics.values()]
    return losses, means, torch.cat([value.flatten() for value in model.state_dict().values()])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return the folder and what both processes found; the first has a checkpoint of epoch 1."""
    folder = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SECONDS", -1)
        next(epochs("from a checkpoint", folder / "checkpoint-0", 3)[1])
    (folder / "checkpoint-1").write_text("of the other machine")
    (folder / "script.py").write_text(SCRIPT)
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", folder / "script.py"]
    surroundings = {**os.environ, "PYTHONPATH": str(provenance.ROOT)}
    subprocess.run([sys.executable, "-m", *command, folder], env=surroundings, check=True)
    return folder, [torch.load(folder / f"found-{k}", weights_only=False) for k in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_numbers_of_one(pair, name):
    losses, means, weights = trained(name, None)
    for found, _ in pair[1]:
        assert found[name][0] == pytest.approx(losses, abs=1e-5)
        assert found[name][1] == pytest.approx(means, abs=1e-5)
        assert torch.allclose(found[name][2], weights, atol=1e-5)
    assert torch.equal(pair[1][0][0][name][2], pair[1][1][0][name][2])


@pytest.mark.slow
def test_all_but_batch_norm_on_a_cpu_is_divided(pair):
    assert [count for _, count in pair[1]] == [len(CASES) - 1] * 2


@pytest.mark.slow
def test_the_checkpoint_is_the_firsts(pair):
    assert [path.name for path in pair[0].glob("checkpoint-*")] == ["checkpoint-1"]
    assert (pair[0] / "checkpoint-1").read_text() == "of the other machine"


def test_alone_a_batch_is_whole_and_the_network_itself_trains():
    model = network()
    division = parallel.Division(model)
    assert division.network is model
    assert division.rows(torch.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert (parallel.is_first(), parallel.of_first(lambda: 3)) == (True, 3)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 103])
def test_each_row_is_one_processes(n):
    division, rows = parallel.Division(network()), []
    division.world = 3
    for division.rank in range(3):
        rows.append(division.rows(torch.arange(n)).tolist())
    assert [index for part in rows for index in part] == list(range(n))
    assert max(map(len, rows)) - min(map(len, rows)) <= 1
