"""Image quality equals scikit-image's, and the checkerboard index sees checkerboards only."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch.nn import functional as F

from core.evaluation.image_quality import checkerboard, psnr, spectrum, squared_errors, ssim


@pytest.fixture
def pair():
    random = torch.Generator().manual_seed(0)
    originals = torch.rand(4, 3, 16, 12, generator=random)
    noise = 0.1 * torch.randn(originals.shape, generator=random)
    return (originals + noise).clamp(0, 1), originals


TILES = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(12, 12)


def smooth():
    """Blobs, whose power falls with frequency as that of photographs does."""
    coarse = torch.rand(6, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (24, 24), mode="bilinear").clamp(0.1, 0.8)


def test_errors_psnr_and_ssim_equal_skimages(pair):
    images, originals = pair
    errors = squared_errors(images, originals)
    for i, (a, b) in enumerate(zip(images.numpy(), originals.numpy(), strict=True)):
        assert errors[i] == pytest.approx(np.square(a - b).mean(), rel=1e-5)
        expected = peak_signal_noise_ratio(b, a, data_range=1)
        assert psnr(errors)[i] == pytest.approx(expected, rel=1e-5)
        whole = structural_similarity(a, b, channel_axis=0, data_range=1)
        assert ssim(images, originals)[i] == pytest.approx(whole)


def test_a_perfect_and_a_constant_image_have_finite_numbers():
    constant = torch.full((2, 1, 8, 8), 0.4)
    assert psnr(squared_errors(constant, constant)).tolist() == [100, 100]
    assert ssim(constant, constant).tolist() == [1, 1]
    assert checkerboard(constant).tolist() == [0, 0]


@settings(max_examples=20, deadline=None)
@given(height=st.integers(2, 20), width=st.integers(2, 20))
def test_mean_power_is_the_variance(height, width):
    images = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(height))
    variance = images.flatten(1).var(1, unbiased=False)
    assert torch.allclose(spectrum(images).mean((1, 2)), variance, atol=1e-6)


@pytest.mark.parametrize("strength", [0.05, 0.2])
def test_a_checkerboard_raises_the_index_even_where_the_image_modulates_it(strength):
    images = smooth()
    added = checkerboard(images + strength * TILES) - checkerboard(images)
    modulated = checkerboard(images * (1 + strength * TILES)) - checkerboard(images)
    assert (added > 6).all()
    assert (modulated > 6).all()


def test_blur_and_other_periods_do_not_raise_it():
    images = smooth()
    stripes = 0.2 * torch.tensor([1.0, 1.0, -1.0, -1.0]).repeat(6)  # period 4, no harmonic at 2
    for changed in (F.avg_pool2d(images, 3, 1, 1), images + stripes):
        assert (checkerboard(changed) - checkerboard(images)).max() < 3


def test_images_too_small_are_refused():
    with pytest.raises(ValueError, match="5x9 pixels, wanted 6x6"):
        checkerboard(torch.rand(1, 1, 5, 9))
    with pytest.raises(ValueError, match="2 pixels on a side, wanted 3"):
        ssim(torch.rand(1, 1, 2, 9), torch.rand(1, 1, 2, 9))
