"""Oxford-IIIT Pet in torchvision's layout, made up here; offline it is one line."""

import pytest
from PIL import Image
from torchvision import datasets

from core.data.config import DataConfig
from core.data.sources import load
from core.errors import UserError


def test_the_sets_own_test_side_and_class_names_are_used(tmp_path):
    images, notes = tmp_path / "oxford-iiit-pet/images", tmp_path / "oxford-iiit-pet/annotations"
    images.mkdir(parents=True)
    notes.mkdir()
    for part, numbers in {"trainval": range(1, 6), "test": range(6, 8)}.items():
        names = [f"{breed}_{i}" for breed in ("Abyssinian", "saint_bernard") for i in numbers]
        (notes / f"{part}.txt").write_text("".join(f"{name} 1 1 1\n" for name in names))
        for index, name in enumerate(names):
            Image.effect_noise((40, 30), 60 + 9 * index).convert("RGB").save(images / f"{name}.jpg")
    card = load(DataConfig(data="oxford-pets", data_root=tmp_path)).card
    assert card.classes == ("Abyssinian", "saint_bernard")
    assert card.counts["test"] == [2, 2]
    assert sum(card.counts["train"] + card.counts["val"]) == 10
    assert card.source.startswith("Oxford-IIIT Pet")


def test_offline_the_line_says_where_it_was_looked_for(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(datasets.oxford_iiit_pet, "download_and_extract_archive", offline)
    with pytest.raises(UserError, match=r"oxford-iiit-pet is not there .*no network") as caught:
        load(DataConfig(data="oxford-pets", data_root=tmp_path))
    assert "\n" not in str(caught.value)
