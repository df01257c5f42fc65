"""Which layers and which weights put a style into a picture?

Command:  python experiments/style_transfer.py [CONTENT STYLE] [--backbone NAME --weights FILE]
          python experiments/style_transfer.py --study   for claims S1 to S3
Expected: under 90 s on 2 CPU cores for the embedded pair; every loss falls; the study takes
          minutes with mobilenet_v2 and hours with vgg19 on a CPU
Source:   Gatys, Ecker, Bethge 2015, arXiv 1508.06576; the course's style transfer lesson; random
          weights: He, Wang, Hopcroft 2016, arXiv 1606.04801
"""

import functools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from annotated_types import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, not installed

from core import cli
from core.config import DeviceConfig, FolderPath, Settled, Steps, check, check_options
from core.errors import UserError
from core.models.config import RANDOM
from core.style.config import StyleConfig

if TYPE_CHECKING:
    from core.results import Result, Trial

    from core.device import Device
    from core.models.backbones import Backbone
    from core.study import Study
    from core.style.paint import Step
    from core.style.pictures import Pair

BETAS = (0.01, 0.1, 1.0, 10.0, 100.0)  # multiples of the default, for claim S3
TOGETHER = 4  # pictures painted as one program on a CPU


@dataclass(frozen=True, kw_only=True)
class Config:
    """Paint CONTENT in the manner of STYLE."""

    content: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[CONTENT]")] = "astronaut"
    """a picture, a folder of pictures, or an embedded one: astronaut, coffee, chelsea, ...;
    an embedded one, and the study's, are painted at 128 pixels unless --size is given"""
    style: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[STYLE]")] = "gravel"
    """a picture, or an embedded one: gravel, immunohistochemistry, brick, grass, ..."""
    backbone: str = "vgg19"
    """torchvision classifier whose features are used: vgg19, mobilenet_v2, resnet18, ..."""
    weights: str = RANDOM
    """random (works in its own right, and the result says so; layers are then chosen one resolution
    less deep, and --beta is 100, --tv 0.3, --steps 50 unless given), imagenet (torchvision's, kept
    in TORCH_HOME and downloaded to it), or a FILE that holds a state dict"""
    seeds: Annotated[int, Interval(ge=1, le=10_000)] = 1
    """networks to draw, where the weights are random"""
    study: bool = False
    """answer claims S1 to S3 on several pairs of pictures, each painted many times, without total
    variation unless --tv is given"""
    pairs: Annotated[int, Interval(ge=2, le=5)] = 5
    """pairs of the study, 2 to 5: the given one, then embedded ones"""
    published_steps: Steps = 2000
    """steps of the study's published arm; claim S1 needs 2000"""
    out: Settled[FolderPath] = None
    """folder for pictures and animations (default: mlruns/pictures)"""
    painting: StyleConfig = field(default_factory=StyleConfig)
    device: DeviceConfig = field(default_factory=lambda: DeviceConfig(precision="float32"))

    def __post_init__(self) -> None:
        check_options(self)
        varied = self.seeds == 1 or self.is_random
        check("seeds", self.seeds, varied, "1, as these weights are not random,")
        many = self.study and Path(self.content).expanduser().is_dir()
        check("study", f"with the folder {self.content}", not many, "one CONTENT")
        own = self.painting.mode == "normalised" and not self.painting.style_weights
        check("study", "with --mode published or --style-weights", own or not self.study, "neither")

    @property
    def is_random(self) -> bool:
        """Tell whether the weights are drawn."""
        return self.weights == RANDOM


SMOKE = Config(
    backbone="squeezenet1_1",
    study=True,
    pairs=2,
    published_steps=3,
    painting=StyleConfig(size=48, steps=3),
    device=DeviceConfig(device="cpu", precision="float32"),
)


