"""The app: its answers, its refusals, the head it keeps, and the evaluation of the whole."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

import reports
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.detection.faces import Faces
from core.detection.resemblance import Answer
from core.errors import UserError
from core.models import bundle, features
from core.store import Store
from core.training import heads
from experiments.dog_app import Config, main
from reports.app.drawing import plain
from reports.judge import judge
from tests.small import estimates_are_what_was_logged

NONE = Faces(np.empty((0, 4), np.float32), np.empty(0, np.float32), None, 0.0)
ONE = Faces(np.array([[1, 2, 3, 4]], np.float32), np.array([0.9], np.float32), None, 0.0)


def saying(dog, faces, breed="001.Affenpinscher", threshold=0.5):
    return Answer(dog, threshold, faces, ((breed, 0.7), ("boxer", 0.2)), ((0, breed, 0.1),))


def test_sentences_say_what_and_how_sure():
    assert plain(saying(0.9, NONE)) == (
        "a dog: Affenpinscher (70% among the breeds known); dog 90%"
    )
    assert "a human who resembles: Affenpinscher" in plain(saying(0.1, ONE))
    assert "1 face, the surest 0.9" in plain(saying(0.1, ONE))
    assert plain(saying(0.8, ONE)).startswith("a dog and a human, the dog: Affenpinscher")
    assert plain(saying(0.1, NONE)) == "neither dog nor human; dog 10%, no face"
    assert saying(0.5, NONE).kind == "dog"
    assert saying(0.5, NONE, threshold=0.6).kind == "neither"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PLACE", tmp_path / "features")
    monkeypatch.setattr(bundle, "PLACE", tmp_path / "heads")
    for index, name in enumerate(("breeds/boxer", "breeds/pug", "man", "cat")):
        (tmp_path / name).mkdir(parents=True)
        for number in range(8):
            noise = np.random.default_rng(10 * index + number).integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(noise).resize((60, 50)).save(tmp_path / name / f"{number}.png")
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1().state_dict(), tmp_path / "own.pth")
    return {
        "data": DataConfig(data=f"folder:{tmp_path / 'breeds'}", data_root=tmp_path),
        "backbone": "squeezenet1_1",
        "weights": str(tmp_path / "own.pth"),
        "detector": "haar-alt",
        "people": (Path("man"),),
        "neither": (Path("cat"),),
        "out": tmp_path / "out",
        "train": TrainConfig(epochs=2, keep="best"),
        "device": DeviceConfig(device="cpu"),
    }


def test_pictures_and_folders_are_answered_and_the_head_is_trained_once(config, tmp_path, capsys):
    pictures = (str(tmp_path / "man" / "1.png"), str(tmp_path / "cat"))
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    main(Config(images=pictures, **config))
    first = capsys.readouterr().out
    assert "head: trained and kept" in first
    assert "notes.txt: not an image" in first
    wanted = {f"{n}.png-breed.png" for n in range(8)} | {"1.png-2-breed.png"}  # 1.png is in both
    assert {path.name for path in (tmp_path / "out").iterdir()} == wanted
    assert (tmp_path / "out" / "1.png-breed.png").stat().st_size > 1000
    main(Config(images=pictures[:1], **config))
    again = capsys.readouterr().out
    assert "head: trained" not in again
    line = next(each for each in again.splitlines() if each.startswith(pictures[0]))
    assert line in first
    for kept in (tmp_path / "heads").iterdir():
        kept.write_bytes(kept.read_bytes()[:-100])
    main(Config(images=pictures[:1], **config))
    again = capsys.readouterr()
    assert "head: trained and kept" in again.out
    assert "a trained head is wanted" in again.err
    assert again.err.count("it is trained again") == 1


CHANGES = ("content", "behind a link", "table", "weights", "code", "class", "label", "link", "more")


@pytest.mark.parametrize("change", CHANGES)
def test_a_kept_head_is_of_these_files_weights_and_code(
    config, tmp_path, capsys, monkeypatch, change
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.effect_noise((60, 50), 80).save(elsewhere / "9.png")
    (tmp_path / "breeds" / "pug" / "more").symlink_to(elsewhere)
    main(Config(images=(str(tmp_path / "man" / "1.png"),), **config))
    assert "head: trained and kept" in capsys.readouterr().out
    place = tmp_path / "breeds" / "pug" / "0.png"
    if change == "behind a link":
        place = elsewhere / "9.png"
    if change == "code":
        monkeypatch.setattr(heads, "code_hash", lambda _: "changed")
    elif change == "weights":
        place = Path(config["weights"])
        state = torch.load(place, weights_only=True)
        torch.save({name: value * 1.01 for name, value in state.items()}, place)
    elif change == "class":
        place.parent.rename(place.parents[1] / "mops")
    elif change == "label":  # two pictures change places
        other = place.parents[1] / "boxer" / place.name
        content = other.read_bytes()
        place.rename(other)
        place.write_bytes(content)
    elif change == "link":
        elsewhere.rename(tmp_path / "another")
        elsewhere.mkdir()
        Image.effect_noise((60, 50), 20).save(elsewhere / "9.png")
    elif change == "more":
        Image.effect_noise((60, 50), 50).save(place.parent / "8.png")
    elif change == "table":
        ids = [f"{path.parent.name}/{path.name}" for path in place.parents[1].glob("*/*.png")]
        ids = "".join(f"{name},p{index}\n" for index, name in enumerate([*ids, "more/9.png"]))
        (tmp_path / "breeds" / "metadata.csv").write_text("image_id,patient_id\n" + ids)
    else:  # the size and the times stay
        times, content = place.stat(), bytearray(place.read_bytes())
        Image.new("RGB", (60, 50)).save(place)
        small = place.read_bytes()
        place.write_bytes(small + bytes(len(content) - len(small)))
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    main(Config(images=(str(tmp_path / "man" / "1.png"),), **config))
    assert "head: trained and kept" in capsys.readouterr().out


def test_what_is_no_picture_is_refused_at_once_or_after_the_others(config, tmp_path, capsys):
    good, bad = str(tmp_path / "man" / "1.png"), str(tmp_path / "own.pth")
    with pytest.raises(UserError, match=r"^IMAGE \S+own.pth: not an image.* file is wanted$"):
        main(Config(images=(bad, good), **config))
    assert f"{good}: " in capsys.readouterr().out
    with pytest.raises(UserError, match=r"--evaluate \(off\) and no IMAGE: one picture or more"):
        Config()
    with pytest.raises(UserError, match=r"^--detector no: one or more of haar-alt, mtcnn, "):
        Config(images=("a.png",), detector="no")
    (tmp_path / "empty").mkdir()
    missing = {**config, "weights": "nowhere.pth"}  # not looked for: there is nothing to look at
    with pytest.raises(UserError, match=r"^IMAGE \S+empty: no file in it; a picture file is"):
        main(Config(images=(str(tmp_path / "empty"),), **missing))


def test_the_evaluation_from_pictures_to_report(store, config, tmp_path, capsys):
    asked = Config(evaluate=True, limit=4, **config)
    main(asked)
    study = reports.load("dog_app")
    assert estimates_are_what_was_logged(study) == 4
    assert study["arm"].values.tolist() == ["haar-alt"]
    card = study.attrs["card"]
    assert card["counts"]["test"] == [4, 4, 2, 4]  # 2 dogs for validation
    assert "composites made here" in card["warnings"][0]
    assert study["of"].values.tolist() == [0] * 4 + [1] * 4 + [2] * 2 + [3] * 4
    assert study["label"].values[4:8].tolist() == [-1] * 4
    assert set(study["label"].values[:4]) <= {0, 1}
    assert study["class"].values.tolist() == ["boxer", "pug"]
    assert list(judge(study)) == ["D7a", "D7b", "D7c"]
    whole = reports.exhibits(study)["four-ways"].frame()
    sums = whole.pivot_table("count", "order", "shows", aggfunc="sum")
    assert sums[["dog", "human", "both", "neither"]].to_numpy().tolist() == [[4, 4, 2, 4]] * 3
    first = Store().run(study.attrs["runs"]["haar-alt/0"])
    (tmp_path / "kept.safetensors").write_bytes(Store().read(first, "head.safetensors"))
    assert bundle.load(tmp_path / "kept.safetensors").classes == ("boxer", "pug")
    capsys.readouterr()
    main(replace(asked, threshold=0.3))  # it is judged at all thresholds
    assert "1 of 1 trials are in the store: 0 to train" in capsys.readouterr().out
    main(replace(asked, detector="haar-alt2"))
    study = reports.load("dog_app")
    assert study["arm"].values.tolist() == ["haar-alt", "haar-alt2"]
    assert study["trained"].all()
    assert np.allclose(*study["dog"].isel(seed=0))
