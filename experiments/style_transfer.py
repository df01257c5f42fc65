"""Which layers and which weights put a style into a picture?

Command:  python experiments/style_transfer.py [CONTENT STYLE] [--backbone NAME --weights FILE]
          python experiments/style_transfer.py --study   for claims S2 and S3; S1: --mode published
Expected: under 90 s on 2 CPU cores for the embedded pair; every loss falls; the study takes
          minutes with mobilenet_v2 and hours with vgg19 on a CPU
Source:   Gatys, Ecker, Bethge 2015, arXiv 1508.06576; the course's style transfer lesson; random
          weights: He, Wang, Hopcroft 2016, arXiv 1606.04801
"""

import functools
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, FolderPath, NameOrFile, Settled, check, check_options
from core.errors import UserError
from core.models.config import RANDOM
from core.style.config import StyleConfig

if TYPE_CHECKING:
    from core.device import Device
    from core.models.backbones import Backbone
    from core.study import Job
    from core.style.pictures import Pair
    from core.trials import Record, Trial

BETAS = (0.01, 0.1, 1.0, 10.0, 100.0)  # multiples of the default, for claim S3
N_PAIRS = 5  # of a study without a folder


@dataclass(frozen=True, kw_only=True)
class Config:
    """Paint CONTENT in the manner of STYLE."""

    content: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[CONTENT]")] = "astronaut"
    """a picture, a folder of pictures, or an embedded one: astronaut, coffee, chelsea, ...;
    an embedded one, and the study's, are painted at 128 pixels unless --size is given"""
    style: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[STYLE]")] = "gravel"
    """a picture, a folder (every content meets every style), or an embedded one: gravel,
    immunohistochemistry, brick, grass, ..."""
    backbone: str = "vgg19"
    """torchvision classifier whose features are used: vgg19, mobilenet_v2, resnet18, ..."""
    weights: NameOrFile = RANDOM
    """random (works in its own right, and the result says so; layers are then chosen one resolution
    less deep, and --beta is 100, --tv 0.3, --steps 50 unless given), imagenet (torchvision's, kept
    in TORCH_HOME and downloaded to it), or a FILE that holds a state dict"""
    seeds: Annotated[int, Interval(ge=1, le=10_000)] = 1
    """networks to draw, where the weights are random"""
    study: bool = False
    """answer claims S2 and S3 on several pairs of pictures, each painted many times, without total
    variation unless --tv is given"""
    pairs: Settled[Annotated[int, Interval(ge=2, le=10_000)]] = None
    """pairs of the study (default: 5, the given one, then embedded ones; of a folder all)"""
    out: Settled[FolderPath] = None
    """folder for pictures and animations (default: mlruns/pictures)"""
    painting: StyleConfig = field(default_factory=StyleConfig)
    device: DeviceConfig = field(default_factory=lambda: DeviceConfig(precision="float32"))

    def __post_init__(self) -> None:
        check_options(self)
        varied = self.seeds == 1 or self.is_random
        check("seeds", self.seeds, varied, "1, as these weights are not random,")
        altered = self.study and (self.painting.mode != "normalised" or self.painting.style_weights)
        check("study", "with --mode published or --style-weights", not altered, "neither")

    @property
    def is_random(self) -> bool:
        """Tell whether the weights are drawn."""
        return self.weights == RANDOM


SMOKE = Config(
    backbone="squeezenet1_1",
    study=True,
    pairs=2,
    painting=StyleConfig(size=48, steps=3),
    device=DeviceConfig(device="cpu", precision="float32"),
)


