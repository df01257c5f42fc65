"""What is measured of a trained autoencoder: its pictures, and what its code holds."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.images import Splits
from core.device import Device
from core.measures.reconstructions import FIRST, LEVELS, levels, n_shown, noisy, quality, unit
from core.models.autoencoders import Autoencoder, parameters
from core.trials import Record

CHUNK = 100  # images; of wide networks more would not stay in memory that is already there
Run = Callable[[Tensor], tuple[Tensor, Tensor]]
PROBE = 10_000  # training images that a linear classifier on the code sees


def measure(
    model: Autoencoder, splits: Splits, noise: float, device: Device, *, denoises: bool
) -> Record:
    """Measure a network on the test images, which are read here and only here.

    noise: of the images it is given. denoises: try it on all `LEVELS` of noise besides. Codes are
    those of the clean images, whatever it was trained on.

    Arrays: those of `quality`; `correct` (image), hits of a linear classifier on the code; `codes`
    (shown, unit); `plane` (first, axis), codes on their two largest principal components; `levels`
    (level, first), PSNR.
    """
    run = partial(_run, model.to(device.torch).eval(), device)
    originals = unit(splits.test)
    plain, codes = run(originals)
    pictures = run(noisy(originals, noise))[0] if noise else plain
    record, flat = quality(pictures, originals), codes.flatten(1)
    hits = _probe(run, splits, flat)
    record.metrics.update(
        {
            "test/probe_accuracy": float(hits.mean()),
            "test/noise": noise,
            "code/size": float(flat.shape[1]),
            "code/dead": float((flat == 0).all(0).float().mean()),
            "code/active": float((flat > 0).float().mean()),
            "parameters": float(parameters(model)),
        }
    )
    record.arrays["correct"] = (("image",), hits)
    record.arrays["codes"] = (("shown", "unit"), flat[: n_shown(splits.test.shape)].numpy())
    record.arrays["plane"] = (("first", "axis"), _plane(flat[:FIRST]))
    if denoises:
        tried = [run(noisy(originals, level)[:FIRST])[0] for level in LEVELS]
        record.arrays["levels"] = levels(tried, originals)
    return record


@torch.no_grad()
def _run(model: Autoencoder, device: Device, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return reconstructions and codes of images, float32 on the CPU."""
    pictures, codes = [], []
    for part in images.split(CHUNK):
        code = model.encoder(part.to(device.torch))
        pictures.append(model.decoder(code).cpu())
        codes.append(code.cpu())
    return torch.cat(pictures), torch.cat(codes)


def _probe(run: Run, splits: Splits, codes: Tensor) -> NDArray[np.uint8]:
    """Tell which test images a linear classifier on the codes of clean training images gets right.

    codes: of the clean test images, (n, units).
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    part = splits.train.take(torch.arange(min(len(splits.train), PROBE)))
    known = run(unit(part))[1].flatten(1).double().numpy()
    probe = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1.0))
    probe.fit(known, part.labels.cpu().numpy())
    right = probe.predict(codes.double().numpy()) == splits.test.labels.cpu().numpy()
    return right.astype(np.uint8)


def _plane(codes: Tensor) -> NDArray[np.float32]:
    """Project codes (n, units) on their two largest principal components, (n, 2); 0 without any."""
    from sklearn.decomposition import PCA

    flat = codes.double().numpy()
    if min(flat.shape) < 2 or flat.std() == 0:
        return np.zeros((len(flat), 2), np.float32)
    return PCA(2, svd_solver="full").fit_transform(flat).astype(np.float32)
