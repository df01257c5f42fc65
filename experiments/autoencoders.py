"""What do autoencoders learn that a straight line cannot do?

Command:  python experiments/autoencoders.py [--data mnist --seeds 3 --arms linear transposed ...]
Expected: about two minutes on 2 quiet CPU cores on the embedded digits; hours for all arms on
          MNIST, where the course recorded training losses of .0118 (linear, 20 epochs), .0083
          (transposed, 30), .0052 (upsampling, 30) and .0261 (denoising, 20)
Source:   the course's autoencoder lesson; of each measure, core/evaluation/image_quality.py
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import (
    DeviceConfig,
    Positive,
    Seeds,
    Settled,
    Steps,
    TrainConfig,
    check,
    check_names,
    check_options,
)
from core.data.config import DataConfig
from core.errors import UserError
from reports.autoencoders import COURSE_NOISE

if TYPE_CHECKING:
    from core.data.images import Splits
    from core.device import Device
    from core.models.autoencoders import Autoencoder
    from core.results import Result, Trial
    from core.study import Study

ARMS = (
    "linear",
    "linear-code",
    "transposed",
    "transposed-wide",
    "transposed-decoder",
    "transposed-k3",
    "upsampling",
    "denoising",
    "clean",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Train the lesson's autoencoders beside fair rivals, and measure them on unseen images."""

    arms: tuple[str, ...] = ARMS
    """networks to compare: the lesson's linear, transposed, upsampling and denoising; linear-code
    (the convolutional code's size), transposed-wide (linear's parameters), transposed-decoder
    (the upsampling decoder's parameters), transposed-k3 (kernel 3), clean (denoising, no noise)"""
    seeds: Seeds = 5
    """paired repetitions: each seed draws its weights, its data order and its noise"""
    noise: tuple[Annotated[float, Interval(gt=0, le=100)], ...] = (0.25, 1.0)
    """further noise levels to train the denoiser at, beside the lesson's 0.5"""
    channels: tuple[Annotated[int, Interval(ge=1, le=256)], ...] = (1, 8)
    """further widths of the convolutional code, beside the lesson's 4; linear ones of equal size"""
    epochs: Settled[Steps] = None
    """passes over the training data (default: the course's 30, 20 for the denoising network; 15
    below 10,000 images)"""
    batch_size: Steps = 20
    """images a step"""
    lr: Settled[Positive] = None
    """learning rate of Adam (default: the course's 1e-3; 5e-3 below 10,000 images, as they give
    few steps)"""
    data: DataConfig = field(default_factory=DataConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        check_options(self)
        check_names("arms", self.arms, ARMS)
        levels = " ".join(map(str, self.noise))
        distinct = len({COURSE_NOISE, *self.noise}) == len(self.noise) + 1
        check("noise", levels, distinct, f"levels that are not {COURSE_NOISE}, each once,")
        widths = " ".join(map(str, self.channels))
        distinct = len({4, *self.channels}) == len(self.channels) + 1
        check("channels", widths, distinct, "numbers that are not 4, each once,")

    def settle(self, arm: str, n: int) -> TrainConfig:
        """Return how to train an arm on `n` images."""
        small = n < 10_000
        return TrainConfig(
            epochs=self.epochs if self.epochs is not None else 15 if small else _epochs(arm),
            batch_size=self.batch_size,
            lr=self.lr if self.lr is not None else 5e-3 if small else 1e-3,
        )


def _epochs(arm: str) -> int:
    """Return the course's epochs; its linear network's 20 lie on the way to 30."""
    return 20 if arm in ("denoising", "clean") else 30


SMOKE = Config(
    arms=("linear", "linear-code", "transposed", "upsampling", "denoising", "clean"),
    seeds=2,
    noise=(1.0,),
    channels=(1,),
    epochs=1,
    batch_size=100,
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> None:
    """Run the study: train what is missing, judge the claims, log tables and figures."""
    from core.data.images import OnDisk
    from core.data.sources import load
    from core.device import pick
    from core.study import Study
    from reports.autoencoders.baselines import baselines
    from reports.autoencoders.exhibits import exhibits
    from reports.autoencoders.findings import findings, summary
    from reports.verdicts import judge

    device = pick(config.device)
    splits = load(config.data)
    if isinstance(splits.train, OnDisk):
        raise UserError(
            f"--memory {config.data.memory}: the images do not fit, and PCA needs them in memory; "
            "a smaller --size or more --memory is wanted"
        )
    groups = list(grid(config))
    for first, *_ in groups:  # images that are too small fail before anything trains
        build(first, splits)
    print(f"device: {device}\ndata: {splits.card}")
    with Study(
        "autoencoders", asdict(config), splits.card, str(device), Path(__file__), "network"
    ) as study:
        for group in study.missing(groups):
            study.finish(group, train(study, group, splits, config, device))
        # In the order of the grid, whatever was resumed: arms are paired by position.
        results = {trial: study.results[trial] for group in groups for trial in group}
        bare = baselines(splits, results)
        study.conclude(
            exhibits(results, bare, splits),
            judge(findings(results, bare, splits.card), splits.card.name),
            summary(results, splits.card),
            columns=("test/mse", "test/psnr", "test/ssim", "test/checkerboard", "train/loss"),
        )


def grid(config: Config) -> Iterator[list["Trial"]]:
    """Yield the seeds of each network: the arms, the other code sizes, the other noise levels."""
    from core.results import Trial

    networks: list[tuple[str, tuple[tuple[str, str | int | float], ...]]]
    networks = [(arm, ()) for arm in config.arms]
    for arm in ("transposed", "linear-code"):
        if arm in config.arms:
            networks += [(arm, (("channels", width),)) for width in config.channels]
    if "denoising" in config.arms:
        networks += [("denoising", (("noise", level),)) for level in config.noise]
    for arm, params in networks:
        yield [Trial(arm, seed, params) for seed in range(config.seeds)]


def build(trial: "Trial", splits: "Splits") -> "Autoencoder":
    """Build the network of a trial with its initial weights."""
    from core.models.autoencoders import NETWORKS, linear, transposed
    from core.models.initialisation import initialise

    shape, own = splits.train.shape, dict(trial.params)
    if "channels" in own:
        model = transposed(shape, channels=int(own["channels"]))
        if trial.arm == "linear-code":
            model = linear(shape, model.code_size(shape))
    else:
        model = NETWORKS[trial.arm](shape)
    return initialise(model, "default", trial.seed)


def noise_of(trial: "Trial") -> float:
    """Return the noise that a trial's network learns to undo, 0 for the plain autoencoders."""
    return float(dict(trial.params).get("noise", COURSE_NOISE)) if trial.arm == "denoising" else 0.0


def train(
    study: "Study", group: "Sequence[Trial]", splits: "Splits", config: Config, device: "Device"
) -> "list[Result]":
    """Train the seeds of one network and measure them on the test images."""
    from core.training.objective import reconstruction
    from core.training.seeds import fit_seeds
    from reports.autoencoders.measures import LEVELS, measure

    models, seeds = [build(trial, splits) for trial in group], [trial.seed for trial in group]
    settings = config.settle(group[0].arm, len(splits.train))
    noise, held = noise_of(group[0]), splits.to(device.torch)
    objective, epochs = reconstruction(noise), []
    try:
        for epoch in fit_seeds(
            models, seeds, held.train, held.val, settings, device,
            study.checkpoint(group), objective,
        ):  # fmt: skip
            study.epoch(group, epoch)
            epochs.append(epoch)
    except FloatingPointError as error:
        raise UserError(
            f"--lr {settings.lr}: {group[0].arm}: {error}; a lower rate is wanted"
        ) from error
    curves = [[epoch.metrics["train/loss"][i, 0] for epoch in epochs] for i in range(len(models))]
    levels = LEVELS if group[0].arm in ("denoising", "clean") else ()
    return [
        measure(model, splits, noise, curve, levels)
        for model, curve in zip(models, curves, strict=True)
    ]


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