def main(config: Config) -> None:
    """Paint what is missing, keep it, publish what is known; write one's own pictures to files."""
    from core.device import pick
    from core.models.weights import fingerprint
    from core.study import Study
    from core.style import gallery
    from core.style.easel import PICTURE, STEPS
    from core.style.losses import settle
    from reports.publish import publish

    device = pick(config.device)
    shown = gallery.open_gallery(config.content, config.style, more=config.study)
    base = painting(config).resolve()
    limit = config.pairs or (None if shown.crossed else N_PAIRS)
    pairs = shown.pairs(base, limit if config.study else None)
    network = load_network(config.backbone, config.weights, 0).network
    config = replace(config, painting=settle(base, network, shallow=config.is_random))
    arms, card = make_arms(config), shown.card(config.backbone, config.weights)
    print(f"device: {device}\n{card.name}: {config.painting.optimizer}, {base.steps} steps")
    with Study(
        "style_transfer",
        asdict(config),
        card,
        script=__file__,
        device=device.kind,
        arm="arm",
        selection=("content", "style", "seeds", "pairs", "out"),
        shared=shown.shared(arms),
        weights={config.backbone: fingerprint(config.weights, config.backbone)},
    ) as study:
        trials = list(grid(config, arms, pairs))
        parts = batches(pairs, 4 if device.torch.type == "cpu" else 32)
        job = functools.partial(paint, config, pairs, device)
        study.run(trials, job, lambda t: (t.arm, t.seed, parts[t.factors]), len(pairs))
        if not config.study:
            gallery.save(config.out, study.files(trials, (PICTURE, STEPS)))
    publish(study.store, study.key)


def painting(config: Config) -> StyleConfig:
    """Return how to paint, with what the weights and embedded pictures settle."""
    from core.style.pictures import PAIRS

    settled = config.painting
    if config.study:  # the course had no total variation, and it acts on what S2 measures
        settled = settled.default_to(tv=0.0)
    if config.is_random and not settled.is_published:
        settled = settled.default_to(steps=50, beta=100.0, tv=0.3)
    small = config.study or config.content in PAIRS
    return settled.default_to(size=128) if small else settled


@functools.lru_cache(maxsize=1)  # a random VGG takes seconds to draw
def load_network(backbone: str, weights: str, seed: int) -> "Backbone":
    """Load the network, random or trained."""
    from core.models.backbones import load

    return load(backbone, weights, seed)


def make_arms(config: Config) -> dict[str, StyleConfig]:
    """Return what to compare: the mode asked for, or each layer alone and each beta."""
    base = config.painting
    if not config.study:
        return {base.mode: base}
    beta, n = base.beta or 0.0, len(base.style_layers)
    alone = {
        f"layer {k + 1}": replace(base, style_weights=tuple(float(j == k) for j in range(n)))
        for k in range(n)
    }
    return alone | {f"beta {f * beta:g}": replace(base, beta=f * beta) for f in BETAS}


def grid(config: Config, arms: Iterable[str], pairs: "Sequence[Pair]") -> "Iterator[Trial]":
    """Yield the trials: every arm and pair of pictures, with every network that is drawn."""
    from core.trials import Trial

    for seed in range(config.seeds):
        for arm in arms:
            yield from (Trial(arm, seed, pair.names) for pair in pairs)


def batches(pairs: "Sequence[Pair]", size: int) -> dict[Hashable, Hashable]:
    """Divide pairs into those that are painted together, alike in shape: names -> batch."""
    seen: Counter[tuple[int, ...]] = Counter()
    batch_of: dict[Hashable, Hashable] = {}
    for pair in pairs:
        shape = tuple(pair.pixels.shape)
        batch_of[pair.names] = (shape, seen[shape] // size)
        seen[shape] += 1
    return batch_of


def paint(config: Config, pairs: "Sequence[Pair]", device: "Device", job: "Job") -> "list[Record]":
    """Paint the pictures of a program, note losses on the way, measure them."""
    from core.style.easel import Easel

    first, known = job.trials[0], {pair.names: pair for pair in pairs}
    network = load_network(config.backbone, config.weights, first.seed)
    how, mine = make_arms(config)[first.arm], [known[trial.factors] for trial in job.trials]
    easel, steps = Easel(network, how, mine, device), []
    try:
        for step in easel.paint(job.checkpoint):
            job.epoch(step)
            steps.append(step)
    except FloatingPointError as error:
        raise UserError(f"--lr {how.lr}: {error}; a smaller rate is wanted") from error
    return easel.records(steps)


if __name__ == "__main__":
    from reports import running

    cli.run(*running.anywhere(main, Config), __doc__)
