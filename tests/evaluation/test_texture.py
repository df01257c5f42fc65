"""The length of a texture is what it was made with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from core.evaluation.texture import artefacts, autocorrelation, autocorrelation_length

NOISE = np.random.default_rng(0).normal(size=(160, 220))


@pytest.mark.parametrize("sigma", [1, 2, 3, 4])
def test_blurred_noise_has_twice_the_length_of_its_blur(sigma):
    # Its autocorrelation is exp(-r^2 / (4 sigma^2)), 1/e at r = 2 sigma.
    assert autocorrelation_length(gaussian_filter(NOISE, sigma)) == pytest.approx(
        2 * sigma, rel=0.1
    )


def test_white_noise_is_shorter_than_a_pixel():
    assert autocorrelation_length(NOISE) < 1
    assert autocorrelation(NOISE)[0] == pytest.approx(1)
    assert abs(autocorrelation(NOISE)[1:]).max() < 0.05


def test_it_equals_a_plain_sum_over_pairs():
    field = NOISE[:9, :11]
    centred = field - field.mean()
    sums, counts = np.zeros(5), np.zeros(5)
    for (i, j), a in np.ndenumerate(centred):
        for (k, m), b in np.ndenumerate(centred):
            ring = round(np.hypot(i - k, j - m))
            if ring < 5:
                sums[ring] += a * b
                counts[ring] += 1
    wanted = (sums / counts) / (sums[0] / counts[0])
    np.testing.assert_allclose(autocorrelation(field), wanted, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 10), st.floats(-5, 5), st.booleans())
def test_scale_offset_and_mirror_do_not_matter(factor, offset, mirrored):
    field = gaussian_filter(NOISE[:64, :64], 2)
    other = factor * (field[::-1] if mirrored else field.T) + offset
    assert autocorrelation_length(other) == pytest.approx(autocorrelation_length(field), rel=1e-6)


def test_channels_are_added_up():
    field = gaussian_filter(NOISE, 3)
    stacked = np.stack([field, 2 * field, -field], 2)
    assert autocorrelation_length(stacked) == pytest.approx(autocorrelation_length(field))


def test_a_flat_field_has_no_length():
    assert np.isnan(autocorrelation_length(np.ones((20, 20))))
    assert np.isnan(autocorrelation_length(np.tile(np.arange(2000.0), (2, 1))))


def test_a_new_colour_is_no_artefact():
    content = np.random.default_rng(1).random((30, 40, 3))
    mixed = content @ np.array([[0.5, 0.2, 0], [0, 0.7, 0.1], [0.3, 0, 0.4]]) + (0.1, 0.2, 0)
    assert np.abs(artefacts(mixed, content)).max() < 1e-12
    texture = NOISE[:30, :40, None] * np.ones(3)
    left = artefacts(mixed + texture, content)
    assert np.corrcoef(left.ravel(), texture.ravel())[0, 1] > 0.99
    assert np.abs(left.mean((0, 1))).max() < 1e-12
