"""What every released schema wrote can still be read: tests/stores has a small study of each."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.archive import FACTS, RECORD, SHARED
from core.dataset import build
from core.trials import SCHEMA, Record, Shared, Trial

STORES = Path(__file__).parent / "stores"


def read(folder):
    records = [
        (
            Trial.of(json.loads((place / FACTS).read_text())["trial"]),
            Record.unpack((place / RECORD).read_bytes()),
        )
        for place in sorted(folder.iterdir())
        if place.is_dir()
    ]
    return build(records, Shared.unpack((folder / SHARED).read_bytes()))


def test_this_schema_has_its_store():
    assert (STORES / f"schema-{SCHEMA}").is_dir(), "a new schema needs a store of its own here"


@pytest.mark.parametrize("folder", sorted(STORES.iterdir()), ids=lambda path: path.name)
def test_a_study_of_every_schema_is_read_as_it_was_written(folder):
    study = read(folder)
    assert study["arm"].values.tolist() == ["zeros", "uniform-rule"]
    assert study["seed"].values.tolist() == [0, 1]
    assert study["trained"].all()
    assert study["correct"].dims == ("arm", "seed", "scale", "image")
    assert study["correct"].dtype == np.uint8
    assert study.sizes["image"] == study["label"].size == 359
    hits = study["correct"].mean("image")
    np.testing.assert_allclose(hits, study["test/accuracy"])
    assert study["image"].values[0] == "image-00000"
    facts = json.loads((folder / "data.json").read_text())
    assert facts["name"] == "digits"
