"""A saved head: the same answers after loading, and for its own trunk only."""

import pytest
import torch
from safetensors.torch import save_file
from sklearn.neighbors import NearestNeighbors
from torch import nn

from core.errors import UserError
from core.models import bundle
from core.models.backbones import Trunk, digest
from core.models.preparation import Preparation

PREPARATION = Preparation(9, 8, "bilinear", (0.5,) * 3, (0.5,) * 3)


class Network(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x):
        return {"features": self.scale * x.flatten(2).mean(2)}


@pytest.fixture
def trunk():
    return Trunk(Network(), PREPARATION, "colours").freeze()


@pytest.fixture
def head(trunk):
    random = torch.Generator().manual_seed(0)
    return bundle.Bundle(
        classes=("a", "b"),
        preparation=PREPARATION,
        trunk=trunk.name,
        trunk_digest=digest(trunk),
        weight=torch.randn(2, 3, generator=random),
        bias=torch.randn(2, generator=random),
        features=torch.randn(30, 3, generator=random),
        labels=torch.arange(30) % 2,
        thumbnails=torch.zeros(30, 3, 4, 4, dtype=torch.uint8),
    )


def test_saved_and_loaded_it_answers_alike(head, tmp_path):
    head.save(tmp_path / "below" / "head.safetensors")
    again = bundle.load(tmp_path / "below" / "head.safetensors")
    x = torch.randn(5, 3)
    assert torch.equal(head.probabilities(x), again.probabilities(x))
    assert again.classes == ("a", "b")
    assert again.preparation == PREPARATION
    assert torch.allclose(head.probabilities(x).sum(-1), torch.ones(5))


def test_the_nearest_are_scikit_learns(head):
    x = torch.randn(6, 3)
    reference = NearestNeighbors(n_neighbors=4, metric="cosine").fit(head.features)
    gaps, index = head.nearest(x, 4)
    expected_gaps, expected = reference.kneighbors(x)
    assert index.tolist() == expected.tolist()
    assert torch.allclose(gaps.double(), torch.from_numpy(expected_gaps).double(), atol=1e-5)
    assert head.nearest(x, 99)[0].shape == (6, 30)


def test_another_trunk_is_refused(head, trunk):
    head.check(trunk)
    with pytest.raises(ValueError, match="wanted the one that the head was trained on"):
        head.check(Trunk(Network(2.0), PREPARATION, "colours").freeze())
    other = Preparation(10, 8, "bilinear", (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(ValueError, match="wanted the one"):
        head.check(Trunk(Network(), other, "colours").freeze())


def test_other_files_are_refused_in_one_line(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    for name in ("other", "text", "missing"):
        with pytest.raises(UserError, match="a trained head is wanted") as caught:
            bundle.load(tmp_path / f"{name}.safetensors")
        assert "\n" not in str(caught.value)


def test_parts_that_do_not_fit_are_refused(head):
    from dataclasses import replace

    with pytest.raises(ValueError, match="do not fit together"):
        replace(head, classes=("a", "b", "c"))
    with pytest.raises(ValueError, match="do not fit together"):
        replace(head, labels=head.labels[:5])


def test_small_pictures_keep_their_colour():
    pixels = torch.full((2, 3, 50, 50), 77, dtype=torch.uint8)
    assert bundle.small(pixels, 8).shape == (2, 3, 8, 8)
    assert bundle.small(pixels, 8).eq(77).all()
