"""How close pictures come to their originals, against plain recomputations."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from core.data.card import Card
from core.data.images import InMemory, Splits
from core.measures.reconstructions import (
    BASELINES,
    SIZES,
    TRAIN,
    VAL,
    coords,
    measure,
    n_shown,
    noisy,
    quality,
    unit,
)

CARD = Card(
    name="invented", source="", fingerprint="", classes=("a", "b"), shape=(1, 6, 6), counts={},
    split="",
)  # fmt: skip


def images(n, seed, strength=40.0):
    """Smooth pictures: few directions carry what they have."""
    random = np.random.default_rng(seed)
    steps = np.arange(6)
    waves = [np.outer(np.sin(steps / 3 + a), np.cos(steps / 2 + b)) for a in (0, 1) for b in (0, 2)]
    weights = random.normal(size=(n, len(waves)))
    pixels = 128 + strength * np.tensordot(weights, waves, 1) + 4 * random.normal(size=(n, 6, 6))
    tensor = torch.from_numpy(pixels.clip(0, 255).astype(np.uint8))[:, None]
    return InMemory(tensor, labels=torch.from_numpy(random.integers(0, 2, n)))


@pytest.fixture
def splits():
    return Splits(images(300, 0), images(60, 1), images(80, 2), CARD)


def test_noise_is_the_same_for_everybody_and_each_split_has_its_own():
    grey = torch.full((50, 1, 6, 6), 0.5)
    once, again = noisy(grey, 0.1), noisy(grey, 0.1)
    assert torch.equal(once, again)
    assert (once - grey).std() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(noisy(grey, 0.0), grey)
    for split in (VAL, TRAIN):
        assert (noisy(grey, 0.1, split) != once).float().mean() > 0.99
    half = noisy(grey, 0.05)
    assert torch.allclose(2 * (half - grey), once - grey, atol=1e-6)


def test_quality_of_the_originals_and_of_others(splits):
    originals = unit(splits.test)
    same = quality(originals, originals)
    assert same.metrics["test/mse"] == 0
    assert same.metrics["test/psnr"] == 100
    assert same.metrics["test/ssim"] == pytest.approx(1)
    other = quality((originals + 0.1).clamp(0, 1), originals)
    dims, errors = other.arrays["mse"]
    assert (dims, errors.shape) == (("image",), (80,))
    wanted = ((originals + 0.1).clamp(0, 1) - originals).square().mean((1, 2, 3))
    assert errors == pytest.approx(wanted.numpy())
    assert other.arrays["psnr"][1] == pytest.approx(-10 * np.log10(errors))
    assert other.metrics["test/psnr"] == pytest.approx(other.arrays["psnr"][1].mean())
    dims, shown = other.arrays["pictures"]
    assert dims == ("shown", "channel", "row", "column")
    assert shown == pytest.approx((originals + 0.1).clamp(0, 1)[:8].numpy(), abs=1 / 1024)


def test_the_spectrum_is_by_horizontal_frequency():
    stripes = torch.zeros(4, 1, 6, 6)
    stripes[..., ::2] = 1  # a column on, a column off: all power at half a cycle a pixel
    dims, power = quality(stripes, stripes).arrays["spectrum"]
    assert (dims, power.shape) == (("frequency",), (4,))
    assert power[:3] == pytest.approx(0, abs=1e-6)
    assert power[3] * 6 == pytest.approx(36 * 0.25)  # variance of the 36 pixels, mean over 6 rows
    assert quality(stripes.mT, stripes.mT).arrays["spectrum"][1][3] == pytest.approx(0, abs=1e-6)


def test_large_pictures_are_kept_in_smaller_numbers(splits):
    assert [n_shown(shape) for shape in ((1, 28, 28), (3, 40, 40), (3, 224, 224))] == [8, 4, 2]
    names = splits.test.names
    assert coords(splits) == {
        "first": names,
        "shown": names[:8],
        "level": ("0", "0.25", "0.5", "1"),
    }


def test_every_baseline_is_its_textbook_form(splits):
    wanted = [(name, {"pca": 3, "pca-linear": 2, "pca-deep": 1}.get(name, 0)) for name in BASELINES]
    records = dict(zip(BASELINES, measure(wanted, splits, 0.3), strict=True))
    train, val, test = (unit(each) for each in (splits.train, splits.val, splits.test))
    flat, seen = train.flatten(1).double().numpy(), noisy(test, 0.3)

    def error(pictures, at=test):
        return (torch.as_tensor(pictures).float().view(at.shape).clamp(0, 1) - at).square()

    def project(size, pictures):
        pca = PCA(size, svd_solver="full").fit(flat)
        return pca.inverse_transform(pca.transform(pictures.flatten(1).double().numpy()))

    line = LinearRegression().fit(noisy(train, 0.3, TRAIN).flatten(1).double().numpy(), flat)
    best = min(
        (size for size in SIZES if size <= 36),
        key=lambda size: error(project(size, noisy(val, 0.3, VAL)), val).mean(),
    )
    expected = {
        "original": test,
        "mean-image": train.mean(0).expand_as(test),
        "pca-linear": project(2, test),
        "pca": project(3, test),
        "pca-deep": project(1, test),
        "noisy": seen,
        "pca-noise": project(best, seen),
        "least-squares": line.predict(seen.flatten(1).double().numpy()),
    }
    for name, pictures in expected.items():
        wanted = error(pictures).mean((1, 2, 3)).numpy()
        assert records[name].arrays["mse"][1] == pytest.approx(wanted, abs=2e-5), name
        assert records[name].metrics["test/noise"] == (0.3 if BASELINES[name] else 0.0)
    sizes = {name: record.metrics["code/size"] for name, record in records.items()}
    assert (sizes["pca"], sizes["pca-linear"], sizes["pca-noise"]) == (3, 2, best)
    dims, found = records["least-squares"].arrays["levels"]
    assert (dims, found.shape) == (("level", "first"), (4, 80))
    assert found[0].min() > 40  # without noise a line gives the image back
    assert (np.diff(found.mean(1)) < 0).all()


def test_components_are_chosen_on_validation(splits):
    """Validation images that hardly differ want the fewest components, whatever the test's do."""
    flat = Splits(splits.train, images(60, 1, strength=0.0), splits.test, CARD)
    (record,) = measure([("pca-noise", 0)], flat, 0.3)
    assert record.metrics["code/size"] == min(SIZES)
    strong = Splits(images(300, 0, 0.0), images(60, 1, 60.0), images(80, 2, 0.0), CARD)
    (record,) = measure([("pca-noise", 0)], strong, 0.3)
    assert record.metrics["code/size"] > min(SIZES)
