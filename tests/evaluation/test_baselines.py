"""Baselines equal their textbook forms."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from core.evaluation.baselines import Principal, least_squares, median


@pytest.fixture
def images():
    return torch.rand(200, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25


def test_projection_is_sklearns(images):
    train, test = images[:150], images[150:]
    flat = test.flatten(1).numpy()
    found = Principal.fit(train, 10)
    for size in (1, 5, 10):
        pca = PCA(size, svd_solver="full").fit(train.flatten(1).numpy())
        expected = pca.inverse_transform(pca.transform(flat)).clip(0, 1)
        assert np.allclose(found.project(test, size).flatten(1), expected, atol=1e-4)


def test_small_things_on_plain_ground_have_components_too():
    """Their covariance is all but singular; 1 - 1e-6 of the variance lies in two components."""
    y, x = np.mgrid[:20, :20] - 9.5
    widths = np.linspace(1, 1.01, 300)[:, None, None]
    images = torch.from_numpy(np.exp(-(x**2 + y**2) / widths).astype(np.float32))[:, None]
    found = Principal.fit(images, 20)
    assert np.allclose(found.components @ found.components.T, np.eye(20), atol=1e-5)
    assert (found.project(images, 2) - images).abs().max() < 1e-5


def test_no_component_is_the_mean_image_and_all_are_the_image(images):
    found = Principal.fit(images, 1000)
    assert len(found.components) == 36
    mean = images.mean(0).expand_as(images)
    assert torch.allclose(found.project(images, 0), mean, atol=1e-5)
    assert torch.allclose(found.project(images, 36), images, atol=1e-4)


def test_least_squares_is_numpys(images):
    noisy = images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    x = np.c_[noisy.flatten(1).double().numpy(), np.ones(len(noisy))]
    solution = np.linalg.lstsq(x, images.flatten(1).double().numpy(), rcond=None)[0]
    ours = least_squares(noisy, images)(noisy)
    assert np.allclose(ours.flatten(1), (x @ solution).clip(0, 1), atol=1e-2)
    assert (ours - images).square().mean() < (noisy - images).square().mean()


def test_least_squares_survives_pixels_that_never_change():
    images = torch.zeros(50, 1, 6, 6)
    images[:, 0, 2, 2] = torch.linspace(0, 1, 50)
    assert torch.allclose(least_squares(images, images)(images), images, atol=1e-2)


def test_median_takes_nine_pixels_of_one_channel():
    images = torch.rand(2, 3, 5, 5)
    found = median(images)
    assert found.shape == images.shape
    inner = images[1, 2, 1:4, 1:4].flatten()
    assert found[1, 2, 2, 2] == inner.median()
