"""Weights come out of the package's files without unpickling, checked, in PyTorch's layout."""

import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.detection import mtcnn_weights as weights
from core.detection.networks import Net, build
from core.errors import UserError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_reading_equals_joblib():
    import io

    import joblib
    import lz4.frame

    for net in weights.FILES:
        content = weights.package_file(net)
        expected = joblib.load(io.BytesIO(lz4.frame.decompress(content)))
        found = weights.read(net, content)
        assert len(found) == len(expected)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_kept_weights_are_checked_and_made_anew(tmp_path):
    first = weights.load()
    (path,) = (tmp_path / "cnn-claims").iterdir()
    assert weights.digest(first) == weights.CONVERTED
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    for content in (bytes(damaged), b"", b"not safetensors"):
        path.write_bytes(content)
        assert weights.digest(weights.load()) == weights.CONVERTED
        assert path.stat().st_size > 1_000_000


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert weights.digest(weights.load()) == weights.CONVERTED


def test_other_files_and_no_package_are_one_line(monkeypatch):
    monkeypatch.setitem(weights.FILES, "pnet", "0" * 64)
    with pytest.raises(UserError, match=r"not the file that is known.*mtcnn 1\.0\.0"):
        weights.load()
    monkeypatch.setattr(weights.metadata, "distribution", _missing)
    with pytest.raises(UserError, match=r"^MTCNN's weights: the package mtcnn 1\.0\.0 is wanted"):
        weights.load()


def _missing(name):
    raise weights.metadata.PackageNotFoundError(name)


def test_tensorflow_and_the_package_stay_out():
    weights.load()
    assert not {"mtcnn", "tensorflow"} & set(sys.modules)


def test_the_dense_layer_reads_features_in_caffe_order():
    # What the file says: features flattened as (W, H, channels), times (in, out).
    arrays = weights.read("rnet", weights.package_file("rnet"))
    dense, bias = arrays[9], arrays[10]
    features = np.random.default_rng(0).normal(size=(2, 64, 3, 3)).astype(np.float32)
    expected = features.transpose(0, 3, 2, 1).reshape(2, -1) @ dense + bias
    own = build(weights.load())["rnet"].trunk.dense
    assert own(torch.from_numpy(features).flatten(1)).numpy() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("name", "side", "units"), [("rnet", 24, 128), ("onet", 48, 256)])
def test_networks_take_the_sizes_of_the_paper(name, side, units):
    assert Net(name)(torch.zeros(2, 3, side, side)).shape == (2, units)
    assert Net("pnet")(torch.zeros(2, 3, 12, 12)).shape == (2, 1, 1, 32)
    assert Net("pnet")(torch.zeros(1, 3, 33, 50)).shape[1:3] == (12, 20)


def test_the_probability_is_that_of_softmax():
    net = build(weights.load())["onet"]
    features = torch.randn(5, 256, generator=torch.Generator().manual_seed(0))
    softmax = F.softmax(net.heads["face"](features), -1)[:, 1]
    assert torch.allclose(net.probability(features), softmax, atol=1e-6)
