"""A study under torchrun: one network on two processes, one store, one voice."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import reports
from core import torchrun
from core.errors import UserError
from experiments import dog_breeds
from reports import replicate
from reports.running import Where

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


@pytest.fixture
def under_torchrun(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)


def study(folder, store, *launcher):
    """Run the study of breeds on its pictures, started by a launcher; return how it ended."""
    data = ["--data", f"folder:{folder / 'set'}", "--backbones", "resnet18", "--weights", "random"]
    options = ["--epochs", "2", "--seeds", "2", "--device", "cpu"]
    surroundings = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / store}/mlflow.db"}
    command = [sys.executable, *launcher, dog_breeds.__file__, *data, *options]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True)


@pytest.fixture
def pictures(tmp_path):
    """Return a folder whose `set` has 3 breeds of 7 pictures, and with places for two stores."""
    for store in ("one", "two"):
        (tmp_path / store).mkdir()
    for index in range(3):
        (tmp_path / "set" / f"breed {index}").mkdir(parents=True)
        for number in range(7):
            picture = np.random.default_rng(10 * index + number).integers(0, 120, (9, 9, 3))
            picture[..., index] += 100
            image = Image.fromarray(picture.astype(np.uint8)).resize((60, 50))
            image.save(tmp_path / "set" / f"breed {index}/{number}.png")
    return tmp_path


@pytest.mark.slow
def test_a_study_on_two_processes_gives_the_numbers_of_one(pictures, monkeypatch):
    divided = study(pictures, "two", *TORCHRUN)
    assert divided.returncode == 0, divided.stderr
    assert divided.stdout.count("device: cpu") == 1
    assert divided.stdout.count(torchrun.UNDIVIDED) == 1  # of the frozen backbone's heads
    again = study(pictures, "two", *TORCHRUN)
    assert "4 of 4 trials are in the store: 0 to train" in again.stdout
    assert study(pictures, "one").returncode == 0
    found = []
    for folder in ("one", "two"):
        monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{pictures / folder}/mlflow.db")
        found.append(reports.load("dog_breeds"))
    assert len(found[0].data_vars) > 3
    for name, expected in found[0].drop_vars("seconds").items():
        got = found[1][name]
        if expected.dtype.kind in "OU":
            assert got.equals(expected), name
        else:
            assert got.dims == expected.dims
            assert np.allclose(got, expected, atol=1e-4, equal_nan=True), name


def test_an_engine_and_torchrun_are_one_line(under_torchrun):
    with pytest.raises(UserError, match=r"^--on loky:2: torchrun, or this option, is wanted$"):
        Where(on="loky:2")


def test_replicate_under_torchrun_is_one_line(under_torchrun):
    with pytest.raises(UserError, match=r"^torchrun: .*the script of one study is wanted$"):
        replicate.Config(everything=True)


def test_only_several_processes_of_torchrun_have_a_first(monkeypatch, under_torchrun):
    assert torchrun.follows()
    monkeypatch.setenv("RANK", "0")
    assert (torchrun.is_used(), torchrun.follows()) == (True, False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not torchrun.is_used()
