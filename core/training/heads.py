"""Linear heads for an app: trained once for a trunk and its data, and kept with all they need."""

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import torch

from core import provenance
from core.code import code_hash
from core.config import TrainConfig
from core.data.config import DataConfig
from core.data.images import Splits
from core.data.stamp import stamp
from core.device import Device, seeded
from core.errors import UserError
from core.models import bundle
from core.models.backbones import Trunk, digest
from core.models.bundle import Bundle, small
from core.models.features import features
from core.models.networks import mlp
from core.training.single import fit


def kept(
    trunk: Trunk,
    data: DataConfig,
    splits: Callable[[], Splits],
    config: TrainConfig,
    device: Device,
) -> Bundle:
    """Return the head for these data and this trunk, frozen: of an earlier call, or trained now.

    splits: loads the data, where a head is to be trained. A head is kept by all that its numbers
    depend on, as a study's trials are: other code or versions train another. One that is damaged
    is trained again.
    """
    files = stamp(data)
    if files is None:  # to be downloaded
        splits()
        files = stamp(data)
    facts = (files, data.split_seed, digest(trunk), trunk.preparation, config)
    made_by = (code_hash(Path(__file__)), provenance.versions(), device.kind)
    name = sha256(repr((*facts, *made_by)).encode()).hexdigest()[:16]
    path = bundle.PLACE / f"{name}.safetensors"
    if path.exists():
        try:
            return bundle.load(path)
        except UserError as error:
            print(f"head: {error}; it is trained again", file=sys.stderr)
    head = train(trunk, splits(), config, device)
    head.save(path)
    print(f"head: trained and kept in {path}")
    return head


def train(trunk: Trunk, splits: Splits, config: TrainConfig, device: Device) -> Bundle:
    """Train a linear head on a frozen trunk's features of the training pictures."""
    train_, val = (features(trunk, part, device) for part in (splits.train, splits.val))
    with seeded(0):
        model = mlp(train_.shape, len(splits.card.classes), hidden=())
    for epoch in fit(model, train_, val, config, 0, device):
        print(f"epoch {epoch.index}: {epoch.metrics['val/accuracy'].item():.1%} of validation")
    singles = torch.arange(len(train_)).split(1)  # one at a time: they need not fit into memory
    thumbnails = torch.cat([small(splits.train.take(index).tensor()) for index in singles])
    weights = {name: value.detach().cpu() for name, value in model[-1].named_parameters()}
    return Bundle(
        classes=splits.card.classes,
        preparation=trunk.preparation,
        trunk=trunk.name,
        trunk_digest=digest(trunk),
        **weights,
        features=train_.pixels.flatten(1),
        labels=train_.labels,
        thumbnails=thumbnails,
    )
