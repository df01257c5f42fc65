"""Speed on an accelerator: what studies are made of, on noise in the sizes of the real sets.

Command:  python -m benchmarks gpu [--write]
Expected: under six minutes. Without an accelerator it says so and measures nothing.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated
from unittest import mock

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS begins

import numpy as np
import torch
import tyro

from benchmarks import noise, results
from benchmarks.noise import STEADY, N
from benchmarks.results import Row
from benchmarks.studies import study
from benchmarks.timing import Times, timed
from core.config import DeviceConfig, check_names
from core.device import Device, pick
from core.errors import UserError
from core.models import backbones
from core.models.features import compute, for_inference
from core.training import graphs

PICTURES, SIDE = 4, 512
STEP_BY_STEP = mock.patch.object(graphs, "WARM_UP", sys.maxsize)
"""launches every kernel of a step by itself"""


def sweep(device: Device, repeats: int) -> Iterator[Row]:
    """Train 13 schemes x 10 and x 100 seeds; the course's loop trains one, and is scaled."""
    course = timed(noise.course, 2)
    for seeds, n in ((10, repeats), (100, 2)):
        ours = _timed(noise.sweep(device, seeds), n)
        theirs = course.times(13 * seeds)
        work = f"13 schemes x {seeds} seeds, two epochs of {N:,} images of 28x28"
        other = f"the course's loop, one of {13 * seeds:,}, scaled"
        goal = "3 s, 500 x" if seeds == 10 else ""
        yield Row(work, ours, other, theirs, 13 * seeds, "networks", goal=goal)
    yield Row("the same x 10 seeds, float32", _timed(noise.sweep(_float32(device), 10), repeats))
    with STEP_BY_STEP:
        yield Row(
            "the same x 10 seeds, without CUDA graphs", _timed(noise.sweep(device, 10), repeats)
        )


