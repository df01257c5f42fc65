"""What do autoencoders learn that a straight line cannot do?

Command:  python experiments/autoencoders.py [--data mnist --seeds 3 --arms linear transposed ...]
Expected: about two minutes on 2 quiet CPU cores on the embedded digits; hours for all arms on
          MNIST, where the course recorded training losses of .0118 (linear, 20 epochs), .0083
          (transposed, 30), .0052 (upsampling, 30) and .0261 (denoising, 20)
Source:   the course's autoencoder lesson; of each measure, core/evaluation/image_quality.py
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
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

if TYPE_CHECKING:
    from core.data.images import Splits
    from core.device import Device
    from core.models.autoencoders import Autoencoder
    from core.study import Job
    from core.trials import Record, Trial
    from reports import studies

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
DEEP = ("denoising", "clean")  # one network, trained with noise and without
COURSE_NOISE = 0.5  # standard deviation of what the lesson's denoising network is trained to undo
TOGETHER = 16  # seeds of a network that train as one program


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
    """passes over the training data (default: the course's 30; 15 below 10,000 images)"""
    denoising_epochs: Settled[Steps] = None
    """the same for denoising and clean (default: --epochs if given, else the course's 20; 15 below
    10,000 images)"""
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

    def settled(self, n: int) -> "Config":
        """Return the config with epochs and learning rate settled for `n` training images."""
        small = n < 10_000
        return replace(
            self,
            epochs=self.epochs or (15 if small else 30),
            denoising_epochs=self.denoising_epochs or self.epochs or (15 if small else 20),
            lr=self.lr or (5e-3 if small else 1e-3),
        )

    def training(self, arm: str) -> TrainConfig:
        """Return how to train an arm."""
        epochs = self.denoising_epochs if arm in DEEP else self.epochs
        lr = 1e-3 if self.lr is None else self.lr
        return TrainConfig(epochs=epochs, batch_size=self.batch_size, lr=lr)


SMOKE = Config(
    arms=("linear", "linear-code", "transposed", "upsampling", "denoising", "clean"),
    seeds=2,
    noise=(1.0,),
    channels=(1,),
    epochs=1,
    batch_size=100,
    device=DeviceConfig(device="cpu"),
)


def main(config: Config) -> "studies.Study | None":
    """Train what is missing, keep it, publish what is known."""
    from core.data.images import OnDisk
    from core.data.shared import shared
    from core.data.sources import load
    from core.device import pick
    from core.measures.reconstructions import BASELINES, coords
    from core.study import Study
    from reports.publish import publish

    device = pick(config.device)
    splits = load(config.data)
    if isinstance(splits.train, OnDisk):
        raise UserError(
            f"--memory {config.data.memory}: the images do not fit, and PCA needs them in memory; "
            "a smaller --size or more --memory is wanted"
        )
    config = config.settled(len(splits.train))
    for trial in grid(config):  # images that are too small fail before anything trains
        if trial.seed == 0 and trial.arm in ARMS:
            build(trial, splits)
    print(f"device: {device}\ndata: {splits.card}")
    order = {"arm": (*ARMS, *BASELINES), "variant": ("course",)}
    with Study(
        "autoencoders",
        asdict(config),
        splits.card,
        script=__file__,
        device=device.kind,
        arm="network",
        selection=("arms", "seeds", "noise", "channels"),
        shared=shared(splits, order, coords(splits)),
    ) as study:
        job = partial(train, config, splits, device)
        # A program: the seeds of one network, or all that needs no network.
        study.run(grid(config), job, lambda t: t.arm in ARMS and (t.arm, t.factors), TOGETHER)
    return publish(study.store, study.key)


def grid(config: Config) -> "Iterator[Trial]":
    """Yield what needs no network, the networks, their other code sizes and noise levels."""
    from core.measures.reconstructions import BASELINES
    from core.trials import Trial

    widths = ["course", *(f"channels {width}" for width in config.channels)]
    levels = ["course", *(f"noise {level}" for level in config.noise)]
    variants = {"transposed": widths, "linear-code": widths, "pca": widths, "denoising": levels}
    deep = bool(set(DEEP) & set(config.arms))
    bare = [name for name, noisy in BASELINES.items() if deep or not (noisy or name == "pca-deep")]
    for arm in (*bare, *config.arms):
        for variant in variants.get(arm, ["course"]):
            for seed in range(config.seeds if arm in config.arms else 1):
                yield Trial(arm, seed, (("variant", variant),))


def varied(trial: "Trial", what: str) -> float | None:
    """Return the `channels` or the `noise` of a trial that differs in it from the course's."""
    name, _, value = str(trial.levels["variant"]).partition(" ")
    return float(value) if name == what else None


def build(trial: "Trial", splits: "Splits") -> "Autoencoder":
    """Build the network of a trial with its initial weights."""
    from core.models.autoencoders import NETWORKS
    from core.models.initialisation import initialise

    width = varied(trial, "channels")
    channels = {} if width is None else {"channels": int(width)}
    return initialise(NETWORKS[trial.arm](splits.train.shape, **channels), "default", trial.seed)


def components(trial: "Trial", splits: "Splits") -> int:
    """Return how many principal components a baseline has: the numbers in its rival's code."""
    rivals = {"pca": "transposed", "pca-linear": "linear", "pca-deep": "denoising"}
    if trial.arm not in rivals:
        return 0
    return build(replace(trial, arm=rivals[trial.arm]), splits).code_size(splits.train.shape)


def train(config: Config, splits: "Splits", device: "Device", job: "Job") -> "list[Record]":
    """Train the seeds of one network, or fit baselines, and measure them on the test images."""
    from core.measures import reconstructions
    from core.measures.autoencoders import measure
    from core.training.objective import reconstruction
    from core.training.seeds import fit_seeds

    first = job.trials[0]
    if first.arm not in ARMS:
        bare = [(trial.arm, components(trial, splits)) for trial in job.trials]
        return reconstructions.measure(bare, splits, COURSE_NOISE)
    models, seeds = [build(t, splits) for t in job.trials], [t.seed for t in job.trials]
    settings, held = config.training(first.arm), splits.to(device.torch)
    noise = (varied(first, "noise") or COURSE_NOISE) if first.arm == "denoising" else 0.0
    try:
        for epoch in fit_seeds(
            models, seeds, held.train, held.val, settings, device,
            job.checkpoint, reconstruction(noise),
        ):  # fmt: skip
            job.epoch(epoch)
    except FloatingPointError as error:
        raise UserError(
            f"--lr {settings.lr}: {first.arm}: {error}; a lower rate is wanted"
        ) from error
    return [measure(model, splits, noise, device, denoises=first.arm in DEEP) for model in models]


if __name__ == "__main__":
    from reports import running

    cli.run(*running.by_looks(main, Config), __doc__)
