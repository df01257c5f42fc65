"""Stop and resume gives bit-equal results; a checkpoint is whole or not there."""

import contextlib
import itertools
import pickle
import resource

import numpy as np
import pytest
import torch
from torch import nn

from core.config import TrainConfig
from core.errors import UserError
from core.training import checkpoints, loop
from core.training.batched import fit_many
from core.training.replicas import Replicas
from core.training.single import fit

SEEDS, ARMS = (4, 9), ("kaiming-uniform", "ones")
CONFIGS = [
    TrainConfig(epochs=5, batch_size=20, lr=0.05, schedule="cosine"),
    TrainConfig(epochs=5, batch_size=20, lr=0.3, keep="best"),
    TrainConfig(epochs=5, batch_size=20, lr=0.1, optimizer="sgd"),
]


@pytest.fixture(autouse=True)
def _saves_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", -1.0)


def network(build, seed):
    """A net with all that could be forgotten: dropout, and buffers that move."""
    model = build(seed, dropout=0.3)
    return nn.Sequential(*model[:2], nn.BatchNorm1d(12), *model[2:])


def one(build, parts, cpu, config, checkpoint=None, stop=None):
    """Train one model, or stop after some epochs as a kill would; return epochs and weights."""
    model = network(build, 3)
    running = fit(model, *parts, config, 3, cpu, checkpoint=checkpoint)
    epochs = list(itertools.islice(running, stop))
    return epochs, list(model.state_dict().values())


def many(build, parts, cpu, config, checkpoint=None, stop=None):
    """The same with four replicas."""
    rows = [[build(seed, arm, 0.3) for arm in ARMS] for seed in SEEDS]
    replicas = Replicas(rows, SEEDS, cpu)
    running = fit_many(replicas, *parts, config, checkpoint)
    epochs = list(itertools.islice(running, stop))
    return epochs, [value for index in range(4) for value in replicas.weights(index).values()]


def same(one, other):
    assert [each.index for each in one] == [each.index for each in other]
    for a, b in zip(one, other, strict=True):
        assert a.step == b.step
        assert a.step_losses.dtype == b.step_losses.dtype
        np.testing.assert_array_equal(a.step_losses, b.step_losses)
        assert a.metrics.keys() == b.metrics.keys()
        for name, value in a.metrics.items():
            np.testing.assert_array_equal(value, b.metrics[name])


@pytest.mark.parametrize("train", [one, many])
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("stops", [(1,), (3,), (2, 4), (5,)])
def test_a_resumed_training_is_the_uninterrupted_one(
    parts, cpu, build, tmp_path, train, config, stops
):
    place = tmp_path / "folder that is not there yet" / "state.pt"
    epochs, weights = train(build, parts, cpu, config)
    for stop in stops:
        same(train(build, parts, cpu, config, place, stop)[0], epochs[:stop])
        assert place.exists()
    torch.rand(7)  # whatever the new process did before
    resumed, resumed_weights = train(build, parts, cpu, config, place)
    same(resumed, epochs)
    assert all(map(torch.equal, weights, resumed_weights))
    assert list(place.parent.iterdir()) == []  # it has done its duty


def test_a_resumed_training_does_not_train_again(parts, cpu, build, tmp_path, monkeypatch):
    place = tmp_path / "state.pt"
    one(build, parts, cpu, CONFIGS[0], place, 4)
    trained, batches = [], loop.set_rate
    monkeypatch.setattr(loop, "set_rate", lambda *args: (trained.append(args), batches(*args)))
    one(build, parts, cpu, CONFIGS[0], place)
    assert len(trained) == 6  # the steps of one epoch


def test_diverged_replicas_resume_as_diverged(parts, cpu, build, tmp_path):
    config = TrainConfig(epochs=4, batch_size=20, lr=1e30, optimizer="sgd", keep="best")
    epochs, weights = many(build, parts, cpu, config)
    many(build, parts, cpu, config, tmp_path / "state.pt", 2)
    resumed, resumed_weights = many(build, parts, cpu, config, tmp_path / "state.pt")
    assert not np.isfinite(epochs[-1].step_losses).all()
    same(resumed, epochs)
    for a, b in zip(weights, resumed_weights, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def test_saving_waits_its_time(parts, cpu, build, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 3600)
    one(build, parts, cpu, CONFIGS[0], tmp_path / "state.pt", 4)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    place = tmp_path / "state.pt"
    checkpoints.save({"step": torch.tensor(1)}, place)

    def full(state, file):
        file.write(b"the first half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match=r"state.pt: cannot be written: .*No space left"):
        checkpoints.save({"step": torch.tensor(2)}, place)
    assert checkpoints.load(place, torch.device("cpu")) == {"step": torch.tensor(1)}
    assert list(tmp_path.iterdir()) == [place]


@contextlib.contextmanager
def files_of_at_most(n_bytes):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    state = {"weights": torch.zeros(100_000)}
    with files_of_at_most(50_000), pytest.raises(UserError, match="File too large") as caught:
        checkpoints.save(state, tmp_path / "state.pt")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(UserError, match="cannot be written"):
        checkpoints.save(state, tmp_path / "file" / "state.pt")


class Harm:
    def __reduce__(self):
        return print, ("this code must not run",)


def test_nothing_but_tensors_is_unpickled(tmp_path, capsys):
    torch.save({"harm": Harm()}, tmp_path / "state.pt")
    with pytest.raises(pickle.UnpicklingError):
        checkpoints.load(tmp_path / "state.pt", torch.device("cpu"))
    assert capsys.readouterr().out == ""