def autoencoders(device: Device, repeats: int) -> Iterator[Row]:
    """Train the lesson's networks, 10 seeds as one program, an epoch in batches of 20."""
    for arm in ("linear", "transposed", "upsampling", "denoising"):
        run = noise.autoencoder(device, arm, noise=0.5 if arm == "denoising" else 0.0)
        work = f"{arm} autoencoder x 10 seeds, an epoch of {N:,} images in batches of 20"
        yield Row(work, _timed(run, 2), per=10 * N // 20, unit="network steps")
    yield Row(
        "transposed x 10 seeds, an eighth of that",
        _timed(noise.autoencoder(device, "transposed", 6_000), repeats),
    )
    single = _timed(noise.autoencoder(_float32(device), "transposed", 6_000), repeats)
    yield Row("the same, float32", single)
    with STEP_BY_STEP:
        plain = _timed(noise.autoencoder(device, "transposed", 6_000), repeats)
    yield Row("the same, without CUDA graphs", plain)


def faces(device: Device, repeats: int) -> Iterator[Row]:
    """Find faces in photographs, one by one and 32 at once."""
    from benchmarks.face_detectors import pictures
    from core.detection.mtcnn import MTCNN

    images, here, cpu = pictures(), MTCNN(device.torch), MTCNN()
    agree = sum(len(a.boxes) == len(b.boxes) and np.allclose(a.boxes, b.boxes, atol=2.0)
                for a, b in zip(here.detect(images), cpu.detect(images), strict=True))  # fmt: skip
    note = f"boxes as on the CPU within 2 pixels on {agree} of {len(images)}"
    ours = _timed(lambda: here.detect(images * 4), repeats)
    theirs = timed(lambda: cpu.detect(images), 1).times(4)
    work = "MTCNN, photographs of 640x480, 128 at once"
    other = "this machine's CPU"
    yield Row(work, ours, other, theirs, 128, "photographs", note, "1 ms each")
    single = _timed(lambda: [here.detect([image]) for image in images], repeats)
    yield Row("MTCNN, one by one", single, per=len(images), unit="photographs")


def features(device: Device, repeats: int) -> Iterator[Row]:
    """Pass images through a frozen MobileNetV2."""
    trunk = for_inference(backbones.load("mobilenet_v2", "random").trunk().freeze(), device)
    images = noise.images(4096, 3, 224)
    ours = _timed(lambda: compute(trunk, images, device), repeats)
    work = "features of MobileNetV2, images of 224x224"
    yield Row(work, ours, per=4096, unit="images", goal="20,000 a second")


def style(device: Device, repeats: int) -> Iterator[Row]:
    """Paint with VGG19 at 512 pixels."""
    from core.style.config import StyleConfig
    from core.style.losses import TransferLoss, settle
    from core.style.paint import paint

    network = backbones.load("vgg19", "random").network.get_submodule("features")
    network = network.eval().requires_grad_(False).to(device.torch)
    black, white = (torch.full((3, 1, 1), end, device=device.torch) for end in (-3.0, 3.0))
    content = torch.randn(PICTURES, 3, SIDE, SIDE, device=device.torch)
    for config in (StyleConfig(optimizer="adam"), StyleConfig(optimizer="lbfgs")):
        chosen = settle(replace(config, size=SIDE, steps=50, every=50), network)
        loss = TransferLoss(network, chosen, content, list(content.flip(0)), device)
        ours = _timed(partial(lambda loss: list(paint(loss, content, (black, white))), loss), 2)
        work = f"style, {PICTURES} pictures of {SIDE}x{SIDE}, 50 steps, {config.optimizer}"
        yield Row(work, ours, per=50 * PICTURES, unit="picture steps")


def studies(device: Device, repeats: int) -> Iterator[Row]:
    """Run embedded studies from shell to the last figure, on an empty store."""
    for name in ("init_schemes", "skin_lesions"):
        try:
            times = timed(partial(study, name))
        except subprocess.CalledProcessError as error:
            print(f"  {name}: left out: {error.stderr.decode().strip().splitlines()[-1]}")
        else:
            yield Row(f"`{name}`, no option, from shell to the last figure", times)


def agreement(device: Device, repeats: int) -> Iterator[Row]:
    """Compare losses with a CPU's, and two deterministic runs to the bit."""
    cpu = pick(DeviceConfig(device="cpu", precision="float32"))
    here, there = noise.steady(_float32(device)), noise.steady(cpu)
    apart = float(np.abs(here / there - 1).max())
    torch.use_deterministic_algorithms(True)
    runs = (noise.sweep(device, 2), noise.autoencoder(device, "transposed", 6_000))
    equal = all(run().tobytes() == run().tobytes() for run in runs)
    torch.use_deterministic_algorithms(False)
    note = (
        f"losses of {len(here)} steps differ from the CPU's by {apart:.1e} at most; "
        f"deterministic runs are {'' if equal else 'NOT '}equal to the bit"
    )
    work = f"{len(STEADY)} schemes x 2 seeds, float32"
    yield Row(work, _timed(lambda: noise.steady(_float32(device)), repeats), note=note)


WORK: dict[str, Callable[[Device, int], Iterator[Row]]] = {
    work.__name__: work
    for work in (agreement, sweep, autoencoders, faces, features, style, studies)
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Measure on the accelerator that torch sees."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = tuple(WORK)
    """what to measure"""
    write: bool = False
    """keep the figures in benchmarks/results and write docs/speed.md"""
    repeats: int = 5
    """runs of what takes seconds"""
    seconds: float = 360.0
    """nothing more is begun after that"""

    def __post_init__(self) -> None:
        check_names("NAMES", self.names, WORK)


def main(config: Config) -> None:
    """Print each measurement as it is made."""
    device = pick(DeviceConfig())
    if device.torch.type == "cpu":
        raise UserError("gpu: torch sees no accelerator on this machine, one is wanted")
    print(f"{results.machine()}; {device}", flush=True)
    start, rows = time.monotonic(), []
    for name in config.names:
        if time.monotonic() - start > config.seconds:
            print(f"  {name}: left out, {config.seconds:.0f} s are over")
            continue
        torch.cuda.reset_peak_memory_stats()
        for row in WORK[name](device, config.repeats):
            memory = torch.cuda.max_memory_allocated() / 2**30
            note = f"{row.note}, {memory:.2g} GiB".removeprefix(", ")
            rows.append(replace(row, note=note))
            print(f"  {rows[-1]}", flush=True)
    if config.write:
        print(f"kept in {results.keep(rows)}")
        results.write_page()


def _timed(run: Callable[[], object], repeats: int) -> Times:
    """Time what a GPU does, after a run that is not counted."""

    def whole() -> None:
        run()
        torch.cuda.synchronize()

    whole()
    return timed(whole, repeats)


def _float32(device: Device) -> Device:
    return Device(device.torch, bfloat16=False)