def main(config: Config) -> None:
    """Paint what is missing, judge the claims where it is a study, log pictures and curves."""
    from reports.verdicts import judge

    from core.device import pick
    from core.study import Study
    from core.style import gallery
    from core.style.losses import settle
    from reports.style import exhibits, findings

    device = pick(config.device)
    more = config.pairs - 1 if config.study else 0
    base = painting(config).resolve()
    pairs, quarantined = gallery.read_pairs(config.content, config.style, base, more)
    network = load_network(config, 0).network
    base = settle(base, network, shallow=config.is_random)
    arms = make_arms(config, base)
    card = gallery.card(pairs, config.backbone, config.weights, quarantined)
    groups = list(grid(config, arms, pairs, TOGETHER if device.torch.type == "cpu" else 32))
    print(f"device: {device}\n{card.name}: {base.optimizer}, {base.steps} steps")
    with Study("style_transfer", asdict(config), card, str(device), Path(__file__), "arm") as study:
        for group in study.missing(groups):
            own = load_network(config, group[0].seed)
            study.finish(group, paint_group(study, group, arms[group[0].arm], own, pairs, device))
        # In the order of the grid, whatever was resumed: pairs are matched by position.
        results = {trial: study.results[trial] for group in groups for trial in group}
        answers = judge(findings.findings(results, arms), card.name) if config.study else []
        study.conclude(
            exhibits.exhibits(results, pairs, arms),
            answers,
            findings.summary(results),
            columns=("shares/style", "shares/content", "artefact/length", "loss/total"),
        )
    if not config.study:
        gallery.save(config.out, results)


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
def load_network(config: Config, seed: int) -> "Backbone":
    """Load the network, random or trained."""
    from core.models.backbones import load

    return load(config.backbone, config.weights, seed)


def make_arms(config: Config, base: StyleConfig) -> dict[str, StyleConfig]:
    """Return what to compare: the mode asked for, or each layer alone, each beta, the course's."""
    if not config.study:
        return {base.mode: base}
    beta, n = base.beta or 0.0, len(base.style_layers)
    alone = {
        f"layer {k + 1}": replace(base, style_weights=tuple(float(j == k) for j in range(n)))
        for k in range(n)
    }
    betas = {f"beta {factor * beta:g}": replace(base, beta=factor * beta) for factor in BETAS}
    steps = config.published_steps
    course = StyleConfig(mode="published", size=base.size, steps=steps).resolve()
    published = replace(course, style_layers=base.style_layers, content_layer=base.content_layer)
    return {**alone, **betas, "published": published}


def grid(
    config: Config, arms: dict[str, StyleConfig], pairs: "Sequence[Pair]", together: int
) -> "Iterator[list[Trial]]":
    """Yield the groups painted as one program: an arm, a seed, contents of one shape."""
    from core.results import Trial

    by_shape: dict[tuple[int, ...], list[Pair]] = {}
    for pair in pairs:
        by_shape.setdefault(tuple(pair.pixels.shape), []).append(pair)
    for seed in range(config.seeds):
        for arm in arms:
            for alike in by_shape.values():
                for start in range(0, len(alike), together):
                    part = alike[start : start + together]
                    yield [
                        Trial(arm, seed, (("content", p.content), ("style", p.style))) for p in part
                    ]


def paint_group(
    study: "Study",
    group: "Sequence[Trial]",
    config: StyleConfig,
    backbone: "Backbone",
    pairs: "Sequence[Pair]",
    device: "Device",
) -> "list[Result]":
    """Paint the pictures of a group, log losses and pictures on the way, return the results."""
    import numpy as np
    from tqdm import tqdm

    from core.style.easel import Easel
    from core.training.loop import Epoch

    named = {(p.content, p.style): p for p in pairs}
    own = [named[str(t.params[0][1]), str(t.params[1][1])] for t in group]
    easel = Easel(backbone, config, own, device)
    steps: list[Step] = []
    bar = tqdm(total=config.steps, unit="step", desc=group[0].arm, leave=False, disable=None)
    try:
        for step in easel.paint(study.checkpoint(group)):
            metrics = {f"loss/{name}": each[None] for name, each in step.losses.items()}
            study.epoch(group, Epoch(step.index, step.index, metrics, np.empty(0)))
            if step.pictures is not None:
                for trial, frame in zip(group, easel.show(step.pictures), strict=True):
                    study.picture(trial, "picture", step.index, frame)
            bar.update(step.index - bar.n)
            bar.set_postfix({k: f"{step.losses[k].mean():.3g}" for k in ("total", "content")})
            steps.append(step)
    except FloatingPointError as error:
        raise UserError(f"--lr {config.lr}: {error}; a smaller rate is wanted") from error
    finally:
        bar.close()
    return easel.results(steps)


if __name__ == "__main__":
    cli.run(main, Config, __doc__)
