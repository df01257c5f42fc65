"""How close pictures come to their originals: what a trial keeps of it, and what needs no network.

Pictures are float32 (n, C, H, W) in [0, 1] on the CPU.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.data.images import Images, Splits
from core.device import generator
from core.evaluation.baselines import Principal, least_squares, median
from core.evaluation.image_quality import checkerboard, psnr, spectrum, squared_errors, ssim
from core.training.objective import add_noise
from core.trials import Array, Record

LEVELS = (0.0, 0.25, 0.5, 1.0)
"""of test noise, on which every denoiser is tried"""
FIRST = 1000
"""test images for what is slow, SSIM, or only drawn"""
SIZES = (8, 16, 32, 50, 64, 100, 196)
"""components tried for the projection that denoises"""
BASELINES = {
    "original": False,
    "mean-image": False,
    "pca-linear": False,
    "pca": False,
    "pca-deep": False,
    "noisy": True,
    "median": True,
    "pca-noise": True,
    "least-squares": True,
}
"""what needs no network -> whether it is given noisy images. pca-linear, pca and pca-deep project
on as many principal components as the codes of the linear network, of the convolutional ones and
of the one that denoises have numbers, pca-noise on as many as are best on validation images"""
NOISE = 4  # purpose of a derived seed; core/training/loop.py has others
TEST, VAL, TRAIN = range(3)  # each split has noise of its own


def coords(splits: Splits) -> dict[str, tuple[str, ...]]:
    """Label the dimensions `first`, `shown` and `level` of what trials keep."""
    names = splits.test.names
    return {
        "first": names[:FIRST],
        "shown": names[: n_shown(splits.test.shape)],
        "level": tuple(f"{level:g}" for level in LEVELS),
    }


def n_shown(shape: Sequence[int]) -> int:
    """Return how many pictures a figure shows: 8, of large ones fewer, as all trials keep them."""
    return max(2, min(8, 20_000 // torch.Size(shape).numel()))


def unit(images: Images) -> Tensor:
    """Return the pixels as float32 (n, C, H, W) in [0, 1] on the CPU."""
    return images.tensor().float().div(255)


def noisy(images: Tensor, level: float, split: int = TEST) -> Tensor:
    """Add the noise that every network and baseline meets on these pictures: it is drawn once."""
    source = generator(torch.device("cpu"), split, NOISE)
    return add_noise(images, source, level) if level else images


def quality(pictures: Tensor, originals: Tensor) -> Record:
    """Measure pictures that stand in for the test images.

    Arrays: `mse`, `psnr`, `checkerboard` (image), `ssim` (first), each with its mean as a metric
    test/...; `spectrum` (frequency), the power by steps of 1 / width, mean over rows and pictures;
    `pictures` (shown, channel, row, column).
    """
    errors = squared_errors(pictures, originals)
    scores = {"mse": errors, "psnr": psnr(errors), "checkerboard": checkerboard(pictures)}
    arrays: dict[str, Array] = {name: (("image",), x.numpy()) for name, x in scores.items()}
    similar = ssim(pictures[:FIRST], originals[:FIRST])
    arrays["ssim"] = (("first",), similar.astype("float32"))
    metrics = {f"test/{name}": float(values.mean()) for name, (_, values) in arrays.items()}
    _, *shape = pictures.shape
    power = spectrum(pictures[:FIRST]).mean((0, 1))[: shape[-1] // 2 + 1]
    # Half precision tells 256 greys apart.
    shown = pictures[: n_shown(shape)].half()
    arrays["spectrum"] = (("frequency",), power.numpy())
    arrays["pictures"] = (("shown", "channel", "row", "column"), shown.numpy())
    return Record(metrics, arrays)


def measure(wanted: Sequence[tuple[str, int]], splits: Splits, noise: float) -> list[Record]:
    """Fit baselines on the training images and measure each of them on the test images.

    wanted: names, and the components of those that project on principal ones. Metrics: those of
    `quality`, `code/size` (the components), `test/noise`; `levels` (level, first) of least squares,
    its PSNR where it is fitted anew at each of `LEVELS`.
    """
    train, val, test = (unit(part) for part in (splits.train, splits.val, splits.test))
    pca, records = Principal.fit(train, max(*SIZES, *(size for _, size in wanted))), []
    for name, asked in wanted:
        level = noise if BASELINES[name] else 0.0
        seen, size = noisy(test, level), asked
        if name == "pca-noise":
            size = _choose(pca, val, noise)
        if name in ("original", "noisy"):
            pictures = seen
        elif name == "median":
            pictures = median(seen)
        elif name == "least-squares":
            pictures = _line(train, noise)(seen)
        else:
            pictures = pca.project(seen, size)
        record = quality(pictures, test)
        record.metrics.update({"code/size": float(size), "test/noise": level})
        if name == "least-squares":
            lines = [_line(train, sigma)(noisy(test, sigma)[:FIRST]) for sigma in LEVELS]
            record.arrays["levels"] = levels(lines, test)
        records.append(record)
    return records


def levels(pictures: Sequence[Tensor], originals: Tensor) -> Array:
    """Measure the PSNR of the first pictures at each level of test noise: (level, first)."""
    rows = [psnr(squared_errors(batch, originals[:FIRST])) for batch in pictures]
    return ("level", "first"), torch.stack(rows).numpy()


def _line(train: Tensor, level: float) -> Callable[[Tensor], Tensor]:
    return least_squares(noisy(train, level, TRAIN), train)


def _choose(pca: Principal, val: Tensor, noise: float) -> int:
    """Return the number of components whose projection of noisy images is best on validation."""
    seen, most = noisy(val, noise, VAL), len(pca.components)
    sizes = [size for size in SIZES if size <= most] or [most]
    return min(sizes, key=lambda size: float(squared_errors(pca.project(seen, size), val).mean()))
