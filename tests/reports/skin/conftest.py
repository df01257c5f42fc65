"""A maker of studies of lesions."""

import pytest

from core.trials import Trial
from tests.reports.skin.lesions import CLASSES, CONFIG, COUNTS, SETTINGS, labels, record


@pytest.fixture
def study(invent):
    """Return a maker of studies: keywords are arms with what `record` takes of them."""

    def make(shared=None, trials=None, settings=None, config=None, seeds=5, data=(), **arms):
        card = {"classes": list(CLASSES), "name": "isic2017"}
        card["counts"] = {side: list(COUNTS) for side in ("train", "val", "test")}
        known = trials or {
            Trial(arm, seed): record(seed, **options)
            for seed in range(seeds)
            for arm, options in arms.items()
        }
        wanted = {**SETTINGS, **(settings or {})}
        made = invent(
            "skin_lesions", known, shared or labels(), settings=wanted, **{**card, **dict(data)}
        )
        made.attrs["facts"]["config"] = {**CONFIG, **(config or {})}
        return made

    return make
