"""How near the machine's limits the parts of studies come, on its CPU.

No training takes less time than its multiplications at the speed of one large product of matrices,
nor than what its parameters must move (read by both passes; gradients written and read; weights and
Adam's two moments read and written) at the speed of main memory. The longer of the two is its
bound; what fits a cache may be faster than the latter.

Source: roofline model, Williams, Waterman, Patterson, Communications of the ACM 52 (2009) 65-76.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import noise
from benchmarks.dog_breeds import NETWORK
from benchmarks.face_detectors import pictures
from benchmarks.results import Row
from benchmarks.timing import Times, timed
from core.config import DeviceConfig, TrainConfig
from core.detection.mtcnn import MTCNN
from core.device import Device, pick, threads
from core.models import backbones
from core.models.autoencoders import parameters, transposed
from core.models.features import compute, for_inference
from core.models.networks import mlp
from core.training.objective import reconstruction
from core.training.single import fit

SIDE = 2048  # of the matrices whose product is as fast as any
MEMORY = 2**28  # bytes, more than caches hold
PASSES = 10  # of a step through all parameters or what is as large
STEPS = 100


@dataclass(frozen=True)
class Part:
    """A part of a study, to be held against the limits."""

    work: str
    run: Callable[[], object]
    parameters: int = 0
    """that each of its steps trains"""
    threads: int = field(default_factory=torch.get_num_threads)


@dataclass(frozen=True)
class Rates:
    """What the CPU can do a second."""

    operations: float
    """additions and multiplications of float32, in a product of matrices"""
    bytes: float
    """read or written in main memory"""


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure the limits, then each part against them."""
    device, rates = pick(DeviceConfig(device="cpu", precision="float32")), {}
    for n in dict.fromkeys((1, torch.get_num_threads())):
        with threads(n):
            rows = matrices(torch.float32, repeats), memory(repeats)
        yield from rows
        rates[n] = Rates(*(1e9 * row.per / row.ours.median for row in rows))
    yield matrices(torch.bfloat16, repeats)
    for part in (
        _perceptrons(device, "the demo's 13 schemes x 2 seeds", (2, 13), 10, 32),
        _perceptrons(device, "5 schemes x 5 seeds on Fashion-MNIST", (5, 5), 28, 100),
        _autoencoder(device),
        _faces(),
        _features(device),
    ):
        with threads(part.threads):
            part.run()
            with FlopCounterMode(display=False) as counter:
                part.run()
            times = timed(part.run, repeats)
        moved = 4 * PASSES * STEPS * part.parameters
        yield against(part.work, times, counter.get_total_flops(), moved, rates[part.threads])


def against(work: str, times: Times, operations: int, moved: int, rates: Rates) -> Row:
    """Hold times against the bound. moved: bytes that must go through main memory."""
    limits = (operations / rates.operations, moved / rates.bytes)
    note = f"{operations / 1e9:.3g} GFLOP take {limits[0]:.2g} s"
    note += f", {moved / 1e9:.3g} GB through memory {limits[1]:.2g} s" if moved else ""
    return Row(work, times, "its bound", Times([max(limits)]), note=note)


def matrices(dtype: torch.dtype, repeats: int) -> Row:
    """Time the product of two large matrices."""
    a, b = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    a @ b
    name = str(dtype).removeprefix("torch.")
    work = f"product of matrices, {SIDE} x {SIDE}, {name}, {_threads()}"
    return Row(work, timed(lambda: a @ b, repeats), per=2 * SIDE**3 / 1e9, unit="GFLOP")


def memory(repeats: int) -> Row:
    """Time reading and writing more memory than caches hold."""
    values = torch.ones(MEMORY // 4)
    work = f"{MEMORY >> 20} MiB read and written, {_threads()}"
    return Row(work, timed(lambda: values.mul_(1.0), repeats), per=2 * MEMORY / 1e9, unit="GB")


def _threads() -> str:
    n = torch.get_num_threads()
    return f"{n} thread{'s' if n > 1 else ''}"


def _perceptrons(device: Device, whose: str, grid: tuple[int, int], side: int, batch: int) -> Part:
    seeds, arms = grid

    def models() -> list[list[nn.Sequential]]:
        return [[mlp((1, side, side), 10) for _ in range(arms)] for _ in range(seeds)]

    images, config = noise.images(STEPS * batch, side=side), TrainConfig(epochs=1, batch_size=batch)
    return Part(
        f"{STEPS} steps of {whose}, {batch} images each",
        lambda: noise.fit(device, models(), images, config),
        seeds * arms * parameters(models()[0][0]),
    )


def _autoencoder(device: Device) -> Part:
    images, config = noise.images(STEPS * 20), TrainConfig(epochs=1, batch_size=20)

    def run() -> None:
        model = transposed((1, 28, 28))
        list(fit(model, images, None, config, 0, device, objective=reconstruction()))

    work = f"{STEPS} steps of a convolutional autoencoder, 20 images each, 1 thread"
    return Part(work, run, parameters(transposed((1, 28, 28))), threads=1)


def _faces() -> Part:
    images, detector = pictures(), MTCNN()
    work = f"MTCNN, {len(images)} photographs, beside what its arithmetic takes"
    return Part(work, lambda: detector.detect(images))


def _features(device: Device) -> Part:
    trunk = for_inference(backbones.load(NETWORK, "random").trunk().freeze(), device)
    images = noise.images(128, 3, 224)
    work = f"{NETWORK}'s features of {len(images)} images of 224x224"
    return Part(work, lambda: compute(trunk, images, device))
