"""What is measured of one trained autoencoder, and of any image that stands in for an original."""

from collections.abc import Sequence

import numpy as np
import torch
from core.results import Result
from numpy.typing import NDArray
from torch import Tensor

from core.data.images import Images, Splits
from core.device import generator
from core.evaluation.image_quality import checkerboard, psnr, spectrum, squared_errors, ssim
from core.models.autoencoders import Autoencoder, parameters
from core.training.objective import add_noise

LEVELS = (0.0, 0.25, 0.5, 1.0)  # of test noise, on which every network of the denoiser's is tried
SHOWN = 8  # images of the figures
SOME = 1000  # images for what is slow, SSIM, or only drawn, the map of codes
NOISE = 4  # purpose of a derived seed; core/training/loop.py has others
CHUNK = 500


def floats(images: Images) -> Tensor:
    """Return the pixels as float32 (n, C, H, W) in [0, 1] on the CPU."""
    return images.tensor().float().div(255)


def noisy(images: Tensor, level: float, side: int = 0) -> Tensor:
    """Add the noise that every network meets on these images; side: 0 test, 1 val, 2 train."""
    source = generator(torch.device("cpu"), side, NOISE)
    return add_noise(images, source, level) if level else images


def quality(images: Tensor, originals: Tensor) -> dict[str, NDArray[np.generic]]:
    """Return mse, psnr, checkerboard (n,), ssim (the first 1,000) and spectrum, their mean."""
    errors = squared_errors(images, originals)
    return {
        "mse": errors.numpy(),
        "psnr": psnr(errors).numpy(),
        "ssim": ssim(images[:SOME], originals[:SOME]),
        "checkerboard": checkerboard(images).numpy(),
        "spectrum": spectrum(images[:SOME]).mean(0).numpy(),
    }


def measure(
    model: Autoencoder,
    splits: Splits,
    noise: float,
    curve: Sequence[float],
    levels: Sequence[float] = (),
) -> Result:
    """Measure a network on the test images, which are read here and only here.

    noise: of the images it is given. curve: its training loss, an epoch each. levels: of noise to
    try it on besides. Codes are those of the clean images, whatever it was trained on.
    """
    model = model.cpu().eval()
    originals = floats(splits.test)
    plain, codes = _run(model, originals)
    outputs = _run(model, noisy(originals, noise))[0] if noise else plain
    found, hits = quality(outputs, originals), _probe(model, splits, codes)
    others = [
        psnr(squared_errors(_run(model, noisy(originals, each))[0], originals)) for each in levels
    ]
    arrays = {
        **found,
        "correct": hits,
        "curve": np.asarray(curve, dtype=np.float64),
        "shown": outputs[:SHOWN].numpy(),
        "codes": codes[:SOME].flatten(1).numpy(),
        **({"levels": torch.stack(others).numpy()} if others else {}),
    }
    means = ("mse", "psnr", "ssim", "checkerboard")
    metrics = {
        **{f"test/{name}": float(found[name].mean()) for name in means},
        "test/probe_accuracy": float(hits.mean()),
        "code/size": float(codes[0].numel()),
        "code/dead": float((codes.flatten(1) == 0).all(0).float().mean()),
        "code/active": float((codes > 0).float().mean()),
        "parameters": float(parameters(model)),
    }
    return Result(metrics, arrays)


@torch.no_grad()
def _run(model: Autoencoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return reconstructions and codes of images."""
    codes = [model.encoder(part) for part in images.split(CHUNK)]
    return torch.cat([model.decoder(part) for part in codes]), torch.cat(codes)


def _probe(model: Autoencoder, splits: Splits, codes: Tensor) -> NDArray[np.uint8]:
    """Tell which test images a linear classifier on the codes of clean training images gets right.

    codes: of the clean test images.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    part = splits.train.take(torch.arange(min(len(splits.train), 10_000)))
    known = _run(model, floats(part))[1].flatten(1).numpy()
    probe = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1.0))
    probe.fit(known, part.labels.cpu().numpy())
    right = probe.predict(codes.flatten(1).numpy()) == splits.test.labels.cpu().numpy()
    return right.astype(np.uint8)
